"""Gather the gradients of fewer batches for a step, where so many are gathered that hardly any steps are taken."""

from typing import ClassVar

from autofix_nb.evidence.batches import length_of
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

ENOUGH = 200
"""Steps that a run is to have: as many batches are gathered as leave these, and one alone is tried as well."""


class GatherLess(SettingFix):
    """Take a step after fewer batches; the same batches are gone through, so that it takes no longer."""

    name: ClassVar = "gather_less"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        facts = run.history.facts
        now, planned = int(facts.get("accumulate") or 1), int(facts.get("planned_steps") or 0)
        batches = length_of(run.train) or 0  # a stream has none
        if not hasattr(run, "gather") or getattr(run, "step_count", 1) or not planned:
            return []
        fewer = max(1, batches * int(facts.get("planned_epochs") or 1) // ENOUGH)
        before = run.controls.gather
        return [_change(before, now, one) for one in dict.fromkeys((fewer, 1)) if one < min(now, batches)]

    def apply(self, change: Change, run: Trainee) -> None:
        run.gather(change.after["gather"])

    def undo(self, change: Change, run: Trainee) -> None:
        run.gather(change.before["gather"])


def _change(before: int | None, now: int, fewer: int) -> Change:
    what = f"each {fewer} batches" if fewer > 1 else "each batch"
    return Change(
        fix=GatherLess.name,
        touches=GatherLess.touches,
        says=f"a step is taken after {what} (before: {now})",
        before={"gather": before},
        after={"gather": fewer},
        permanent=f"af.fit(..., accumulate={fewer})",
    )
