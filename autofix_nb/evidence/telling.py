"""What single columns of a table tell: of the target, of each other, of the order of the rows.

How well a column alone tells the target is asked of rows that were not used to learn it: by a small decision tree, and
by a table of its values where they repeat. Missing values count as a value: that one is missing may tell as well.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

BINS = 64
"""Parts of equal size that a column is cut into to see whether a closer look is worth its time."""

CLOSER_LOOKS = 30
"""Columns that get a closer look at most, the most promising first."""

COLLISIONS = 10
"""Equal pairs to be expected among random whole numbers of the same extent, of which there is none: chance 5e-5."""

FEWEST_OTHERS = 5
"""Values besides the commonest that a column needs: rare marks agree by chance."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """How well one column tells the target."""

    column: int
    score: float
    """Balanced accuracy or R² on rows not learnt from."""

    exact: bool
    """Whether it is the target in other numbers: a value for each class, or a straight line."""


def telling(
    values: np.ndarray, targets: np.ndarray, *, classes: bool, promising: float, seed: int = 0
) -> list[Telling]:
    """Return columns that tell the target well, best first; (n, d) with NaN, (n,).

    `promising` is the rough score below which a column gets no closer look.
    """
    values = without_gaps(values)
    found = []
    rough: list[tuple[float, int, bool]] = []
    for column in range(values.shape[1]):
        told = values[:, column]
        if told.min() == told.max():
            continue
        exact = _is_code(told, targets) if classes else _is_line(told, targets)
        score = 2.0 if exact else _rough(told, targets, classes)
        if score >= promising:
            rough.append((score, column, exact))
    looks = 0
    for _, column, exact in sorted(rough, key=lambda one: (-one[0], one[1])):
        looks += not exact
        if looks > CLOSER_LOOKS:
            break
        told = values[:, column]
        score = 1.0
        if not exact:
            score = score_of(told[:, None], targets, classes=classes, tree=True, seed=seed)
            if classes:
                score = max(score, _by_value(told, targets, seed))
        found.append(Telling(column=column, score=float(score), exact=exact))
    return sorted(found, key=lambda one: (not one.exact, -one.score))


def marks_of_classes(values: np.ndarray, targets: np.ndarray) -> list[int]:
    """Return columns of yes and no that mark one class each, where together they tell all of them; (n, d), (n,).

    Three classes at least, of which the one that is left over needs no mark. A few marks are honest: that it gives
    milk marks a mammal.
    """
    kinds, given = np.unique(targets, return_inverse=True)
    sizes = np.bincount(given)
    if len(kinds) < 3:
        return []
    marked: dict[int, list[int]] = {}
    for column in range(values.shape[1]):
        told = values[:, column]
        yes = told == told[0]
        if yes.all() or not ((told == told[np.argmin(yes)]) | yes).all():
            continue
        for marks in (yes, ~yes):
            kind = int(given[np.argmax(marks)])
            if marks.sum() == sizes[kind] >= FEWEST_OTHERS and (given[marks] == kind).all():
                marked.setdefault(kind, []).append(column)
    return sorted(column for columns in marked.values() for column in columns) if len(marked) >= len(kinds) - 1 else []


def score_of(values: np.ndarray, targets: np.ndarray, *, classes: bool, tree: bool = False, seed: int = 0) -> float:
    """Return how well columns together tell the target on rows not learnt from: balanced accuracy, or R²."""
    # scikit-learn takes a second to import: only those who look pay.
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if not values.shape[1]:
        return 1.0 / len(np.unique(targets)) if classes else 0.0
    if classes:
        folds = StratifiedKFold(3, shuffle=True, random_state=seed)
        if tree:
            model = DecisionTreeClassifier(max_leaf_nodes=256, class_weight="balanced", random_state=seed)
        else:
            model = ExtraTreesClassifier(50, class_weight="balanced", random_state=seed)
    else:
        folds = KFold(3, shuffle=True, random_state=seed)
        if tree:
            model = DecisionTreeRegressor(min_samples_leaf=2, random_state=seed)
        else:
            model = ExtraTreesRegressor(50, random_state=seed)
    told = np.empty(len(targets), dtype=targets.dtype if classes else np.float64)
    for teach, ask in folds.split(values, targets):
        told[ask] = model.fit(values[teach], targets[teach]).predict(values[ask])
    return float(balanced_accuracy_score(targets, told) if classes else r2_score(targets, told))


def without_gaps(values: np.ndarray) -> np.ndarray:
    """Return a float copy whose missing values are a value of their own, below all others of their column."""
    values = np.array(values, dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    missing = np.isnan(values)
    for column in np.flatnonzero(missing.any(0)):
        there = values[~missing[:, column], column]
        lowest = there.min() - (there.max() - there.min()) - 1 if len(there) else 0.0
        values[missing[:, column], column] = lowest
    return values


def equal_columns(values: np.ndarray) -> list[tuple[int, ...]]:
    """Return groups of columns that are equal in all rows; columns that (nearly) never vary are left out."""
    groups: dict[bytes, list[int]] = {}
    for column in _varying(values):
        # Adding 0 makes -0.0 and 0.0 the same bytes.
        told = np.ascontiguousarray(values[:, column]) + np.float32(0)
        told[np.isnan(told)] = np.nan
        groups.setdefault(blake2b(told.tobytes(), digest_size=16).digest(), []).append(column)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def straight_lines(values: np.ndarray, least: float) -> list[tuple[int, int, float]]:
    """Return pairs of columns with at least that correlation, up or down, and the correlation."""
    columns = [column for column in _varying(values) if np.isfinite(values[:, column]).all()]
    if len(columns) < 2:
        return []
    part = values[:, columns].astype(np.float64)
    part -= part.mean(0)
    part /= np.sqrt((part**2).sum(0))
    correlations = part.T @ part
    first, second = np.nonzero(np.triu(np.abs(correlations) >= least, 1))
    return [(columns[a], columns[b], float(correlations[a, b])) for a, b in zip(first, second, strict=True)]


def numbering(told: np.ndarray, samples: int) -> str:
    """Return how a column numbers the rows rather than measuring anything; empty where it does not.

    `told` in the order of the rows, all finite; `samples` is the number of rows there are.
    """
    count = len(told)
    if np.any(told != np.round(told)) or len(np.unique(told)) < 0.99 * count:
        return ""
    steps = np.diff(told)
    if (steps >= 0).all():
        return "grows"
    if (steps <= 0).all():
        return "falls"
    low = float(told.min())
    extent = float(told.max()) - low + 1
    if extent <= 1.05 * samples:
        return "numbers"
    # A part of the rows, as in a random split. Measured whole numbers that lie this close would hit upon each other.
    if len(np.unique(told)) == count and count**2 / (2 * extent) >= COLLISIONS:
        return "numbers"
    # Measured quantities are not spread evenly over thousands of times as many whole numbers as there are rows.
    if count < 150 or extent < 1000 * samples:
        return ""
    from scipy.stats import kstest

    return "key" if kstest(told.astype(np.float64), "uniform", (low, extent)).pvalue > 1e-3 else ""


def _varying(values: np.ndarray) -> list[int]:
    kept = []
    for column in range(values.shape[1]):
        told = values[:, column]
        told = told[np.isfinite(told)]
        if len(told) and (told != np.median(told)).sum() >= FEWEST_OTHERS:
            kept.append(column)
    return kept


def _rough(told: np.ndarray, targets: np.ndarray, classes: bool) -> float:
    """Return how well the parts of a column tell the target on the very same rows: never far below the closer look."""
    numbers, parts = np.unique(told, return_inverse=True)
    if len(numbers) > len(told) / 2:
        bins = max(2, min(BINS, len(told) // 8))
        parts = np.empty(len(told), dtype=np.int64)
        parts[np.argsort(told, kind="stable")] = np.arange(len(told)) * bins // len(told)
    count = int(parts.max()) + 1
    if classes:
        kinds, given = np.unique(targets, return_inverse=True)
        table = np.bincount(parts * len(kinds) + given, minlength=count * len(kinds)).reshape(count, len(kinds))
        return float((table / table.sum(0)).max(1).sum() / len(kinds))
    sizes = np.maximum(np.bincount(parts, minlength=count), 1)
    means = np.bincount(parts, targets, minlength=count) / sizes
    return 1 - float(((targets - means[parts]) ** 2).mean() / max(targets.var(), 1e-300))


def _by_value(told: np.ndarray, targets: np.ndarray, seed: int) -> float:
    """Return the balanced accuracy of answering each value's commonest class among the other half of the rows."""
    numbers, places = np.unique(told, return_inverse=True)
    kinds, given = np.unique(targets, return_inverse=True)
    if len(numbers) > len(told) / 2:
        return 0.0
    half = np.random.default_rng(seed).random(len(told)) < 0.5
    answers = np.empty(len(told), dtype=np.int64)
    for teach, ask in ((half, ~half), (~half, half)):
        table = np.zeros((len(numbers), len(kinds)))
        np.add.at(table, (places[teach], given[teach]), 1)
        answers[ask] = np.where(table.sum(1) > 0, table.argmax(1), -1)[places[ask]]
    right = answers == given
    return float(np.mean([right[given == kind].mean() for kind in range(len(kinds))]))


def _is_code(told: np.ndarray, targets: np.ndarray) -> bool:
    """Tell whether each value stands for one class and each class for one value."""
    numbers, places = np.unique(told, return_inverse=True)
    kinds, given = np.unique(targets, return_inverse=True)
    return len(numbers) == len(kinds) and len(np.unique(places * len(kinds) + given)) == len(kinds)


def _is_line(told: np.ndarray, targets: np.ndarray) -> bool:
    return bool(targets.std() > 0 and abs(np.corrcoef(told, targets)[0, 1]) > 1 - 1e-7)
