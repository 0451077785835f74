"""Stop when the goal has not become better for long; the best weights are put back (an announced service)."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee


class EarlyStop(SettingFix):
    """End the training after this epoch."""

    name: ClassVar = "early_stop"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return Change(
            fix=self.name,
            touches=self.touches,
            says="the training stops here",
            before={"stop": run.controls.stop},
            after={"stop": f"{finding.code} {finding.title}: {finding.says}"},
        )
