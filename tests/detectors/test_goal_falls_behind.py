"""The losses fall and the goal stays where a constant answer would be."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.goal_falls_behind import GoalFallsBehind
from autofix_nb.finding import Severity
from tests.runs import epochs

FALLING = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]


def run(goals, *, losses=FALLING, val_losses=FALLING, top=0.4, majority=0.5, **fields):
    made = epochs(goals, **fields)
    for row, loss, val_loss in zip(made.epochs, losses, val_losses, strict=True):
        row |= {"loss": loss, "val/loss": val_loss, "val/top_share": top, "val/majority": majority}
    return made


@pytest.mark.parametrize(
    ("history", "severity"),
    [
        pytest.param(run([0.5, 0.48, 0.51, 0.5, 0.49, 0.5]), Severity.WARNING, id="an-accuracy-of-chance"),
        pytest.param(run([0.3] * 6), Severity.WARNING, id="below-chance"),
        pytest.param(run([0.1, 0.15, 0.2, 0.25, 0.3, 0.35]), None, id="below-chance-and-rising"),
        pytest.param(run([0.5, 0.55, 0.6, 0.65, 0.7, 0.75]), None, id="it-rises"),
        pytest.param(run([0.9] * 6), None, id="reached-in-the-first-epoch"),
        pytest.param(run([0.5] * 6, losses=[0.6] * 6), None, id="the-loss-stays-too"),
        pytest.param(run([0.5] * 6, val_losses=[0.6] * 6), None, id="the-validation-loss-stays"),
        pytest.param(run([0.5, 0.5, 0.5, 0.5, 0.5, 0.8]), None, id="the-newest-is-better"),
        pytest.param(run([0.013] * 6, majority=0.01), None, id="slow-among-many-classes"),
        pytest.param(run([0.97] * 6, majority=0.97, top=1.0), Severity.NOTE, id="chance-is-high"),
        pytest.param(run([0.98] * 6, majority=0.97), None, id="a-little-above-a-high-chance"),
        pytest.param(run([0.0] * 6, goal_name="val/f1", top=1.0, majority=0.95), Severity.WARNING, id="f1-of-zero"),
        pytest.param(
            run([0.0] * 6, goal_name="val/f1", top=1.0, **{"val/f1_at_half": 0.0, "val/f1_at_threshold": 0.4}),
            Severity.NOTE,
            id="another-threshold-is-enough",
        ),
        pytest.param(run([0.6] * 6, goal_name="val/f1", top=0.9, majority=0.95), None, id="f1-that-stays"),
        pytest.param(run([0.6] * 6, goal_name="val/f1", top=1.0, majority=1.0), None, id="there-is-only-one-class"),
        pytest.param(
            run([0.7] * 6, goal_name="val/error_rate", higher_is_better=False, top=1.0, majority=0.3),
            Severity.WARNING,
            id="an-error-to-be-lowered",
        ),
    ],
)
def test_the_goal_is_compared_with_that_of_a_constant_answer(history, severity):
    """Of an accuracy it is known, of others only where all rows get one answer."""
    finding = GoalFallsBehind().check(history)

    assert severity == (finding and finding.severity)


def usual(share=0.97, top=1.0, tuned=0.2, half=0.0, *, asked=False, goal_name="val/accuracy"):
    """A run that was given no goal, where one class has nearly all rows."""
    f1s = {"val/f1_at_half": half, "val/f1_at_threshold": tuned}
    made = run([share] * 6, majority=share, top=top, goal_name=goal_name, **f1s)
    made.facts["usual_goal"] = not asked
    return made


@pytest.mark.parametrize(
    ("history", "severity"),
    [
        pytest.param(usual(), Severity.WARNING, id="never-answered"),
        pytest.param(usual(asked=True), Severity.NOTE, id="the-goal-was-asked-for"),
        pytest.param(usual(top=0.99), Severity.NOTE, id="answered-now-and-then"),
        pytest.param(usual(tuned=0.8), Severity.NOTE, id="another-threshold-finds-them"),
        pytest.param(
            usual(share=0.99, goal_name="val/f1"), Severity.WARNING, id="another-goal-though-nearly-all-is-one"
        ),
        pytest.param(usual(share=0.99, top=0.995, goal_name="val/f1"), None, id="another-goal-and-answered"),
    ],
)
def test_an_accuracy_nobody_asked_for_is_no_excuse_for_a_class_never_answered(history, severity):
    """It has little room to move, and none of that is the reason why the loss is there."""
    if history.epochs[-1]["goal_name"] == "val/f1":
        for row in history.epochs:
            row["goal"] = 0.5
            row["val/f1_at_threshold"] = row["val/f1_at_half"]
    finding = GoalFallsBehind().check(history)

    assert severity == (finding and finding.severity)


@pytest.mark.parametrize(("planned", "found"), [(100, False), (12, True)])
def test_a_loss_above_that_of_a_constant_answer_excuses_a_young_run(planned, found):
    """Later it is too slow to get there."""
    made = run([0.5] * 6)
    made.facts["planned_epochs"] = planned if found else 24
    made.extend("loss", np.arange(50), np.full(50, 0.6))
    made.record(50, chance=0.1)

    assert found == (GoalFallsBehind().check(made) is not None)


@pytest.mark.parametrize(
    ("history", "why"),
    [
        pytest.param(run([0.5] * 6, goal_name="val/loss"), "`goal`: val/loss is the loss itself", id="loss"),
        pytest.param(epochs([0.5] * 6), "`val/majority`: 0 of 6 epochs recorded", id="nothing-known-of-the-answers"),
        pytest.param(run([0.5] * 4, losses=FALLING[:4], val_losses=FALLING[:4]), "`goal`: 4 of 5 epochs", id="too-few"),
    ],
)
def test_where_it_cannot_be_told(history, why):
    """With the reason."""
    with pytest.raises(NotApplicable, match=why):
        GoalFallsBehind().check(history)


def test_a_long_training_gets_its_time():
    """A quarter of its epochs."""
    history = run([0.5] * 6)
    history.facts["planned_epochs"] = 40

    with pytest.raises(NotApplicable, match="`goal`: 6 of 10 epochs recorded"):
        GoalFallsBehind().check(history)


def test_says_what_it_measured():
    """Goal, level and losses."""
    assert str(GoalFallsBehind().check(run([0.5] * 6))) == (
        "L07 The loss falls, the goal does not at step 60: val/accuracy is 0.5 over the last 3 epochs, not above 0.52 "
        "(one answer for all rows is right in 50.0% of them), while the loss fell from 1 to 0.5 and the validation "
        "loss with it. Try class_weights, mend_loss, tune_threshold, rebalance_losses."
    )


def test_a_loss_that_only_comes_down_to_chance_says_nothing_of_the_goal():
    """Answers that are far off in size are brought to the best constant one first: no goal can follow that."""
    history = run([0.5] * 6)
    history.extend("loss", range(1, 21), [1.0] * 20)
    history.extend("chance", [20], [0.69])

    assert GoalFallsBehind().check(history) is None
