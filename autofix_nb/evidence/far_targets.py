"""Targets far out: numbers typed in for "none", such as 99 among ratings, and some in another unit.

A value that stands there again and again, far from all others, is a mark and no measurement: it may be in more rows
than a slip could. Of others a gap must lie before them that the tail does not explain (`evidence.tails`).
"""

import numpy as np

from autofix_nb.evidence.tails import centres, widest_gap

FEWEST = 30
"""Rows without which nothing can be called usual."""

SPREADS = 12.0
"""Robust standard deviations of the others from their median that a target far out has at least."""

TIMES = 3.0
"""How many times farther from the median than the farthest other it lies at least."""

CHANCE = 0.01
"""Chance of such a gap, over both sides of all targets, below which it is unmistakable."""

AGAIN = 3
"""Rows in which a mark stands at least."""

MOST_MARKED = 0.15
"""Share of the rows that it may stand in; where more hold it, it is what the data is like."""


def far_targets(targets: np.ndarray) -> dict[int, float]:
    """Return the rows of targets (N, k) that are marks or lie far out, and how many times the usual spread away."""
    found: dict[int, float] = {}
    if len(targets) < FEWEST:
        return found
    for column in targets.T.astype(np.float64):
        for sign in (1, -1):
            rows, spreads = _marked(sign * column)
            if not len(rows):
                rows, spreads = _beyond_a_gap(sign * column, 2 * targets.shape[1])
            for row, far in zip(rows.tolist(), spreads.tolist(), strict=True):
                found[row] = max(far, found.get(row, 0.0))
    return found


def are_marks(targets: np.ndarray, rows: list[int]) -> bool:
    """Tell whether these rows of targets (N, k) all hold one and the same value, and more than a slip's number do."""
    values = targets[rows]
    farthest = values[np.arange(len(values)), np.nanargmax(np.abs(values), axis=1)] if len(values) else values
    return len(rows) >= AGAIN and bool((farthest == farthest[0]).all())


def _marked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the largest value, where it is a mark."""
    rows = np.flatnonzero(values == np.nanmax(values, initial=-np.inf))
    rest = np.delete(values, rows)
    rest = rest[np.isfinite(rest)]
    none = rows[:0], np.zeros(0)
    if not AGAIN <= len(rows) <= MOST_MARKED * len(values) or len(rest) < FEWEST:
        return none
    median, spread = _centre(rest)
    far = values[rows[0]] - median
    if not (spread > 0 and far >= SPREADS * spread and far >= TIMES * np.abs(rest - median).max()):
        return none
    return rows, np.full(len(rows), far / spread)


def _beyond_a_gap(values: np.ndarray, sides: int) -> tuple[np.ndarray, np.ndarray]:
    finite = values[np.isfinite(values)]
    median, spread = _centre(finite) if len(finite) else (0.0, 0.0)
    away = values - median
    gap = widest_gap(away[np.isfinite(away)], spread, from_spreads=SPREADS, from_ratio=TIMES) if spread > 0 else None
    if gap is None or gap.p * sides > CHANCE:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    rows = np.flatnonzero(away >= gap.edge)
    return rows, away[rows] / spread


def _centre(values: np.ndarray) -> tuple[float, float]:
    medians, spreads = centres(values[:, None])
    return float(medians[0]), float(spreads[0])
