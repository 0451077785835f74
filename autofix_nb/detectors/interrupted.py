"""Interrupted and resumed: the run went on from what was saved. Nothing is wrong; it is good to know.

The loop says so when it goes on; here it is read again from the history.

Reference: https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class Interrupted(Detector):
    """The run was interrupted, and went on from a save."""

    code: ClassVar = "R05"
    title: ClassVar = "Resumed"
    when: ClassVar = "step"
    reads: ClassVar = ("resumed",)
    fixes: ClassVar = ()
    why: ClassVar = "The steps after the last save were done twice; the result is that of a run never interrupted."
    how: ClassVar = "The loop notes each time it goes on from a save."

    def check(self, history: History) -> Finding | None:
        if not history.count("resumed"):
            raise NotApplicable("`resumed`: nothing recorded")
        step = history.last("resumed")
        if not isfinite(step):
            return None
        return self.found(
            history,
            f"went on with what was saved at step {step:.0f}",
            severity=Severity.NOTE,
            measured=step,
            limit=0,
        )
