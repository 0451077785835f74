"""Rows of training and validation side by side: as many as are compared, and what a classifier is given of them."""

import numpy as np

from autofix_nb.evidence.neighbours import fitting_rows, some_rows
from autofix_nb.evidence.scan import Scan
from autofix_nb.finding import NotApplicable

COARSE = 8
"""Side of the grey picture that a classifier is given beside the properties of an image."""

MOST_COLUMNS = 256
"""Features that the classifier is given at most, drawn evenly."""


def rows_of_both(train: Scan, val: Scan, *, fewest: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of each side, drawn evenly, with NaN for what is missing; (N, d) and (M, d).

    They are `most` at most, and fewer where there are many columns.

    Raises:
        NotApplicable: when a side has no rows of numbers, or fewer than `fewest`, or the sides are of different kinds.
    """
    for name, scan in (("train", train), ("val", val)):
        if scan.features is None or not scan.features.size:
            raise NotApplicable(f"the samples of `{name}` are no rows of numbers (kind `{scan.kind}`)")
        if len(scan.features) < fewest:
            raise NotApplicable(f"`{name}` has {len(scan.features)} rows, at least {fewest} are needed")
    if train.drawn_anew != val.drawn_anew:
        drawn, other = ("train", "val") if train.drawn_anew else ("val", "train")
        raise NotApplicable(
            f"the data set of `{drawn}` augments its samples at random by itself, that of `{other}` does not; kept in "
            "an attribute `transform`, the augmentation could be left out for the comparison"
        )
    if train.kind != val.kind or train.features.shape[1] != val.features.shape[1]:
        raise NotApplicable(f"`train` has {train.features.shape[1]} features a row and `val` {val.features.shape[1]}")
    first, second = (scan.features[rows] for scan, rows in zip((train, val), _drawn(train, val, most), strict=True))
    return np.where(np.isfinite(first), first, np.nan), np.where(np.isfinite(second), second, np.nan)


def for_classifier(
    train: Scan, val: Scan, first: np.ndarray, second: np.ndarray, *, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a classifier is given of the rows: some features, and of images a coarse picture as well."""
    columns = np.arange(first.shape[1])
    if len(columns) > MOST_COLUMNS:
        # Drawn evenly, not the most different ones: choosing by the answer would spoil the chance told.
        columns = np.linspace(0, len(columns) - 1, MOST_COLUMNS).astype(int)
    sides = [first[:, columns], second[:, columns]]
    if train.kind == "image" and train.thumbnails is not None and val.thumbnails is not None:
        for place, (scan, rows) in enumerate(zip((train, val), _drawn(train, val, most), strict=True)):
            sides[place] = np.column_stack([sides[place], _coarse(scan.thumbnails[rows])])
    return sides[0], sides[1]


def looks_scaled(rows: np.ndarray) -> bool:
    """Tell whether most features have mean 0 and deviation 1, or all lie between 0 and 1."""
    if np.nanmin(rows) >= -0.01 and np.nanmax(rows) <= 1.01:
        return True
    means, deviations = np.nanmean(rows, 0), np.nanstd(rows, 0)
    varying = deviations > 0
    if not varying.any():
        return False
    standard = (np.abs(means) < 0.15) & (np.abs(deviations - 1) < 0.2)
    return bool(standard[varying].mean() > 0.8)


def standardised(rows: np.ndarray) -> np.ndarray:
    """Return the rows with mean 0 and deviation 1 in each feature; NaN where a feature is constant."""
    with np.errstate(all="ignore"):
        return (rows - np.nanmean(rows, 0)) / np.nanstd(rows, 0)


def _drawn(train: Scan, val: Scan, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of each side are compared, the same each time."""
    random = np.random.default_rng(0)
    most = fitting_rows(most, train.features.shape[1])
    return some_rows(len(train.features), most, random), some_rows(len(val.features), most, random)


def _coarse(thumbnails: np.ndarray) -> np.ndarray:
    """Return small grey pictures as rows of numbers."""
    count, height, width = thumbnails.shape[:3]
    grey = thumbnails.reshape(count, height, width, -1).mean(-1)
    return grey.reshape(count, COARSE, height // COARSE, COARSE, width // COARSE).mean((2, 4)).reshape(count, -1)
