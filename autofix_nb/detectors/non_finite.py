"""NaN or Inf: the loss or the gradient norm is no longer a number.

Looked for in the loss as well as in the gradients: a loss of 0/0 can leave every gradient finite. The loop adds
*where first* (which input row, module output, loss, gradient or weight), which only a second look can tell.
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class NonFinite(Detector):
    """The newest loss or gradient norm is NaN or infinite."""

    code: ClassVar = "G03"
    title: ClassVar = "NaN or Inf"
    when: ClassVar = "step"
    reads: ClassVar = ("loss", "grad_norm")
    shows: ClassVar = (("loss",), ("grad_norm",))
    fixes: ClassVar = ("quarantine", "skip_batch", "rollback", "scale_lr")
    why: ClassVar = "One step with such a number makes every weight NaN, and nothing that follows can be saved."
    how: ClassVar = (
        "Loss and gradient norm are looked at before each step; the loop then searches for the first place that is not "
        "finite."
    )

    def check(self, history: History) -> Finding | None:
        if not history.count("loss"):
            raise NotApplicable("`loss`: nothing recorded")
        newest = {name: history.last(name) for name in self.reads if history.count(name)}
        bad = {name: value for name, value in newest.items() if not isfinite(value)}
        if not bad:
            return None
        says = " and ".join(f"{name} is {value}" for name, value in bad.items())
        return self.found(history, says, severity=Severity.CRITICAL)
