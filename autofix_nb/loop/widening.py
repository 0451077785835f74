"""A model with fewer outputs than its labels count: it gets those that are missing before the first step.

No race is needed: as it is, the training cannot take a single step.
"""

from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.errors import DataError
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.widen_output import MOST_TIMES
from autofix_nb.loop.probe import FEW_WRONG
from autofix_nb.policy import Candidate

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

WIDEN = "widen_output"


def outputs_wanted(outputs: Any, targets: Any, labels: torch.Tensor | None) -> int:
    """Return how many outputs the labels want, where the model has fewer; 0 where it has enough, or nobody can tell.

    `labels` are those of all samples, where they are known: one batch need not hold each kind.
    """
    kinds = targets if labels is None else labels
    tensors = isinstance(outputs, torch.Tensor) and isinstance(kinds, torch.Tensor)
    if not tensors or outputs.dim() < 2 or outputs.shape[1] < 2 or kinds.is_floating_point() or not kinds.numel():
        return 0
    if kinds.dtype == torch.bool or targets.dim() != outputs.dim() - 1:
        return 0
    width, low, high = outputs.shape[1], int(kinds.min()), int(kinds.max())
    beyond = float((kinds >= width).float().mean())
    # With all numbers in use they count classes; slips are few.
    in_use = high < MOST_TIMES * width and len(kinds.unique()) >= high
    return high + 1 if low >= 0 and high >= width and beyond > FEW_WRONG and in_use else 0


def widened(outputs: torch.Tensor, wanted: int) -> torch.Tensor:
    """Return outputs (N, K, ...) with so many classes, the new ones at 0."""
    return torch.cat([outputs, outputs.new_zeros(len(outputs), wanted - outputs.shape[1], *outputs.shape[2:])], 1)


def widen_output(guard: "Guard", wanted: int, width: int) -> None:
    """Give a model of `width` outputs as many as the labels count; a resumed run has them.

    Raises:
        DataError: where no layer of the model can be made wider.
    """
    if not wanted or guard.status != "running" or guard.step_count or guard.standing_changes:
        return
    fix = FIXES[WIDEN]()
    finding = Finding(
        code="B04",
        title="Label range",
        severity=Severity.CRITICAL,
        step=0,
        measured=wanted - 1,
        limit=width - 1,
        says=f"the labels count up to {wanted - 1}, and the model has {width} outputs, for 0 to {width - 1}",
        fixes=(WIDEN,),
    )
    change = fix.plan(finding, guard)
    if change is None:
        raise DataError(
            f"`targets` hold label {wanted - 1}, the model has {width} outputs, so wanted 0 to {width - 1}: labels "
            f"must count from 0, or give the model {wanted} outputs"
        )
    guard.adopt(Candidate(fixes=[(fix, change)]))
    guard.policy.take_down(finding, change)
