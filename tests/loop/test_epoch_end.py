"""What an epoch comes to: the goal, and what it is where parts of the loss were weighed anew."""

from types import SimpleNamespace

import pytest

from autofix_nb.loop.epoch_end import EpochEnd
from tests.runs import history

ROW = {"val/loss": 12.0, "val/loss/task": 2.0, "val/loss/size": 10.0}


@pytest.mark.parametrize(
    ("goal", "weights", "blind", "expected"),
    [
        pytest.param("val/loss", {}, ["size"], (12.0, "val/loss"), id="as-the-user-gave-it"),
        pytest.param("val/loss", {"size": 0.0}, ["size"], (2.0, "val/loss/task"), id="weighed-anew"),
        pytest.param("val/loss", {"size": 0.5}, [], (12.0, "val/loss"), id="nothing-is-a-mere-means"),
        pytest.param("val/loss/size", {"size": 0.5}, ["size"], (10.0, "val/loss/size"), id="the-goal-is-a-part"),
    ],
)
def test_a_penalty_that_counts_less_is_not_part_of_the_goal(goal, weights, blind, expected):
    """By the whole loss the weights from before would stay the best for ever."""
    told = history(**{"loss/task": [1.0], "loss/size": [1.0]})
    told.facts |= {"goal": goal, "blind_parts": blind}
    guard = SimpleNamespace(goal=goal, history=told, controls=SimpleNamespace(part_weights=weights))

    found = EpochEnd._goal_of(guard, ROW)

    assert expected == (found["goal"], found["goal_name"])


@pytest.mark.parametrize(
    ("even", "row", "expected"),
    [
        pytest.param(False, {"val/mean_recall": 0.5}, "val/accuracy", id="as-it-was-chosen"),
        pytest.param(True, {"val/mean_recall": 0.5}, "val/mean_recall", id="rare-classes-are-heard"),
        pytest.param(True, {}, "val/accuracy", id="it-was-not-measured"),
    ],
)
def test_a_goal_that_does_not_hear_of_rare_classes_is_replaced(even, row, expected):
    """By the one that the race was judged by."""
    told = history()
    told.facts["even_goal"] = even
    guard = SimpleNamespace(goal="val/accuracy", history=told, controls=SimpleNamespace(part_weights={}))

    assert expected == EpochEnd._goal_of(guard, {"val/accuracy": 0.97} | row)["goal_name"]
