"""Whether a loss stretches outputs and targets to a larger shape, by broadcasting, and what that changes."""

import warnings
from math import isclose
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FEWEST_ROWS = 4
"""Rows from which the order of targets is asked about."""

SAME_WITHIN = 1e-5
"""Share by which a loss may differ for another order of its sums."""


def stretched_loss(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[float, float] | None:
    """Return the loss as it is and with the targets shaped like the outputs, where it stretches them; else None."""
    if outputs.shape == targets.shape or outputs.numel() != targets.numel() or len(outputs) < 2:
        return None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            with _Stretching() as watched:
                as_it_is = float(loss(outputs, targets))
            reshaped = float(loss(outputs, targets.reshape(outputs.shape)))
        except Exception:  # noqa: BLE001 - a loss that refuses one of them does not broadcast
            return None
    return (as_it_is, reshaped) if watched.seen else None


def mixes_rows(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a loss compares every output with every target: it stretches, and the order of targets is all one.

    A loss may reshape what it is given before it stretches it; then no shape of the targets helps.
    """
    rows = len(outputs) if outputs.dim() else 0
    if rows < FEWEST_ROWS or targets.dim() == 0 or len(targets) != rows:
        return False
    turned = [targets.roll(by, 0) for by in (1, rows // 2)]
    if any(torch.equal(targets, other) for other in turned) or bool((outputs == outputs[:1]).all()):
        return False
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            with _Stretching() as watched:
                as_it_is = float(loss(outputs, targets))
            others = [float(loss(outputs, other)) for other in turned]
            mistaken = watched.seen and _wants_one_answer(loss, outputs, targets)
        except Exception:  # noqa: BLE001 - a loss that cannot be asked says nothing
            return False
    return mistaken and all(isclose(as_it_is, other, rel_tol=SAME_WITHIN) for other in others)


def _wants_one_answer(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether one answer for all rows costs less than the right answers: then it is no distance of two sets.

    Such distances (an energy distance, a mean discrepancy by a kernel) compare every row with every target by right,
    and are lowest where outputs and targets are the same set.
    """
    if outputs.numel() != targets.numel():
        return True
    right = targets.reshape(outputs.shape).to(outputs.dtype)
    return float(loss(right.mean(0, keepdim=True).expand_as(right), targets)) < float(loss(right, targets))


class _Stretching(TorchFunctionMode):
    """Notes whether a function was called with two tensors that are stretched to a shape larger than both."""

    seen = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [part for part in (*args, *(kwargs or {}).values()) if isinstance(part, torch.Tensor) and part.dim()]
        if len(given) >= 2 and given[0].shape != given[1].shape:
            self.seen = self.seen or _stretched(given[0].shape, given[1].shape)
        return func(*args, **(kwargs or {}))


def _stretched(left: torch.Size, right: torch.Size) -> bool:
    try:
        return torch.broadcast_shapes(left, right).numel() > max(left.numel(), right.numel())
    except RuntimeError:
        return False
