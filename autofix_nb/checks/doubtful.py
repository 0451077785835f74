"""Labels that are doubted: which rows can be judged, and what is said of those that are contradicted."""

import numpy as np

from autofix_nb.checks.base import Shown
from autofix_nb.evidence import Scan
from autofix_nb.evidence.folds import Doubts
from autofix_nb.evidence.neighbours import filled, some_rows
from autofix_nb.finding import NotApplicable

MOST_NAMED = 50
"""Samples named in a finding."""

MOST_SHOWN = 24
"""Images of them that are shown."""

MOST_TOLD = 20
"""Of which the evidence says both labels."""


def judged_rows(
    scan: Scan, given: np.ndarray, *, most: int, fewest: int, of_a_class: int, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, labels and sample numbers of the rows that can be judged, `most` of them at most.

    Of images also small pictures, `side` pixels wide. A class needs `of_a_class` rows.

    Raises:
        NotApplicable: when there are too few, or they are no rows of numbers.
    """
    if scan.features is None or not scan.features.size:
        raise NotApplicable(f"the samples are no rows of numbers (kind `{scan.kind}`)")
    counts = np.bincount(given[given >= 0], minlength=1)
    usable = np.flatnonzero((given >= 0) & (counts[given] >= of_a_class))
    usable = usable[some_rows(len(usable), most, np.random.default_rng(0))]
    counts = np.bincount(given[usable], minlength=1)
    usable = usable[counts[given[usable]] >= of_a_class]
    kinds = len(np.unique(given[usable]))
    if len(usable) < fewest or kinds < 2:
        raise NotApplicable(
            f"{len(usable)} rows in {kinds} classes of at least {of_a_class}, wanted {fewest} rows in 2 or more"
        )
    features = filled(scan.features[usable])
    if scan.thumbnails is not None:
        features = np.column_stack([features, _small(scan.thumbnails[usable], side)])
    return features, given[usable], scan.indices[scan.rows[usable]]


def given_class(found: Doubts, row: int) -> str:
    """Return the label of a row."""
    return f"{found.classes[found.given[row]]}"


def other_class(found: Doubts, row: int) -> str:
    """Return the class that it is taken for."""
    return f"{found.classes[found.predicted[row]]}"


def both_classes(found: Doubts, row: int) -> str:
    """Return both in words."""
    return f"labelled {given_class(found, row)} and taken for {other_class(found, row)}"


def lines_of(found: Doubts, listed: np.ndarray, numbers: np.ndarray) -> list[str]:
    """Return a line of evidence for each of the rows listed first."""
    return [
        f"sample {numbers[row]}: labelled {given_class(found, row)} (probability {found.confidence[row]:.2g}), taken "
        f"for {other_class(found, row)}"
        for row in listed[:MOST_TOLD]
    ]


def to_look_at(numbers: np.ndarray) -> str:
    """Return lines of code that show the doubtful samples one by one."""
    return (
        f"doubtful = {[int(number) for number in numbers[:MOST_NAMED]]}\n"
        "for index in doubtful:\n"
        "    print(index, dataset[index][1])  # look at each, and mend the label or leave the sample out"
    )


def shown(scan: Scan, found: Doubts, listed: np.ndarray, numbers: np.ndarray) -> list[Shown]:
    """Return the images among the rows listed first, with both labels."""
    if scan.kind != "image":
        return []
    captions = tuple(f"{given_class(found, row)}, or {other_class(found, row)}?" for row in listed[:MOST_SHOWN])
    indices = tuple(numbers[listed[:MOST_SHOWN]].tolist())
    return [Shown(title="Labels that look wrong", indices=indices, captions=captions)]


def _small(thumbnails: np.ndarray, side: int) -> np.ndarray:
    count, height, width = thumbnails.shape[:3]
    parts = thumbnails.reshape(count, side, height // side, side, width // side, -1)
    return parts.mean((2, 4), dtype=np.float32).reshape(count, -1).astype(np.float64)
