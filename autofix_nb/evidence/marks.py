"""Marks for "none" among the inputs: one value far from all others of its feature, in many rows the very same.

Measured numbers that lie far out differ from each other; -999, 9999 or 1e6 for what is missing do not, also after they
were brought to another scale. They make a feature's spread a hundred times what it is, and all that was measured lies
within a hair's breadth of one value. A 0 is none: "nothing was bought" is a number like others.
"""

import numpy as np

from autofix_nb.evidence.tails import centres

SPREADS = 12.0
"""Robust standard deviations of the others from their median that a mark has at least."""

TIMES = 3.0
"""How many times farther from the median than the farthest other it lies at least."""

AGAIN = 3
"""Rows in which a mark stands at least."""

MOST = 0.5
"""Share of the rows that it may stand in; what stands in more is what the feature is like."""

FEWEST = 20
"""Other rows without which nothing can be called usual."""


def marks_of(values: np.ndarray) -> np.ndarray:
    """Return the mark of each column of values (N, F), NaN where there is none; shape (F,)."""
    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    marks = np.full(values.shape[1], np.nan)
    if len(values) < FEWEST + AGAIN:
        return marks
    with np.errstate(all="ignore"):
        for extreme in (np.fmin.reduce(values), np.fmax.reduce(values)):
            times = (values == extreme).sum(0)
            there = (times >= AGAIN) & (times <= MOST * len(values)) & (extreme != 0)
            for column in np.flatnonzero(there):
                if _is_far(values[:, column], extreme[column]):
                    marks[column] = extreme[column]
    return marks


def _is_far(values: np.ndarray, mark: float) -> bool:
    rest = values[np.isfinite(values) & (values != mark)]
    if len(rest) < FEWEST:
        return False
    medians, spreads = centres(rest[:, None])
    away, farthest = abs(mark - medians[0]), float(np.abs(rest - medians[0]).max())
    return bool(spreads[0] > 0 and away >= SPREADS * spreads[0] and away >= TIMES * farthest)
