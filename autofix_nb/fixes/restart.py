"""Begin again from the first weights: what was learnt so far is nothing, or worse than nothing.

A dead or blown-up start is not mended by smaller steps from where it ended. The policy restarts a training together
with the change that is to help; this fix is the name of that, and of a restart alone.
"""

from typing import Any, ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix, Trainee


class Restart(Fix):
    """Put the first weights and an optimizer that remembers nothing back; the way back is the run's own snapshot."""

    name: ClassVar = "restart"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        if not hasattr(run, "begin_again"):
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says="the training begins again from its first weights",
            after={"restart": finding.step},
        )

    def apply(self, change: Change, run: Any) -> None:
        run.begin_again()

    def undo(self, change: Change, run: Trainee) -> None:
        """Nothing: whoever restarts keeps a snapshot, and goes back to it."""

    def replay(self, change: Change, run: Trainee) -> None:
        """Nothing: the weights that were saved are those after it."""
