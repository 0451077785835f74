"""Samples set aside: a few are nothing to worry about, many are a broken data set."""

from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class SetAside(Detector):
    """The share of the training samples that are in quarantine."""

    code: ClassVar = "R02"
    title: ClassVar = "Samples set aside"
    when: ClassVar = "step"
    reads: ClassVar = ("quarantined_share", "quarantined")
    shows: ClassVar = (("quarantined_share",),)
    fixes: ClassVar = ("early_stop",)
    why: ClassVar = "The model learns from what is left: when much is left out, that is another data set."
    how: ClassVar = "The samples that could not be loaded or used are counted, as a share of the training data."

    warning: float = 0.05
    """Share from which it is more than a note."""

    critical: float = 0.20
    """Share from which the training stops: what is left is another data set."""

    def check(self, history: History) -> Finding | None:
        if not history.count("quarantined_share"):
            raise NotApplicable("`quarantined_share`: nothing recorded")
        share = history.last("quarantined_share")
        if not share > 0:
            return None
        severity, limit = Severity.NOTE, self.warning
        if share >= self.critical:
            severity, limit = Severity.CRITICAL, self.critical
        elif share >= self.warning:
            severity, limit = Severity.WARNING, self.warning
        count = int(history.last("quarantined"))
        return self.found(
            history,
            f"{count} of the training samples ({share:.2%}); below {self.warning:.0%} is nothing to worry about, "
            f"at {self.critical:.0%} the training stops",
            severity=severity,
            measured=share,
            limit=limit,
            judged="quarantined_share",
            fixes=self.fixes if severity == Severity.CRITICAL else (),
        )
