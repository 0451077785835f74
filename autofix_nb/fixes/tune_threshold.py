"""Say "yes" from the probability on that is best on validation data (Lipton, Elkan, Naryanaswamy 2014)."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

LEAST = 0.005
"""A threshold so near the one in use is the same."""


class TuneThreshold(SettingFix):
    """Put the decision threshold where F1 on validation data is best. Nothing of the training is changed by it."""

    name: ClassVar = "tune_threshold"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        rows = [row for row in run.history.rows() if "val/threshold" in row]
        if not rows:
            return None  # no yes or no, or too few rows of a class
        row, before = rows[-1], run.controls.threshold
        best, half, tuned = (float(row[f"val/{name}"]) for name in ("threshold", "f1_at_half", "f1_at_threshold"))
        now = 0.5 if before is None else before
        if not tuned > half or abs(best - now) < LEAST:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f'"yes" is said from a probability of {best:.3g} on (before: {now:.3g}); '
            f"F1 on validation data is {tuned:.3f}, at 0.5 {half:.3f}",
            before={"threshold": before},
            after={"threshold": best},
            permanent=f"yes = torch.sigmoid(model(inputs)) > {best:.3g}",
        )
