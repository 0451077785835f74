"""A mended run that still gets better at its planned end goes on for a while."""

import pytest

from autofix_nb.fixes.train_longer import TrainLonger
from tests.runs import epochs, finding, trainee

RISING = [0.1, 0.3, 0.45, 0.55, 0.62, 0.68, 0.73, 0.77, 0.80, 0.82]
FLAT = [0.1, 0.5, 0.8, 0.82, 0.82, 0.821, 0.82, 0.82, 0.819, 0.822]


def run_of(goals, *, left=100, planned=10, higher=True):
    history = epochs(goals, higher_is_better=higher)
    history.facts |= {"planned_epochs": planned, "steps_per_epoch": 10}
    return trainee(history, extra_steps_left=left)


@pytest.mark.parametrize(
    ("goals", "higher", "left", "more"),
    [
        pytest.param(RISING, True, 100, 3, id="a-quarter-more"),
        pytest.param(RISING, True, 20, 2, id="as-far-as-the-budget-goes"),
        pytest.param(RISING, True, 9, None, id="not-one-epoch-is-left"),
        pytest.param(FLAT, True, 100, None, id="flat"),
        pytest.param([1 - goal for goal in RISING], False, 100, 3, id="a-loss-that-falls"),
        pytest.param([1 - goal for goal in FLAT], False, 100, None, id="a-loss-that-does-not"),
        pytest.param(RISING[:2], True, 100, None, id="too-few-epochs"),
        pytest.param([*RISING[:-1], float("nan")], True, 100, 3, id="a-goal-that-is-missing"),
    ],
)
def test_only_where_the_newest_epochs_brought_something(goals, higher, left, more):
    """By more than noise: half a point of a share, or 2 % of anything else."""
    change = TrainLonger().plan(finding(), run_of(goals, left=left, higher=higher))

    assert (None if more is None else {"extra_epochs": more}) == (change and change.after)


@pytest.mark.parametrize(
    ("losses", "more"),
    [
        pytest.param([2.0 * 0.8**place for place in range(10)], 3, id="falls"),
        pytest.param([2.0] * 10, None, id="stands"),
        pytest.param([2.0 * 0.8**place for place in range(7)] + [0.6] * 3, None, id="has-stopped"),
        pytest.param([float("nan")] * 10, None, id="unknown"),
    ],
)
def test_a_validation_loss_that_falls_is_as_good_as_a_goal_that_rises(losses, more):
    """A share of few rows jumps about while the loss tells that it goes on."""
    run = run_of(FLAT)
    for row, loss in zip(run.history.epochs, losses, strict=True):
        row["val/loss"] = loss
    change = TrainLonger().plan(finding(), run)

    assert more == (change and change.after["extra_epochs"])


def test_what_a_restart_took_away_stays():
    """More epochs come on top of those that were on top already."""
    run = run_of(RISING)
    run.controls.extra_epochs = 4
    change = TrainLonger().plan(finding(), run)

    assert ({"extra_epochs": 4}, {"extra_epochs": 7}) == (change.before, change.after)
    assert "epochs=17" == change.permanent


def test_a_run_of_unknown_length_is_left_alone():
    """Nobody knows what its budget is."""
    run = run_of(RISING)
    del run.history.facts["steps_per_epoch"]

    assert TrainLonger().plan(finding(), run) is None
