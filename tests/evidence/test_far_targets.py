"""Targets far out: marks for none, which stand there again and again, and slips behind a gap."""

import numpy as np
import pytest

from autofix_nb.evidence.far_targets import FEWEST, MOST_MARKED, are_marks, far_targets

USUAL = np.random.default_rng(0).normal(size=(400, 1))
STARS = np.random.default_rng(0).integers(1, 6, (400, 1)).astype(float)


def holding(targets, value, rows):
    targets = targets.copy()
    targets[rows] = value
    return targets


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        pytest.param(holding(USUAL, 99, [5, 6, 300]), [5, 6, 300], id="a-mark"),
        pytest.param(holding(STARS, 99, slice(0, 40)), list(range(40)), id="a-mark-in-a-tenth"),
        pytest.param(holding(USUAL, -1e4, [7]), [7], id="a-slip-below"),
        pytest.param(np.hstack([USUAL, holding(USUAL, 99, [5, 6, 300])]), [5, 6, 300], id="of-the-second-target"),
        pytest.param(holding(holding(USUAL, 99, [1, 2, 3]), np.nan, [9]), [1, 2, 3], id="beside-missing-ones"),
        pytest.param(USUAL, [], id="none"),
        pytest.param(STARS, [], id="stars"),
        pytest.param(holding(STARS, 0, [1, 2, 3]), [], id="a-nought-among-stars-may-be-one"),
        pytest.param(np.exp(2.5 * USUAL), [], id="a-long-tail"),
        pytest.param(holding(USUAL, 99, slice(0, int(MOST_MARKED * 400) + 1)), [], id="too-many-to-be-a-mark"),
        pytest.param(holding(USUAL * 0, 99, [1, 2, 3]), [], id="rare-events"),
        pytest.param(holding(USUAL[: FEWEST - 1], 99, [1, 2, 3]), [], id="too-few-rows"),
    ],
)
def test_rows_far_out(targets, expected):
    """And no others."""
    assert expected == sorted(far_targets(targets))


@pytest.mark.parametrize(
    ("rows", "expected"), [([1, 2, 3], True), ([1, 2, 4], False), ([1, 2], False), ([], False)], ids=str
)
def test_marks_are_one_value_again_and_again(rows, expected):
    """Two may be an accident."""
    assert expected == are_marks(holding(holding(USUAL, 99, [1, 2, 3]), 50, [4]), rows)
