"""Leave one batch out: no step is taken for it. For a fault that no single sample can be blamed for."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee


class SkipBatch(SettingFix):
    """Take no step for this batch; weights, moments, running statistics and the random stream are untouched."""

    name: ClassVar = "skip_batch"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return Change(fix=self.name, touches=self.touches, says="no step was taken for this batch")
