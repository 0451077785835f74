"""Rows of both sides: as many of each, the same each time, and what is given to a classifier."""

import numpy as np
import pytest

from autofix_nb.evidence.sides import COARSE, MOST_COLUMNS, for_classifier, looks_scaled, rows_of_both, standardised
from autofix_nb.finding import NotApplicable
from tests.checks.subjects import scan

ROWS = np.random.default_rng(0).normal(3, 2, size=(100, 4)).astype(np.float32)


def test_missing_and_infinite_values_are_both_missing():
    """What compares the sides leaves them out."""
    odd = ROWS.copy()
    odd[0, 0], odd[1, 1] = np.inf, np.nan
    first, second = rows_of_both(scan(odd), scan(ROWS, side="val"), fewest=20, most=1000)

    assert ([(0, 0), (1, 1)], 0) == (list(zip(*np.nonzero(np.isnan(first)), strict=True)), np.isnan(second).sum())


@pytest.mark.parametrize(
    ("train", "val", "reason"),
    [
        pytest.param(ROWS[:10], ROWS, "`train` has 10 rows, at least 20 are needed", id="few"),
        pytest.param(ROWS, ROWS[:, :3], "`train` has 4 features a row and `val` 3", id="other-width"),
        pytest.param(ROWS, ROWS[:, :0], "the samples of `val` are no rows of numbers", id="no-numbers"),
    ],
)
def test_what_cannot_be_compared_is_said(train, val, reason):
    """With the numbers."""
    with pytest.raises(NotApplicable, match=reason):
        rows_of_both(scan(train), scan(val, side="val"), fewest=20, most=1000)


def test_a_classifier_gets_so_many_features_at_most():
    """Drawn evenly from first to last."""
    wide = np.tile(np.arange(1000, dtype=np.float32), (30, 1))
    first, _ = for_classifier(scan(wide), scan(wide, side="val"), wide, wide, most=1000)

    assert (MOST_COLUMNS, 0, 999) == (first.shape[1], first[0, 0], first[0, -1])


def test_of_images_a_classifier_gets_a_coarse_picture_too():
    """Of the very rows that are compared."""
    pictures = np.repeat(np.arange(100, dtype=np.uint8), 32 * 32 * 3).reshape(100, 32, 32, 3)
    sides = [scan(ROWS, side=side, kind="image", thumbnails=pictures) for side in ("train", "val")]
    rows = rows_of_both(*sides, fewest=20, most=50)
    first, _ = for_classifier(*sides, *rows, most=50)

    assert (50, 4 + COARSE**2) == first.shape
    assert np.array_equal(ROWS[first[:, -1].astype(int)], first[:, :4])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(ROWS, False, id="as-measured"),
        pytest.param(standardised(ROWS), True, id="standardised"),
        pytest.param((ROWS - ROWS.min(0)) / np.ptp(ROWS, axis=0), True, id="0-to-1"),
        pytest.param(np.full((9, 2), 7.0), False, id="constant"),
    ],
)
def test_scaled_rows_are_told_by_their_numbers(rows, expected):
    """Mean 0 and deviation 1, or all between 0 and 1."""
    assert expected == looks_scaled(rows)


@pytest.mark.parametrize(("train", "val", "drawn"), [(True, False, "train"), (False, True, "val")])
def test_augmented_samples_are_not_compared_with_plain_ones(train, val, drawn):
    """The difference would be the augmentation; where both sides have it, it is the same for both."""
    with pytest.raises(NotApplicable, match=f"the data set of `{drawn}` augments its samples at random"):
        rows_of_both(scan(ROWS, drawn_anew=train), scan(ROWS, side="val", drawn_anew=val), fewest=20, most=1000)

    both, _ = rows_of_both(scan(ROWS, drawn_anew=True), scan(ROWS, side="val", drawn_anew=True), fewest=20, most=1000)

    assert ROWS.shape == both.shape


def test_of_many_columns_fewer_rows_are_compared():
    """So that rows times columns stay what can be compared in seconds."""
    wide = np.zeros((3000, 1000), dtype=np.float32)
    first, second = rows_of_both(scan(wide), scan(wide[:400], side="val"), fewest=20, most=5000)

    assert (1000, 400) == (len(first), len(second))
