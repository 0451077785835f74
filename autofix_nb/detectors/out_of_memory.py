"""Out of memory: a batch did not fit, and is run in parts. The loop says so at once; here it is read again.

The gradients of the parts, weighted by their rows, add up to that of the whole batch.

Reference: https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(Detector):
    """A batch did not fit into memory; parts of it do."""

    code: ClassVar = "R01"
    title: ClassVar = "Out of memory"
    when: ClassVar = "step"
    reads: ClassVar = ("out_of_memory",)
    fixes: ClassVar = ()
    why: ClassVar = "Without it the training ends here; in parts it goes on with the same gradient, only slower."
    how: ClassVar = "The loop catches the error of the device and halves the parts until they fit."

    def check(self, history: History) -> Finding | None:
        if not history.count("out_of_memory"):
            raise NotApplicable("`out_of_memory`: nothing recorded")
        fits = history.last("out_of_memory")
        if not (isfinite(fits) and fits > 0):
            return None
        batch = history.facts.get("batch_size")
        rows = float(batch) if isinstance(batch, int | float) else float("nan")
        whole = f"a batch of {rows:.0f}" if isfinite(rows) else "a whole batch"
        return self.found(
            history,
            f"{whole} does not fit, parts of {fits:.0f} do; the gradient is that of the whole batch",
            severity=Severity.WARNING,
            measured=rows,
            limit=fits,
        )
