"""The best decision threshold is not 0.5: "yes" should be said from another probability on.

Validation measures it in each epoch: F1 at 0.5, and F1 at the best threshold, which is chosen on one half of the rows
and judged on the other, so that luck with few rows does not count (see `loop/thresholds.py`). Where one class is rare,
the two are often far apart; nothing of the training has to be changed for it.

Reference: Lipton, Elkan, Naryanaswamy (2014), https://arxiv.org/abs/1402.1892
"""

from dataclasses import dataclass
from math import ceil, isfinite
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.goals import column
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class DecisionThreshold(Detector):
    """Saying "yes" from another probability than 0.5 on gives a clearly better F1 on validation data."""

    code: ClassVar = "L09"
    title: ClassVar = "The best decision threshold is not 0.5"
    when: ClassVar = "epoch"
    reads: ClassVar = ("val/threshold", "val/f1_at_threshold", "val/f1_at_half")
    shows: ClassVar = (("val/f1_at_threshold", "val/f1_at_half"), ("val/threshold",))
    fixes: ClassVar = ("tune_threshold",)
    why: ClassVar = (
        "A model that is unsure of a rare class seldom gives it more than 0.5, and still ranks its rows well. Another "
        "threshold finds them, without training anything anew."
    )
    how: ClassVar = (
        "F1 at 0.5 against F1 at the best threshold, chosen and judged on different halves of the validation rows, "
        "in each of the newest epochs; only with at least 30 rows of each class."
    )

    newest: int = 3
    """Epochs that must all agree."""

    planned_share: float = 0.5
    """Share of the planned epochs before which a threshold is that of an unripe model."""

    ripe: int = 10
    """Epochs after which it is ripe enough, however many are planned."""

    better: float = 0.03
    """How much better F1 must be than at 0.5."""

    def check(self, history: History) -> Finding | None:
        planned = history.facts.get("planned_epochs")
        early = self.planned_share * planned if isinstance(planned, int | float) and isfinite(planned) else 0
        # Where F1 at the best threshold is the goal, that threshold belongs to it.
        newest = 1 if history.facts.get("even_goal") else self.newest
        rows, least = history.rows(), max(newest, ceil(min(early, self.ripe)))
        if len(rows) < least:
            raise NotApplicable(f"`threshold`: {len(rows)} of {least} epochs recorded")
        rows = rows[-newest:]
        threshold, tuned, half = (column(rows, name) for name in self.reads)
        with np.errstate(all="ignore"):
            gain = float(np.min(tuned - half))
        if not gain > self.better:
            return None
        return self.found(
            history,
            f'"yes" from a probability of {threshold[-1]:.3g} on gives an F1 of {tuned[-1]:.3f} on validation data, '
            f"from 0.5 on {half[-1]:.3f}; better by at least {gain:.3f} in {newest} epochs, limit {self.better:g}",
            severity=Severity.NOTE,
            measured=gain,
            limit=self.better,
            step=rows[-1]["step"],
        )
