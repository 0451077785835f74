"""A `step` of the user's own that is nothing but a loss of outputs and targets is seen through, and known as one.

`step(model, batch)` says nothing of what is compared with what, so that most questions could not be asked of it: does
the loss fit the outputs, what would a constant answer cost, do the outputs know anything of the targets? Many a step
calls the model once, on the inputs as they are or with some noise, and returns a loss of its outputs and of the last
part of the batch. That is found out by asking it again with a stand-in that gives the same answers (see
`answering.py`), and inputs that hold nothing: the same value says that it needs no more, another one with targets of
other rows that it hears them. Trained is with the step as the user wrote it.
"""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.objective import tasks
from autofix_nb.objective.answering import held, overheard
from autofix_nb.objective.modes import evaluating
from autofix_nb.objective.objective import TARGET_NAMES, split_batch, total_loss

LEAST_ROWS = 4
"""Rows from which targets are exchanged."""

SAME = 1e-5
"""Share of its size by which a loss may differ from one of torch's, by rounding, and still be that one."""

KNOWN = (
    functional.cross_entropy,
    functional.mse_loss,
    functional.binary_cross_entropy_with_logits,
    functional.binary_cross_entropy,
    functional.nll_loss,
    functional.l1_loss,
    functional.smooth_l1_loss,
    tasks.mean_squared_error,
    tasks.binary_cross_entropy,
    tasks.binary_cross_entropy_of_probabilities,
)
"""Losses that a step's is compared with, to be known by its name."""


class StepLoss:
    """The loss of outputs and targets as a step computes it: `step` on a batch of nothing but targets."""

    def __init__(self, step: Callable[[Any, Any], Any], model: nn.Module, data: Any) -> None:
        self._step, self._model = step, model
        self.__name__ = getattr(step, "__name__", type(step).__name__)
        self._named = isinstance(data, Mapping)
        parts = data if self._named else dict(enumerate(data))
        self._place = next(name for name in TARGET_NAMES if name in data) if self._named else len(parts) - 1
        self._forms = {name: (part.shape[1:], part.dtype) for name, part in parts.items()}
        self._kind = type(data)

    def __call__(self, outputs: Any, targets: Any, fill: int = 0) -> Any:
        """Return the loss, or its named parts; `fill` is what whole numbers of the inputs hold, others hold NaN."""
        batch = {
            name: targets if name == self._place else _nothing(kind, fill, targets.device).expand(len(targets), *shape)
            for name, (shape, kind) in self._forms.items()
        }
        data = batch if self._named else self._kind(batch.values())
        return held(self._step, self._model, outputs, data)


def _nothing(kind: torch.dtype, fill: int, device: torch.device) -> torch.Tensor:
    return torch.full((), float("nan") if kind.is_floating_point else fill, dtype=kind, device=device)


def seen_through(step: Callable[[Any, Any], Any], model: nn.Module, data: Any) -> Callable[[Any, Any], Any] | None:
    """Return the loss that a step is, one of torch's where it is that; None where it is more, or cannot be told.

    `data` is one batch on the device. The step is called a few times, in eval mode and without gradients. The caller
    puts back buffers and torch's random stream.
    """
    found, memory = None, Memory(step)
    with suppress(Exception), evaluating(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch warns of is told by the look before training
        found = _loss_of(step, model, data)
    return None if memory.came_back() or getattr(model, "_compiled_call_impl", None) is not None else found


def _loss_of(step: Callable[[Any, Any], Any], model: nn.Module, data: Any) -> Callable[[Any, Any], Any] | None:
    if not _is_plain(data):
        return None
    inputs, targets = split_batch(data)
    with overheard(model) as calls:
        right = _value(lambda: step(model, data))
    outputs = calls.only
    if not isinstance(outputs, torch.Tensor) or not outputs.is_floating_point() or outputs.dim() < 1:
        return None
    if len(outputs) != len(targets) or not _are_same_inputs(calls.asked[0], inputs):
        return None
    loss = StepLoss(step, model, data)
    again = [_value(lambda fill=fill, seed=seed: loss(outputs, targets, fill), seed) for fill, seed in ((0, 0), (1, 7))]
    if not bool(right.isfinite().all()) or not all(torch.equal(right, one) for one in again):
        return None
    # One that broadcasts compares each row with all, and hears of targets that are larger alone.
    others = [targets.roll(len(targets) // 2, 0), *([1.5 * targets + 1] if targets.is_floating_point() else [])]
    if all(torch.equal(right, _value(lambda those=those: loss(outputs, those))) for those in others):
        return None
    return next((one for one in KNOWN if _is_the_same(one, loss, outputs, targets)), loss)


def _is_plain(data: Any) -> bool:
    parts = list(data.values()) if isinstance(data, Mapping) else data if type(data) in (list, tuple) else []
    if isinstance(data, Mapping) and (type(data) is not dict or not set(TARGET_NAMES) & set(data)):
        return False
    tensors = len(parts) > 1 and all(isinstance(part, torch.Tensor) and part.dim() for part in parts)
    return tensors and len({len(part) for part in parts}) == 1 and len(parts[0]) >= LEAST_ROWS


def _are_same_inputs(asked: tuple[tuple[Any, ...], dict[str, Any]], inputs: Any) -> bool:
    """Tell whether the model was asked about the inputs, as they are or with noise: then it takes them as they are."""
    places, names = asked
    wanted = (), inputs
    if not isinstance(inputs, Mapping):
        wanted = (inputs if isinstance(inputs, tuple) else (inputs,)), {}
    if len(places) != len(wanted[0]) or names.keys() != wanted[1].keys():
        return False
    pairs = [*zip(places, wanted[0], strict=True), *((names[name], part) for name, part in wanted[1].items())]
    tensors = all(isinstance(one, torch.Tensor) for one, _ in pairs)
    return tensors and all(one.shape == other.shape and one.dtype == other.dtype for one, other in pairs)


def _is_the_same(known: Callable[..., Any], loss: StepLoss, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a loss gives what another one does, for two kinds of outputs, and is a single number."""
    spread = outputs + torch.linspace(-1, 1, outputs.numel(), device=outputs.device).view(outputs.shape)
    try:
        for tried in (spread.sigmoid(), 0.1 + 0.5 * spread.roll(1, 0).sigmoid()):
            one, other = loss(tried, targets), known(tried, targets)
            if not isinstance(one, torch.Tensor) or not torch.isclose(one, other, rtol=SAME, atol=0.0).all():
                return False
    except Exception:  # noqa: BLE001 - it does not take these targets, so it is not that
        return False
    return True


def _value(ask: Callable[[], Any], seed: int = 0) -> torch.Tensor:
    with LoadingRandomness(seed):
        loss, parts = total_loss(ask())
    return torch.stack([loss.detach().double(), *(part.detach().double().reshape(()) for part in parts.values())])


class Memory:
    """What a step may remember from call to call: what its variables, and its object, hold."""

    def __init__(self, step: Any) -> None:
        owner = getattr(step, "__self__", step)
        self._places: list[Any] = [vars(owner)] if hasattr(owner, "__dict__") else []
        self._cells = list(getattr(getattr(step, "__func__", step), "__closure__", None) or ())
        values = [cell.cell_contents for cell in self._cells if _is_assigned(cell)]
        self._cells = [cell for cell in self._cells if _is_assigned(cell)]
        self._values = values
        self._places += [value for value in values if isinstance(value, dict | list)]
        self._held = [place.copy() for place in self._places]

    def came_back(self) -> bool:
        """Put back what has changed since. Returns whether anything had."""
        changed = False
        for cell, value in zip(self._cells, self._values, strict=True):
            if cell.cell_contents is not value:
                cell.cell_contents, changed = value, True
        for place, before in zip(self._places, self._held, strict=True):
            if not _hold_the_same(place, before):
                changed = True
                place.clear()
                place.update(before) if isinstance(place, dict) else place.extend(before)
        return changed


def _is_assigned(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - it raises where there is nothing
    except ValueError:
        return False
    return True


def _hold_the_same(one: Any, other: Any) -> bool:
    if len(one) != len(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(one[name] is other[name] for name in one)
    return all(left is right for left, right in zip(one, other, strict=True))
