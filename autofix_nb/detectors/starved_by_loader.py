"""The loader starves the model: a step waits longer for its batch than it takes to train on it.

Medians, because the first batch of an epoch waits for the workers to start. It comes from the clock, so it is a note
and changes nothing.

Reference: https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class StarvedByLoader(Detector):
    """Waiting for batches takes longer than training on them."""

    code: ClassVar = "R04"
    title: ClassVar = "The loader starves the model"
    when: ClassVar = "step"
    reads: ClassVar = ("load_seconds", "step_seconds")
    shows: ClassVar = (("load_seconds", "step_seconds"),)
    fixes: ClassVar = ()
    why: ClassVar = "More than half of the time goes by in waiting: the same training could be done in half of it."
    how: ClassVar = "Median seconds that a step waits for its batch, against the median seconds that it trains on it."

    newest: int = 100
    """Steps whose medians are compared."""

    seconds: float = 0.005
    """Wait up to which nothing is said, however short the step."""

    def check(self, history: History) -> Finding | None:
        waits = float(np.median(self.finite(history, "load_seconds", self.newest)))
        steps = float(np.median(self.finite(history, "step_seconds", self.newest)))
        if waits <= max(self.seconds, steps):
            return None
        return self.found(
            history,
            f"a step waits {1000 * waits:.3g} ms for its batch and takes {1000 * steps:.3g} ms itself (limit: as "
            "long); more `num_workers` in the DataLoader, data copied from Drive to the disk, or samples "
            "kept in memory mend it",
            severity=Severity.NOTE,
            measured=waits,
            limit=max(self.seconds, steps),
            judged="load_seconds",
        )
