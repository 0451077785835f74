"""How far each row lies from its neighbours, on features brought to one scale.

The mean distance to the 10 nearest rows tells rows of their own kind where no single value is strange. The fence is
Tukey's far one on the logarithm of the distance: on clean sets it stands beyond all rows or nearly all, while a forest
of random cuts with a quota flags the quota.

References: Ramaswamy, Rastogi & Shim (2000), Efficient Algorithms for Mining Outliers from Large Data Sets; Tukey
(1977), Exploratory Data Analysis.
"""

from dataclasses import dataclass

import numpy as np

from autofix_nb.evidence.tails import centres

MOST_FEATURES = 256
"""More features than these are drawn from, evenly: distances in so many dimensions differ no more."""

MOST_NUMBERS = 1_000_000
"""Rows times columns that a question is asked of at most: what takes seconds on a thousand columns needs fewer rows."""

FEWEST_ROWS = 500
"""Rows that are left however many columns there are."""

FEWEST_PLACES = 50
"""With fewer different rows, such as those of a few yes-or-no features, distances say nothing."""


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Mean distance of some rows to their nearest neighbours."""

    rows: np.ndarray
    """Which rows were asked."""

    values: np.ndarray
    typical: float
    """The median."""

    upper: float
    """The upper quartile."""

    fence: float

    @property
    def beyond(self) -> np.ndarray:
        """Rows beyond the fence, farthest first."""
        order = np.argsort(-self.values, kind="stable")
        return self.rows[order[self.values[order] > self.fence]]

    @property
    def expected(self) -> float:
        """Rows expected beyond the fence, were the tail between upper quartile and fence to go on as it is.

        Each row farther than the upper quartile is then farther by an exponentially distributed factor.
        """
        logs = np.log(self.values[(self.values > self.upper) & (self.values <= self.fence)] / self.upper)
        if not len(logs):
            return 0.0
        outside = len(self.values) * 0.25
        return float(outside * np.exp(-np.log(self.fence / self.upper) / logs.mean()))


def neighbour_distances(
    values: np.ndarray, *, neighbours: int, references: int, queries: int, fence: float, seed: int = 0
) -> Distances | None:
    """Return how far rows lie from their neighbours; None where too few rows differ, or no feature varies.

    `values` (M, d) without NaN. `references` rows at most are neighbours to be found, `queries` at most are asked.
    `fence` is the number of interquartile ranges beyond the upper quartile of the logarithms.
    """
    random = np.random.default_rng(seed)
    fitting = fitting_rows(queries, min(values.shape[1], MOST_FEATURES))
    references = min(references, fitting)
    asked = some_rows(len(values), fitting, random)
    values = values[asked]
    medians, spreads = centres(values)
    kept = np.flatnonzero(spreads > 0)
    if len(kept) > MOST_FEATURES:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_FEATURES).astype(int)]
    if not len(kept):
        return None
    scaled = (values[:, kept] - medians[kept]) / spreads[kept]
    if len(np.unique(scaled[:1000], axis=0)) < FEWEST_PLACES:
        return None
    known = some_rows(len(scaled), references, random)
    count = min(neighbours, len(known) // 5)
    # scikit-learn takes a second to import: only those who look pay.
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=count + 1).fit(scaled[known])
    found = search.kneighbors(scaled)[0]
    # A row that is itself among the references finds itself first.
    own = np.zeros(len(scaled), dtype=bool)
    own[known] = True
    means = np.where(own, found[:, 1:].mean(1), found[:, :-1].mean(1))
    some = means[means > 0]
    if len(some) < FEWEST_PLACES:
        return None
    quarter, median, upper = np.quantile(np.log(some), (0.25, 0.5, 0.75))
    return Distances(
        rows=asked,
        values=means,
        typical=float(np.exp(median)),
        upper=float(np.exp(upper)),
        fence=float(np.exp(upper + fence * (upper - quarter))),
    )


def some_rows(count: int, most: int, random: np.random.Generator) -> np.ndarray:
    """Return the places of all rows, or of `most` drawn evenly at random, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))


def fitting_rows(most: int, columns: int, numbers: int = MOST_NUMBERS) -> int:
    """Return how many rows of so many columns a question is asked of: `most`, or as many as `numbers` allows."""
    return min(most, max(FEWEST_ROWS, numbers // max(1, columns)))


def filled(values: np.ndarray) -> np.ndarray:
    """Return a float copy whose missing and infinite values are the median of their column, or 0 where all are."""
    values = np.array(values, dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    missing = np.isnan(values)
    if not missing.any():
        return values
    for column in np.flatnonzero(missing.any(0)):
        there = values[~missing[:, column], column]
        values[missing[:, column], column] = np.median(there) if len(there) else 0.0
    return values
