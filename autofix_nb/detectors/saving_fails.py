"""Saving fails, or lags far behind: what was trained since the last save would be lost with this kernel.

The disk may be full, the Drive gone, or the mirror slow. Read from what the loop counts: saves that failed, and the
seconds since the last one that did not; and the same of the copies that a run with `store="drive"` or a URL has.

Reference: https://research.google.com/colaboratory/faq.html (virtual machines are deleted when idle for a while)
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class SavingFails(Detector):
    """Saves failed, or the last one that did not is long ago; or the same of the copies elsewhere."""

    code: ClassVar = "R03"
    title: ClassVar = "Saving fails"
    when: ClassVar = "step"
    reads: ClassVar = ("save_failed", "saved_seconds_ago", "mirror_failed", "mirrored_seconds_ago")
    shows: ClassVar = (("saved_seconds_ago", "mirrored_seconds_ago"), ("save_failed", "mirror_failed"))
    fixes: ClassVar = ()
    why: ClassVar = (
        "If the kernel dies now, all steps since the last save are lost. Free some space, or mount the Drive."
    )
    how: ClassVar = "The loop counts the saves that failed and notes how long ago the last good one was."

    recovered_seconds: float = 60.0
    """A save that went well no longer ago means that saving works again."""

    late_seconds: float = 1800.0
    """Seconds without a save from which it is a warning, whether one failed or not."""

    def check(self, history: History) -> Finding | None:
        if not any(map(history.count, self.reads)):
            raise NotApplicable("`save_failed`: nothing recorded")
        found = [
            self._look(history, "save_failed", "saved_seconds_ago", "saving failed", "save"),
            self._look(history, "mirror_failed", "mirrored_seconds_ago", "copying the saves elsewhere failed", "copy"),
        ]
        return max(filter(None, found), key=lambda finding: finding.severity, default=None)

    def _look(self, history: History, counts: str, waits: str, what: str, noun: str) -> Finding | None:
        failed, ago = history.last(counts), history.last(waits)
        known = isfinite(ago) and ago >= 0
        since = f"the last good {noun} was {ago:.0f} s ago" if known else f"no {noun} went well yet"
        if isfinite(failed) and failed > 0:
            # A save that went well before the last failure says nothing about now.
            well_again = known and ago < self.recovered_seconds and history.step(waits) > history.step(counts)
            return self.found(
                history,
                f"{what} {failed:.0f} times, limit 0, and {since}",
                severity=Severity.NOTE if well_again else Severity.WARNING,
                measured=failed,
                limit=0,
                judged=counts,
                step=history.step(counts),
            )
        if known and ago > self.late_seconds:
            return self.found(
                history,
                f"{since}, limit {self.late_seconds:.0f} s",
                severity=Severity.WARNING,
                measured=ago,
                limit=self.late_seconds,
                judged=waits,
                step=history.step(waits),
            )
        return None
