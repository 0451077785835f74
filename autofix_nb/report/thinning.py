"""Long series made short for a plot, by their extremes: a spike of one step in a million is still drawn.

The min-max form of the thinning that M4 (Jugel et al. 2014, "M4: A Visualization-Oriented Time Series Data
Aggregation", VLDB 7(10)) shows to draw the same pixels as all points where a bucket is no wider than a pixel.
"""

import numpy as np


def thinned(steps: np.ndarray, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `most` of the finite points, in their order; steps and values have shape (points,).

    Each bucket of neighbours keeps its smallest and its largest value; the first and the last point always stay.
    """
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if len(values) <= max(most, 4):
        return steps, values
    buckets = max(1, (most - 2) // 2)
    edges = np.linspace(0, len(values), buckets + 1).astype(np.int64)[:-1]
    widths = np.diff(np.append(edges, len(values)))
    of_bucket = np.repeat(np.arange(buckets), widths)
    order = np.lexsort((values, of_bucket))
    low, high = order[edges], order[edges + widths - 1]
    kept = np.unique(np.concatenate([[0, len(values) - 1], low, high]))
    return steps[kept], values[kept]


WIDE = 30.0
"""Ratio of the largest to the smallest of positive values from which their logarithms are smoothed: else a few large
ones at the beginning would hide what comes after them, on the log scale where such values are drawn."""


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of the newest `width` finite values at each point, fewer at the beginning; shape (points,).

    Of positive values that lie far apart (see `WIDE`) it is the geometric mean.
    """
    if width <= 1 or len(values) < 2:
        return values
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() / WIDE > finite.min():
        with np.errstate(all="ignore"):
            return np.exp(_mean(np.log(values), width))
    return _mean(values, width)


def _mean(values: np.ndarray, width: int) -> np.ndarray:
    there = np.isfinite(values)
    total = np.cumsum(np.where(there, values, 0.0))
    count = np.cumsum(there)
    total[width:] -= total[:-width].copy()
    count[width:] -= count[:-width].copy()
    with np.errstate(all="ignore"):
        return np.where(count > 0, total / count, np.nan)
