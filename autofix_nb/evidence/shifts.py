"""How two sets of rows differ: feature by feature, as a whole, and in the shares of their classes.

Each feature by the Kolmogorov-Smirnov test, adjusted for the number of features (Benjamini & Hochberg 1995), with the
size of the difference beside it: with 100,000 rows a shift of 0.02 standard deviations is "significant" in every
feature. As a whole by a classifier that tells the two sets apart on rows it has not seen (Lopez-Paz & Oquab 2017,
Revisiting Classifier Two-Sample Tests), half against half: pooled folds of a cross-validation are over-dispersed
against the Mann-Whitney null. It sees what no single feature shows, such as a changed correlation.
"""

from dataclasses import dataclass

import numpy as np

FEWEST_VALUES = 10
"""A feature with fewer values on one side is not compared."""


CLEAR_GAP = 0.2
"""Difference between the shares of missing values from which it is these that are compared, not the values left."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How one feature differs between two sets."""

    column: int
    statistic: float
    """Kolmogorov-Smirnov: the largest difference of the two distribution functions, 0 to 1."""

    distance: float
    """Wasserstein distance in standard deviations of the first set; infinite where that is constant."""

    p: float
    """Adjusted for the number of features."""

    means: tuple[float, float]
    deviations: tuple[float, float]
    missing: tuple[float, float] = (0.0, 0.0)
    """Shares of the values that are missing, where it is these that differ; `statistic` is then their difference."""


def shifts(first: np.ndarray, second: np.ndarray) -> list[Shift]:
    """Return the differences of all features that can be compared, surest first; (N, d) and (M, d), NaN left out."""
    # scikit-learn and scipy.stats take a second to import: only those who look pay.
    from scipy.stats import kstwo

    found: list[Shift] = []
    sizes: list[int] = []
    for column in range(first.shape[1]):
        gaps = _gaps(column, first[:, column], second[:, column])
        if gaps is not None:
            found.append(gaps)
            sizes.append(0)
            continue
        left = first[np.isfinite(first[:, column]), column].astype(np.float64)
        right = second[np.isfinite(second[:, column]), column].astype(np.float64)
        if min(len(left), len(right)) < FEWEST_VALUES:
            continue
        if left.min() == left.max() == right.min() == right.max():
            continue
        statistic, apart = _distances(left, right)
        sizes.append(round(len(left) * len(right) / (len(left) + len(right))))
        deviation = left.std()
        found.append(
            Shift(
                column=column,
                statistic=statistic,
                distance=float(apart / deviation) if deviation > 0 else np.inf,
                p=np.nan,
                means=(float(left.mean()), float(right.mean())),
                deviations=(float(deviation), float(right.std())),
            )
        )
    # The asymptotic chance of the two-sample test; asked for all features at once, it costs next to nothing.
    chances = np.array([shift.p for shift in found])
    tested = np.array(sizes) > 0
    if tested.any():
        statistics = np.array([shift.statistic for shift in found])
        chances[tested] = np.clip(kstwo.sf(statistics[tested], np.array(sizes)[tested]), 0, 1)
    adjusted_p = adjusted(chances.tolist())
    told = [Shift(**vars(shift) | {"p": p}) for shift, p in zip(found, adjusted_p, strict=True)]
    return sorted(told, key=lambda shift: (shift.p, -shift.statistic))


def _distances(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov and the Wasserstein distance of two sets of numbers, both of one sorting."""
    both = np.concatenate([left, right])
    order = np.argsort(both, kind="stable")
    ordered = both[order]
    steps = np.where(order < len(left), 1 / len(left), -1 / len(right))
    apart = np.abs(np.cumsum(steps))
    widths = np.diff(ordered)
    # Within equal values the functions have not stepped yet.
    there = np.append(widths > 0, False)
    return float(apart[there].max(initial=0.0)), float((apart[:-1] * widths).sum())


def _gaps(column: int, first: np.ndarray, second: np.ndarray) -> Shift | None:
    """Return how the shares of missing values differ, where that is the clearest difference to be told."""
    gone = [~np.isfinite(side) for side in (first, second)]
    shares = (float(gone[0].mean()), float(gone[1].mean()))
    apart = abs(shares[0] - shares[1])
    if apart < CLEAR_GAP:
        return None
    _, chance = shares_apart(gone[0].astype(int), gone[1].astype(int))
    nothing = (np.nan, np.nan)
    return Shift(
        column=column, statistic=apart, distance=0.0, p=chance, means=nothing, deviations=nothing, missing=shares
    )


def adjusted(chances: list[float]) -> list[float]:
    """Return p-values adjusted for their number, after Benjamini and Hochberg."""
    count = len(chances)
    order = np.argsort(chances)[::-1]
    ranked = np.asarray(chances, dtype=float)[order] * count / np.arange(count, 0, -1)
    result = np.empty(count)
    result[order] = np.minimum.accumulate(np.minimum(ranked, 1.0))
    return result.tolist()


def told_apart(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Return how well a classifier tells two sets apart on rows it has not seen: area under the curve, and chance.

    Half of the rows of each set teach it, the other half ask it; then the other way round. The surer of the two
    answers counts, at twice its chance.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(seed)
    halves = [np.array_split(random.permutation(len(rows)), 2) for rows in (first, second)]
    answers = []
    for teach, ask in ((0, 1), (1, 0)):
        known = np.concatenate([first[halves[0][teach]], second[halves[1][teach]]])
        # The classifier fails on features of which there is nothing.
        there = np.isfinite(known).any(0)
        if not there.any():
            return 0.5, 1.0
        side = np.repeat([0, 1], [len(halves[0][teach]), len(halves[1][teach])])
        # Weights for the classes would change little, the area knows no threshold, and cost 40 times the time.
        model = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8, early_stopping=False, random_state=seed)
        model.fit(known[:, there], side)
        left = model.decision_function(first[halves[0][ask]][:, there])
        right = model.decision_function(second[halves[1][ask]][:, there])
        result = mannwhitneyu(right, left, alternative="greater", method="asymptotic")
        answers.append((float(result.pvalue), float(result.statistic / (len(left) * len(right)))))
    chance, area = min(answers)
    return area, min(1.0, 2 * chance)


def shares_apart(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return how the shares of classes differ: bias-corrected Cramér's V, and chance.

    Reference: Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T.
    """
    from scipy.stats import chi2_contingency

    numbers, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    table = np.stack(
        [np.bincount(part, minlength=len(numbers)) for part in (places[: len(first)], places[len(first) :])]
    )
    # Classes too rare for the test to hold stand together.
    expected = table.sum(0) * table.sum(1).min() / table.sum()
    rare = expected < 5
    if rare.sum() > 1:
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(1)])
    if table.shape[1] < 2:
        return 0.0, 1.0
    result = chi2_contingency(table, correction=table.shape[1] == 2)
    total = table.sum()
    corrected = max(0.0, result.statistic / total - (table.shape[1] - 1) / (total - 1))
    return float(np.sqrt(corrected)), float(result.pvalue)
