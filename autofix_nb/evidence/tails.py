"""Values far out: separated from the tail of their own distribution by a gap that this tail does not explain.

Distances from the median are judged on each side for itself, because honest features are skewed. Were a tail Pareto's,
the normalised spacings of the logarithms of its largest values would be independent and exponential (Rényi's
representation, on which Hill's estimator rests); so a spacing against the mean of those below it follows an F
distribution. Lighter tails than Pareto's, such as Gauss's, make the test stricter, never looser.

Reference: Hill (1975), A Simple General Approach to Inference About the Tail of a Distribution.
"""

from dataclasses import dataclass

import numpy as np

LARGEST_SHARE = 0.05
"""More of a side than this is no handful of strange values, but a part of the data."""

FEWEST = 12
"""Values that must remain below a gap for it to be judged."""

HIGHEST_MEAN = 20
"""The tail below a gap is judged by so many spacings, or a fifth of the side if that is more."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The widest unexplained gap on one side of a feature."""

    count: int
    """Values beyond it."""

    edge: float
    """Distance from the centre of the nearest value beyond it."""

    ratio: float
    """How many times farther from the centre that is than the farthest value before it."""

    spreads: float
    """The same distance, in robust standard deviations of the feature."""

    p: float
    """Chance of such a gap in a tail of this heaviness."""


def centres(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and robust standard deviation of each column; 0 where nearly all values are the same.

    The deviation is the largest that three ways tell: by the median absolute deviation, the middle half and the middle
    90 %. In sparse features the first two are 0 or nearly so. The ends of that are values that occur: between 0 and 1,
    where just 5 % of a flag are set, lies no spread.
    """
    quarter, median, three_quarters = _quantiles(values, (0.25, 0.5, 0.75))
    low, high = _quantiles(values, (0.05,), "lower")[0], _quantiles(values, (0.95,), "higher")[0]
    deviation = _quantiles(np.abs(values - median), (0.5,))[0]
    ways = (1.4826 * deviation, (three_quarters - quarter) / 1.349, (high - low) / 3.29)
    return median, np.max(ways, axis=0)


def widest_gap(distances: np.ndarray, spread: float, *, from_spreads: float, from_ratio: float) -> Gap | None:
    """Return the gap least likely to be chance, of those wide enough; None where there is none.

    `distances` of one side, those at 0 or below are left out; `spread` is the robust standard deviation.
    """
    # Nearly always nothing lies that far out, and sorting takes its time.
    if not len(distances) or not np.fmax.reduce(distances) >= from_spreads * spread:
        return None
    side = np.sort(distances[distances > 0])[::-1].astype(np.float64)
    most = max(1, int(LARGEST_SHARE * len(distances)))
    most = min(most, len(side) - FEWEST)
    if most < 1:
        return None
    length = min(len(side) - 1, most + max(HIGHEST_MEAN, len(side) // 5))
    logs = np.log(side[: length + 1])
    spacings = np.arange(1, length + 1) * (logs[:-1] - logs[1:])
    below = spacings[::-1].cumsum()[::-1]
    counts = np.arange(1, min(most, length - 1) + 1)
    others = length - counts
    means = below[counts] / others
    ratios = side[counts - 1] / side[counts]
    wide = (ratios >= from_ratio) & (side[counts - 1] >= from_spreads * spread)
    if not wide.any():
        return None
    # Values that are all the same have no tail: one step between whole numbers is then the least to compare with.
    means = np.maximum(means, 1e-3)
    log_p = -others * np.log1p(spacings[: len(counts)] / means / others)
    place = int(np.argmin(np.where(wide, log_p, np.inf)))
    return Gap(
        count=int(counts[place]),
        edge=float(side[place]),
        ratio=float(ratios[place]),
        spreads=float(side[place] / spread),
        p=float(np.exp(log_p[place])),
    )


def _quantiles(values: np.ndarray, shares: tuple[float, ...], method: str = "linear") -> np.ndarray:
    missing = np.isnan(values)
    if not missing.any():
        return np.quantile(values, shares, axis=0, method=method)
    nothing = missing.all(0)
    result = np.zeros((len(shares), values.shape[1]))
    result[:, ~nothing] = np.nanquantile(values[:, ~nothing], shares, axis=0, method=method)
    return result
