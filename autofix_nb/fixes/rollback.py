"""Go back to the last good weights and optimizer state, held in memory. The data go on."""

from typing import ClassVar

from autofix_nb.checkpoints import Snapshot
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix, Trainee


class Rollback(Fix):
    """Restore weights, buffers and optimizer moments: weights alone would be spoiled again by the moments."""

    name: ClassVar = "rollback"
    touches: ClassVar = "loop"

    def __init__(self) -> None:
        self._away: Snapshot | None = None

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        if run.snapshot is None:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"weights and optimizer went back to those of step {run.snapshot.step}",
            after={"step": run.snapshot.step},
        )

    def apply(self, change: Change, run: Trainee) -> None:
        if run.snapshot is not None and self._away is None:
            self._away = run.snapshot.again()
            run.snapshot.restore()

    def undo(self, change: Change, run: Trainee) -> None:
        """Go back to the weights, buffers and moments that were there before."""
        if self._away is not None:
            self._away.restore()
            self.forget()

    def forget(self) -> None:
        self._away = None
