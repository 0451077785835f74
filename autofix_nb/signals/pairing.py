"""Whether the outputs know anything of the targets: the loss against the loss with targets of other rows.

`mispaired` is the loss when each row's outputs meet the targets of a row half a batch away, the level at which outputs
carry no information; `gain` is how far the loss lies below. Any loss of outputs and targets has both, whatever its
unit, and no random number is drawn. It is the idea of a permutation test (Good, "Permutation Tests", 2000; for features
Breiman, "Random Forests", 2001, §10), with the one shift that mixes a sorted batch most.
"""

import functools
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from autofix_nb.data.seeding import set_streams, streams
from autofix_nb.objective import total_loss

LEAST_ROWS = 4
"""Rows from which targets are exchanged."""


class Pairing:
    """Asks losses for their value with targets of other rows, and leaves those alone that remember being asked."""

    def __init__(self) -> None:
        self._refused: set[int] = set()
        self._known: list[Any] = []  # keeps the ids taken
        self._refused_before: set[str] = set()
        """Names of the losses that were refused before a resume."""

    def state(self) -> list[str]:
        """Return the names of the losses that are not asked any more, for a checkpoint."""
        return sorted(self._refused_before | {_name(loss) for loss in self._known})

    def restore(self, state: Collection[str]) -> None:
        """Put back what `state` returned."""
        self._refused_before = set(state)

    @contextmanager
    def asking(self, loss: Any) -> Iterator[bool]:
        """Context to ask a loss in; gives whether it may be asked. What it draws or writes down is put back."""
        if self._is_refused(loss) or _has_state(loss):
            yield False
            return
        if _is_known(loss):
            with torch.no_grad():
                yield True
            return
        before, cuda = streams(), torch.cuda.get_rng_state_all() if _cuda_is_up() else None
        owner = getattr(loss, "__self__", loss)
        kept = dict(vars(owner)) if hasattr(owner, "__dict__") else {}
        try:
            with torch.no_grad():
                yield True
        finally:
            set_streams(before)
            if cuda is not None:
                torch.cuda.set_rng_state_all(cuda)
            if kept and not _same_entries(vars(owner), kept):
                vars(owner).clear()
                vars(owner).update(kept)
                self._refuse(loss)

    def pair(self, loss: Callable[[Any, Any], Any], outputs: torch.Tensor, targets: Any) -> torch.Tensor | None:
        """Return the loss of outputs (N, ...) and targets (N, ...), and that with targets of other rows; shape (2,).

        NaN where the exchange changes no target, None where the loss does not take them. Nothing is waited for.
        """
        if len(outputs) < LEAST_ROWS or self._is_refused(loss):
            return None
        others = targets.roll(len(targets) // 2, 0)
        # A loss computed under autocast is computed in single precision.
        outputs = outputs.float() if outputs.dtype in (torch.float16, torch.bfloat16) else outputs
        try:
            both = torch.stack([total_loss(loss(outputs, those))[0] for those in (targets, others)]).float()
        except Exception:  # noqa: BLE001 - a loss of the user's that takes something else is not asked again
            self._refuse(loss)
            return None
        return torch.where((targets == others).all(), float("nan"), both)

    def _is_refused(self, loss: Any) -> bool:
        return id(loss) in self._refused or (bool(self._refused_before) and _name(loss) in self._refused_before)

    def _refuse(self, loss: Any) -> None:
        self._refused.add(id(loss))
        self._known.append(loss)


def _name(loss: Any) -> str:
    return getattr(loss, "__qualname__", type(loss).__qualname__)


def _is_known(loss: Any) -> bool:
    """Tell whether a loss is torch's or ours, which draw nothing and remember nothing."""
    while isinstance(loss, functools.partial):
        loss = loss.func
    home = type(loss).__module__ if isinstance(loss, nn.Module) else getattr(loss, "__module__", None) or ""
    return home in ("torch.nn.modules.loss", "torch.nn.functional", "torch._C._nn", "autofix_nb.objective.tasks")


def _has_state(loss: Any) -> bool:
    """Tell whether weights or buffers are in reach of a loss that is not torch's own: another call may change them."""
    return any(_is_stateful(part) for part in _in_reach(loss))


def _is_stateful(part: Any) -> bool:
    if not isinstance(part, nn.Module):
        return False
    if any(True for _ in part.parameters()):
        return True
    return any(not _is_known(module) and any(True for _ in module.buffers(recurse=False)) for module in part.modules())


def _in_reach(loss: Any) -> Iterator[Any]:
    while isinstance(loss, functools.partial):
        yield from (*loss.args, *loss.keywords.values())
        loss = loss.func
    yield loss
    yield getattr(loss, "__self__", None)
    for cell in getattr(loss, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    code = getattr(loss, "__code__", None)
    if code is not None:
        yield from (loss.__globals__.get(name) for name in code.co_names)


def _same_entries(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(left[name] is right[name] for name in left)


def _cuda_is_up() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()
