"""What single columns tell: of the target, of each other, of the rows' order."""

import numpy as np
import pytest

from autofix_nb.evidence.telling import (
    CLOSER_LOOKS,
    equal_columns,
    marks_of_classes,
    numbering,
    score_of,
    straight_lines,
    telling,
    without_gaps,
)

RANDOM = np.random.default_rng(0)
CLASSES = RANDOM.integers(0, 3, 300)
NUMBERS = RANDOM.normal(size=300)
NOISE = RANDOM.normal(size=(300, 3))


@pytest.mark.parametrize(
    ("column", "exact"),
    [
        pytest.param(CLASSES, True, id="copy"),
        pytest.param(5 - 2 * CLASSES, True, id="scaled"),
        pytest.param(np.array([7, 1, 4])[CLASSES], True, id="shuffled-codes"),
        pytest.param(CLASSES + 0.05 * RANDOM.normal(size=300), False, id="noisy"),
        pytest.param(CLASSES + 3 * RANDOM.permutation(20)[RANDOM.integers(0, 8, 300)], False, id="groups-of-one-class"),
    ],
)
def test_columns_that_give_classes_away(column, exact):
    """Found, and told whether it is a code."""
    found = telling(np.column_stack([NOISE, column]), CLASSES, classes=True, promising=0.9)

    assert [(3, exact)] == [(one.column, one.exact) for one in found]
    assert found[0].score > 0.99


@pytest.mark.parametrize(
    ("column", "exact"),
    [
        pytest.param(NUMBERS, True, id="copy"),
        pytest.param(32 - 1.8 * NUMBERS, True, id="other-units"),
        pytest.param(np.exp(NUMBERS), False, id="exponential"),
        pytest.param(NUMBERS + 0.02 * RANDOM.normal(size=300), False, id="noisy"),
    ],
)
def test_columns_that_give_numbers_away(column, exact):
    """Found, and told whether it is a straight line."""
    found = telling(np.column_stack([NOISE, column]), NUMBERS, classes=False, promising=0.9)

    assert [(3, exact)] == [(one.column, one.exact) for one in found]
    assert found[0].score > 0.95


def test_missing_values_tell_too():
    """They are a value of their own, below all others."""
    column = np.where(CLASSES == 1, np.nan, NUMBERS)
    found = telling(np.column_stack([NOISE, column]), (CLASSES == 1).astype(int), classes=True, promising=0.9)

    assert [3] == [one.column for one in found]
    assert [[-1, 0], [1, 0], [2, 0]] == without_gaps([[np.nan, np.nan], [1, np.nan], [2, np.nan]]).tolist()


def test_noise_tells_nothing():
    """Neither alone nor together; no columns tell least of all."""
    assert [] == telling(NOISE, CLASSES, classes=True, promising=0.9)
    assert score_of(NOISE, CLASSES, classes=True) < 0.5
    assert score_of(NOISE, NUMBERS, classes=False) < 0.2
    assert 1 / 3 == score_of(NOISE[:, :0], CLASSES, classes=True)


def test_equal_columns():
    """In every row, missing values too; rare marks and constants are left out."""
    values = np.column_stack([NOISE, NOISE[:, 0], NOISE[:, 1], np.ones(300), np.ones(300)]).astype(np.float32)
    values[:4, 0] = values[:4, 3] = np.nan
    values[9, 4] += 1
    rare = np.zeros((300, 2), dtype=np.float32)
    rare[0] = 1

    assert [(0, 3)] == equal_columns(np.column_stack([values, rare]))


def test_straight_lines():
    """Up and down; nearly straight is not."""
    values = np.column_stack([NOISE, 3 * NOISE[:, 0] + 1, -NOISE[:, 1], NOISE[:, 2] + 0.05 * NUMBERS])

    found = straight_lines(values, 0.99999)

    assert [(0, 3, 1.0), (1, 4, -1.0)] == [(first, second, round(r, 6)) for first, second, r in found]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param(np.arange(300), "grows", id="numbers-of-the-rows"),
        pytest.param(1_600_000_000 + 3600 * np.arange(300), "grows", id="time"),
        pytest.param(-np.arange(300), "falls", id="backwards"),
        pytest.param(RANDOM.permutation(300), "numbers", id="shuffled"),
        pytest.param(RANDOM.integers(0, 2**31, 300), "key", id="hash"),
        pytest.param(NUMBERS, "", id="measured"),
        pytest.param(np.sort(NUMBERS), "", id="measured-and-sorted"),
        pytest.param(CLASSES, "", id="codes"),
        pytest.param(np.round(1e6 * np.exp(NUMBERS)), "", id="incomes"),
        pytest.param(RANDOM.integers(0, 1000, 300), "", id="whole-numbers-some-twice"),
        pytest.param(np.round(1000 * NUMBERS), "", id="whole-numbers-hardly-twice"),
    ],
)
def test_columns_that_number_the_rows(column, kind):
    """Whole numbers, all different, with nothing measured about them."""
    assert kind == numbering(np.asarray(column, dtype=np.float32), 300)


MARKS = np.eye(3)[CLASSES]


@pytest.mark.parametrize(
    ("columns", "targets", "expected"),
    [
        pytest.param(MARKS, CLASSES, [3, 4, 5], id="one-hot"),
        pytest.param(5 - 2 * MARKS, CLASSES, [3, 4, 5], id="other-numbers"),
        pytest.param(MARKS[:, 1:], CLASSES, [3, 4], id="first-dropped"),
        pytest.param(MARKS[:, :1], CLASSES, [], id="one-of-three"),
        pytest.param(np.eye(2)[CLASSES % 2], CLASSES % 2, [], id="two-classes"),
        pytest.param(np.where(RANDOM.random((300, 3)) < 0.02, 1 - MARKS, MARKS), CLASSES, [], id="nearly"),
        pytest.param(MARKS[::-1], CLASSES, [], id="of-other-rows"),
    ],
)
def test_marks_of_classes(columns, targets, expected):
    """Columns of yes and no that together tell all classes."""
    assert expected == marks_of_classes(np.column_stack([NOISE, columns]), targets)


def test_only_the_most_promising_columns_get_a_closer_look():
    """Of hundreds that tell the target well, each costs time."""
    targets = np.arange(200) % 2
    values = np.random.default_rng(0).normal(targets[:, None] * 20.0, 1, size=(200, CLOSER_LOOKS + 20))

    assert CLOSER_LOOKS == len(telling(values, targets, classes=True, promising=0.9))
