"""Begin again from the first weights: what was learnt so far is nothing, or worse than nothing.

A dead or blown-up start is not mended by smaller steps from where it ended. A race tries what could help from the first
weights, and the run goes on from where the winner came to. This fix is the name by which that is allowed or refused.
"""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix, Trainee


class Restart(Fix):
    """Begin again from the first weights, together with the change that helps; never by itself."""

    name: ClassVar = "restart"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return Change(
            fix=self.name,
            touches=self.touches,
            says="the training begins again from its first weights",
            after={"restart": finding.step},
        )

    def apply(self, change: Change, run: Trainee) -> None:
        """Nothing by itself: the loop takes over weights that a race trained from the first ones."""
