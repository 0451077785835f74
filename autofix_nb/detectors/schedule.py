"""Where a schedule has brought the learning rate: whether to next to nothing, for how long, and how late it was.

Rates fall by a thousand at the end of a cosine, for a moment between two cycles, and where a rate follows a plateau.
Too early is a fall that leaves a good part of the run to nothing, although the loss was still on its way down.
"""

from dataclasses import dataclass

import numpy as np

from autofix_nb.detectors.life import TREND, median_of, trend
from autofix_nb.history import History

HIGH = 0.1
"""Share of the height of a schedule down to which the rate counts as at work."""

FEW = 24
"""Losses at work below which all of them are judged, else those of the newer half."""

FELL = 0.05
"""Share of the loss by which it must have fallen in that stretch to have been on its way down."""


@dataclass(frozen=True, kw_only=True)
class Fall:
    """A rate that a schedule brought to next to nothing, and that stays there."""

    height: float
    rate: float
    at_work: int
    """Steps at which the rate was near its height."""

    steps: int
    """Steps since it is next to nothing."""

    was_learning: bool
    """Whether the loss was on its way down while the rate was at work."""


def fall_of(history: History, share: float) -> Fall | None:
    """Return the fall of the rate below a share of its height; None where it is higher, or goes up and down."""
    steps, rates = history.now_series("lr")
    known = np.isfinite(rates)
    steps, rates = steps[known], rates[known]
    height = float(rates.max()) if len(rates) else 0.0
    low = rates < share * height
    if not height > 0 or not low[-1]:
        return None
    high = np.flatnonzero(rates >= HIGH * height)
    first, last = high[0], high[-1]
    if low[first:last].any():
        return None  # a cycle, that may come again
    begun = np.flatnonzero(~low)[-1]
    return Fall(
        height=height,
        rate=float(rates[-1]),
        at_work=int(steps[last] - steps[first]) + 1,
        steps=int(steps[-1] - steps[begun]),
        was_learning=_fell(history, int(steps[first]), int(steps[last])),
    )


def _fell(history: History, first: int, last: int) -> bool:
    """Tell whether the loss fell in the newer half of these steps, by a share that matters and beyond its noise."""
    steps, losses = history.now_series("loss")
    losses = losses[(steps >= first) & (steps <= last) & np.isfinite(losses)]
    if len(losses) >= FEW:
        losses = losses[len(losses) // 2 :]
    third = len(losses) // 3
    if third < 3:
        return False
    before, after = median_of(losses[:third]), median_of(losses[-third:])
    return before - after > FELL * abs(before) and trend(losses, blocks=min(12, len(losses) // 2)) < -TREND
