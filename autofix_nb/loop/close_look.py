"""A close look at the model now and then: how far a step moves the weights, and how its activations are.

Recorded in steps 1, 10, 25, 50 and then every 50th: `update_ratio` and `update_ratio/<component>`, the norm of the
change of the weights over the norm of the weights (about 0.001 in trainings that go well, says Karpathy, CS231n notes,
"Ratio of weights:updates"), and what `Listening` hears. Norms are those of evenly taken elements, scaled up.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import nn

from autofix_nb.loop.listening import Listening
from autofix_nb.signals import components_of

FIRST = frozenset({1, 10, 25, 50})
EVERY = 50
MOST_ELEMENTS = 4096
"""Elements of a weight that are compared."""

TINY = 1e-30
"""Square of a norm that counts as none: weights that are zero and stay so have a ratio of 0."""

Look = Callable[[], dict[str, float]]
"""Reads what was seen, by the names of the signals; this waits for the device."""

_NOTHING = nullcontext()


def is_due(step: int) -> bool:
    """Tell whether the step of this number, counted from 1, is looked at."""
    return step % EVERY == 0 or step in FIRST


class CloseLook:
    """Looks at the steps that are due; all others cost it one comparison."""

    def __init__(self, model: nn.Module, optimizer: Callable[[], torch.optim.Optimizer]) -> None:
        self._model = model
        self._optimizer = optimizer
        self._step = -1
        self._listening: Listening | None = None
        self._weights: _Weights | None = None

    def at(self, step: int) -> AbstractContextManager[None]:
        """Return the context for a forward and backward pass of the coming step; several batches may make one step."""
        return self._looking(step) if is_due(step) else _NOTHING

    @contextmanager
    def _looking(self, step: int) -> Iterator[None]:
        if step != self._step or self._listening is None:
            self._step = step
            self._weights = _Weights(self._model, self._optimizer())
            self._listening = Listening(self._model)
        with self._listening:
            yield

    def end(self, step: int) -> Look | None:
        """Return what was seen of the step that the optimizer has just taken, to be read at the hand-over."""
        if step != self._step or self._weights is None or self._listening is None:
            return None
        weights, stats = self._weights, self._listening.stats()
        weights.compare()
        self.forget()
        return lambda: weights.ratios() | _read(stats)

    def forget(self) -> None:
        """Drop a look that was begun: its step will not be taken, or the model is another one now."""
        self._step, self._weights, self._listening = -1, None, None


class _Weights:
    """Evenly taken elements of the weights before a step, to be compared with those after it."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        held = [part for group in optimizer.param_groups for part in group["params"]]
        every = list({id(part): part for part in (*model.parameters(), *held)}.values())
        self._parameters = [part for part in every if part.is_floating_point() and part.numel()]
        self._components, self._owners = components_of(model, self._parameters)
        in_optimizer = {id(part) for part in held}
        self._trained = [id(part) in in_optimizer and part.requires_grad for part in self._parameters]
        self._before = self._taken(copied=True)
        self._norms: torch.Tensor | None = None

    @torch.no_grad()
    def compare(self) -> None:
        """Measure how far the weights are from where they were; nothing is waited for."""
        after = self._taken(copied=False)
        if after:
            moved = [new - old for new, old in zip(after, self._before, strict=True)]
            norms = [_norm(part) for part in (*moved, *self._before, *after)]
            self._norms = torch.stack([norm.to(norms[0].device) for norm in norms])
        self._before = []

    def ratios(self) -> dict[str, float]:
        """Return how far the weights moved, over how large they are: of the trained ones, and of each component.

        What is not trained counts only in components that are not trained at all.
        """
        if self._norms is None:
            return {}
        scale_P = np.array([part.numel() / _count(part) for part in self._parameters])
        moved_P, before_P, after_P = self._norms.cpu().double().numpy().reshape(3, -1) ** 2 * scale_P
        size_P = np.maximum(before_P, after_P)
        trained_P, owners_P = np.array(self._trained), np.array(self._owners)
        chosen = {"update_ratio": trained_P}
        for number, name in enumerate(self._components):
            own = owners_P == number
            chosen[f"update_ratio/{name}"] = own & trained_P if (own & trained_P).any() else own
        return {
            name: float(np.sqrt(moved_P[places].sum() / max(size_P[places].sum(), TINY)))
            for name, places in chosen.items()
            if places.any()
        }

    def _taken(self, *, copied: bool) -> list[torch.Tensor]:
        taken = [_thinned(part.detach()) for part in self._parameters]
        return [part.clone() for part in taken] if copied else taken


def _thinned(part: torch.Tensor) -> torch.Tensor:
    flat = part.reshape(-1)
    return flat if len(flat) <= MOST_ELEMENTS else flat[:: -(-len(flat) // MOST_ELEMENTS)]


def _count(part: torch.Tensor) -> int:
    """Return how many elements of a weight are taken."""
    stride = -(-part.numel() // MOST_ELEMENTS)
    return -(-part.numel() // stride)


def _norm(part: torch.Tensor) -> torch.Tensor:
    part = part.float() if part.dtype in (torch.float16, torch.bfloat16) else part
    return torch.linalg.vector_norm(part).float()


def _read(stats: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return the numbers, with one transfer where they are on one device."""
    if not stats:
        return {}
    first = next(iter(stats.values()))
    values = torch.stack([value.to(first.device) for value in stats.values()]).tolist()
    return dict(zip(stats, values, strict=True))
