"""Fixes that are made before a training begins, and another way while it is under way: as settings of the loop."""

from abc import abstractmethod
from dataclasses import fields
from typing import Any

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Controls, Trainee
from autofix_nb.fixes.preparing import PreparingFix

SETTINGS = frozenset(field.name for field in fields(Controls))


class UnderWayFix(PreparingFix):
    """Base class. A subclass writes `settle`, which plans for a training that is under way."""

    @abstractmethod
    def settle(self, finding: Finding, run: Trainee) -> list[Change]:
        """Return changes of settings of the loop alone, gentlest first; touches nothing."""

    def plan(self, finding: Finding, run: Any) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Any) -> list[Change]:
        if finding.step:
            return self.settle(finding, run)
        change = super().plan(finding, run)
        return [] if change is None else [change]

    def apply(self, change: Change, run: Any) -> None:
        if not is_setting(change):
            super().apply(change, run)
            return
        for setting, value in change.after.items():
            setattr(run.controls, setting, value)

    def undo(self, change: Change, run: Any) -> None:
        """Put the settings back, or give the user's objects back what they had."""
        if not is_setting(change):
            super().undo(change, run)
            return
        for setting, value in change.before.items():
            setattr(run.controls, setting, value)

    def replay(self, change: Change, run: Any) -> None:
        """Settings are saved and put back by themselves; what was done before is done again by whoever prepared it."""
        if not is_setting(change):
            super().replay(change, run)


def is_setting(change: Change) -> bool:
    """Tell whether a change is one of settings of the loop alone."""
    return set(change.after) <= SETTINGS
