"""Plateau: the goal has not become better for many epochs.

Reference: Prechelt (1998), Early Stopping - But When?
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class Plateau(Detector):
    """No epoch within the patience was better than the best before."""

    code: ClassVar = "L03"
    title: ClassVar = "Plateau"
    when: ClassVar = "epoch"
    reads: ClassVar = ("goal", "higher_is_better")
    fixes: ClassVar = ("early_stop",)

    patience: int = 20
    """Epochs without a better goal before it is a plateau."""

    better_by: float = 1e-3
    """Share of the best value by which an epoch must beat it to count as better."""

    def check(self, history: History) -> Finding | None:
        rows = [row for row in history.epochs if isfinite(float(row.get("goal", "nan")))]
        if len(rows) <= self.patience:
            raise NotApplicable(f"`goal`: {len(rows)} of {self.patience + 1} epochs recorded")
        best, best_epoch = rows[0]["goal"], rows[0]["epoch"]
        for row in rows[1:]:
            gain = row["goal"] - best if row["higher_is_better"] else best - row["goal"]
            if gain > self.better_by * abs(best):
                best, best_epoch = row["goal"], row["epoch"]
        waited = rows[-1]["epoch"] - best_epoch
        if waited < self.patience:
            return None
        return self.found(
            history,
            f"{rows[-1]['goal_name']} has not become better for {waited} epochs (best {best:.4g} in epoch "
            f"{best_epoch}), limit {self.patience}",
            severity=Severity.NOTE,
            measured=waited,
            limit=self.patience,
            step=rows[-1]["step"],
        )
