"""Mode collapse: nearly all rows are given one class, which far fewer of them have.

Predicted and true shares are compared over the same batches, so that a majority class that is predicted as often as it
comes is nothing. A data set in which one class has nearly all rows is answered so early in any training: that is a
note, until a good part of the run is over and the others are still not seen.
"""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.life import signs_of_life, steps_at_rate
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class ModeCollapse(Detector):
    """One class is predicted for nearly all rows."""

    code: ClassVar = "L06"
    title: ClassVar = "Mode collapse"
    when: ClassVar = "step"
    reads: ClassVar = ("top_share", "share/0", "target_share/0", "gain", "chance")
    shows: ClassVar = (("top_share",), ("share/{where}", "target_share/{where}"))
    fixes: ClassVar = ("class_weights", "scale_lr", "reinitialise", "swap_activations", "swap_optimizer")
    why: ClassVar = "The other classes are lost, however good the accuracy looks where one class has most rows."
    how: ClassVar = (
        "The share of the class predicted most often over the newest batches, against its share among the targets of "
        "the same batches."
    )

    batches: int = 5
    """Sampled batches that are judged at least."""

    rows: int = 200
    """Rows that are judged at least: a batch of one is always one class."""

    collapsed: float = 0.95
    """Share of the predictions from which one class has nearly all."""

    severe: float = 0.98
    """The same for a critical finding."""

    fewer: float = 0.8
    """Share of the targets above which the class is a large majority, and is judged late only."""

    late: float = 0.3
    """Share of the planned steps from which a large majority class is judged."""

    certain: float = 0.6
    """Share of the planned steps from which signs of life are no excuse."""

    patience: int = 100
    """Steps that are left alone at least, or a tenth of those planned: slow starts give one answer to all."""

    def check(self, history: History) -> Finding | None:
        with np.errstate(all="ignore"):
            return self._judge(history)

    def _judge(self, history: History) -> Finding | None:
        rows = int(history.facts.get("batch_size") or 1)
        count = max(self.batches, ceil(self.rows / rows))
        tops = self.finite(history, "top_share", count)
        shares = _shares(history, "share/", count)
        target = float("nan")
        if shares:
            name = max(shares, key=shares.__getitem__)
            share, target = shares[name], _shares(history, "target_share/", count).get(name, target)
        else:
            if rows < 4:
                raise NotApplicable("`share/0`: not recorded, and batches are too small to tell")
            name, share = "", float(np.mean(tops))
            # More classes than are followed one by one: only where chance is low can one have nearly all targets.
            target = 1.0 if not history.last("chance") > 1.0 else 0.5
        if not np.isfinite(target):
            raise NotApplicable("`target_share/0`: nothing recorded")
        if share < self.collapsed or target > self.collapsed * share:
            return None
        planned = int(history.facts.get("planned_steps") or 0)
        steps = history.step("top_share") - max(0, history.since)
        large = target > self.fewer
        patience = max(self.patience, int((self.late if large else 0.1) * planned))
        dead = _is_constant(history, count)
        waits = min(steps, steps_at_rate(history)) < patience or (
            steps < self.certain * planned and bool(signs_of_life(history))
        )
        if waits and not (dead and not large):
            return None
        severity = Severity.CRITICAL if share > self.severe and not large else Severity.WARNING
        who = f"class {name}" if name else "one class"
        return self.found(
            history,
            f"{who} is predicted for {share:.1%} of the rows (limit {self.collapsed:.0%}) and is the target of "
            f"{target:.1%}",
            severity=severity,
            measured=share,
            limit=self.collapsed,
            judged=f"share/{name}" if name else "top_share",
            where=(name,) if name else (),
        )


def _shares(history: History, prefix: str, count: int) -> dict[str, float]:
    """Return the mean share of each class over the newest batches."""
    shares = {}
    for name in history.names():
        if name.startswith(prefix):
            values = history.now(name, count)
            values = values[np.isfinite(values)]
            if len(values):
                shares[name.removeprefix(prefix)] = float(values.mean())
    return shares


def _is_constant(history: History, count: int) -> bool:
    """Tell whether the outputs are the same for all rows."""
    spread = history.now("output_spread", count)
    return bool(len(spread)) and bool(np.all(spread < 1e-6))
