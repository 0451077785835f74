"""Clipping more than half the steps: the limit, and no longer the gradient, decides how far a step goes.

Optimizers that divide by the size of the gradient (Adam and its kin) lose next to nothing by it, and recurrent nets
and transformers are trained so as a matter of course: for them it is a note. Plain gradient descent takes smaller
steps than was asked for; a warning when the run learns little or nothing meanwhile.

Reference: Zhang et al. (2020), Why Gradient Clipping Accelerates Training, https://arxiv.org/abs/1905.11881
"""

from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import gain_of, is_learning, median
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History

MIND = ("SGD", "ASGD")
"""Optimizers whose steps are as long as the gradient."""


@dataclass(frozen=True, kw_only=True)
class MostlyClipped(Detector):
    """The gradient was clipped in most of the newest steps."""

    code: ClassVar = "G06"
    title: ClassVar = "Clipping most of the steps"
    when: ClassVar = "step"
    reads: ClassVar = ("clipped", "lr")
    shows: ClassVar = (("clipped",), ("grad_norm",))
    fixes: ClassVar = ("scale_lr", "swap_optimizer")
    why: ClassVar = (
        "A gradient that is always clipped only gives the direction. With plain gradient descent the steps are then "
        "shorter than the learning rate says, and learning takes far longer."
    )
    how: ClassVar = (
        "The share of clipped steps among the newest. It is more than a note only where the optimizer's step is as "
        "long as the gradient, and the run learns little or nothing while its weights hardly move."
    )

    newest: int = 100
    """Steps that are looked at."""

    note: float = 0.2
    """Share of clipped steps from which it is mentioned."""

    warning: float = 0.5
    """Share from which the limit decides."""

    slow: float = 0.1
    """Share of the loss of wrongly paired targets that a run must have gained not to be slow."""

    journey: float = 1.0
    """How far the weights must be on their way to move over all planned steps, as a share of their size."""

    def check(self, history: History) -> Finding | None:
        clipped = history.now("clipped", self.newest)
        if len(clipped) < self.newest:
            raise NotApplicable(f"`clipped`: {len(clipped)} of {self.newest} steps recorded")
        share = float(clipped.mean())
        if not share >= self.note:
            return None
        sure = share > self.warning and history.facts.get("optimizer") in MIND and self._is_slow(history)
        limit = self.warning if share > self.warning else self.note
        return self.found(
            history,
            f"the gradient was clipped in {share:.0%} of the last {self.newest} steps, limit {limit:.0%}"
            f"{', and the loss hardly falls' if sure else ''}",
            severity=Severity.WARNING if sure else Severity.NOTE,
            measured=share,
            limit=limit,
            judged="clipped",
            fixes=None if sure else (),
        )

    def _is_slow(self, history: History) -> bool:
        """Tell whether little is learnt, and the weights will not come far in what is left."""
        ratios, planned = history.now("update_ratio"), history.facts.get("planned_steps")
        if len(ratios) and planned and median(ratios) * planned > self.journey:
            return False
        gain = gain_of(history)
        if gain is not None and not gain.is_sure:
            return is_learning(history) is False
        if gain is not None:
            return gain.share < self.slow
        return is_learning(history) is False
