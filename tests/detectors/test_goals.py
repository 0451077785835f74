"""What is noise in a goal, and what is a trend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.goals import column, falls, goals_of, levels, noise
from tests.runs import epochs


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1.0, 2.0, 3.0, 4.0, 5.0], 0.0, id="a-steady-rise-is-no-noise"),
        pytest.param([0.5] * 5, 0.0, id="flat"),
        pytest.param([0.0, 0.0, 0.0, 9.0, 9.0, 9.0, 9.0], 0.0, id="one-jump-is-no-noise"),
        pytest.param([1.0, 2.0], 0.0, id="too-few-to-tell"),
        pytest.param([0.0, 1.0, 0.0, 1.0, 0.0], 1.4826 * 2 / 6**0.5, id="up-and-down"),
    ],
)
def test_noise_is_what_jumps_from_epoch_to_epoch(values, expected):
    """A trend, and a single jump, are none."""
    assert expected == pytest.approx(noise(np.array(values)))


def test_noise_is_that_of_gaussian_numbers_around_a_line():
    """In the unit of the values."""
    values = np.random.default_rng(0).normal(0, 0.02, 500) + np.linspace(0, 3, 500)

    assert noise(values) == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"val/rows": 25.0}, 0.2, id="few-rows"),
        pytest.param({}, 0.0, id="nothing-known-of-the-rows"),
        pytest.param({"val/rows": 25.0, "higher_is_better": False}, 0.0, id="no-share-of-the-rows"),
    ],
)
def test_a_few_rows_are_no_change(fields, expected):
    """An accuracy on 25 rows has moved only when it moved by more than five of them."""
    assert expected == goals_of(epochs([0.5, 0.75, 0.75, 0.75, 0.75, 0.75], **fields), 1).margin


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([5.0, 4.0, 3.0, 2.0, 1.0], True, id="each-lower"),
        pytest.param([4.0, 3.0, 2.0, 1.0], False, id="four-may-be-in-order-by-chance"),
        pytest.param([1.0, 1.0, 1.0, 1.0, 1.0], False, id="flat"),
        pytest.param([1.0, 2.0, 3.0, 4.0, 5.0], False, id="rises"),
        pytest.param([1.0, 0.999, 0.998, 0.997, 0.996], False, id="by-too-little"),
        pytest.param([-1.0, -2.0, -3.0, -4.0, -5.0], True, id="a-negative-loss"),
        pytest.param([5.0, 4.0, 4.5, 3.0, 3.5, 2.0, 1.0], True, id="with-some-noise"),
        pytest.param([5.0, 1.0, 4.0, 2.0, 3.0], False, id="up-and-down"),
    ],
)
def test_a_robust_fall(values, expected):
    """Most pairs are in order, and it is worth talking about."""
    assert expected == falls(np.array(values), 0.02)


def test_a_lucky_epoch_makes_no_level():
    """The median of three."""
    assert [0.5, 0.5, 0.5] == levels(np.array([0.5, 0.5, 0.9, 0.5, 0.5])).tolist()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_a_goal_to_be_lowered_is_turned(goals):
    """So that larger is better for every detector."""
    down = goals_of(epochs(goals, higher_is_better=False), 1)

    assert [-goal for goal in goals] == down.values.tolist()


def test_only_the_present_chapter_counts():
    """What was before a restart belongs to another training."""
    run = epochs([0.9, 0.1, 0.2, 0.3], steps=10)
    for row in run.epochs:
        row["steps"] = 10
    run.since = 10

    assert [0.1, 0.2, 0.3] == goals_of(run, 1).values.tolist()


def test_missing_values_are_a_reason():
    """With the name of the column and the number of epochs."""
    with pytest.raises(NotApplicable, match=r"^`goal`: 2 of 3 epochs recorded$"):
        goals_of(epochs([0.5, 0.5, float("nan")]), 3)
    with pytest.raises(NotApplicable, match=r"^`val/loss`: 0 of 2 epochs recorded$"):
        column(epochs([0.5, 0.5]).epochs, "val/loss")
