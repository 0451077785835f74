"""Rare classes that are never answered: when trainings are judged by a goal that hears of them."""

from types import SimpleNamespace

import pytest

from autofix_nb.policy.rare import hearing_the_rare
from tests.runs import epochs, finding, trainee


def run(*, usual=True, goal="val/accuracy", majority=0.97, even=False):
    made = epochs([0.97] * 3, **{"val/majority": majority})
    made.facts |= {"usual_goal": usual, "goal": goal} | ({"even_goal": True} if even else {})
    return trainee(made, step_count=30)


@pytest.mark.parametrize(
    ("told", "code", "begins"),
    [
        pytest.param(run(), "L07", True, id="an-accuracy-nobody-asked-for"),
        pytest.param(run(), "L02", False, id="another-illness"),
        pytest.param(run(usual=False), "L07", False, id="the-goal-was-asked-for"),
        pytest.param(run(goal="val/loss"), "L07", False, id="the-loss-is-the-goal"),
        pytest.param(run(majority=0.6), "L07", False, id="classes-that-accuracy-hears"),
        pytest.param(run(even=True), "L07", False, id="judged-so-already"),
    ],
)
@pytest.mark.parametrize("won", [True, False])
def test_judged_evenly_while_it_is_tried_and_afterwards_if_something_wins(told, code, begins, won):
    """What nobody won leaves the goal as it was."""
    before = bool(told.history.facts.get("even_goal"))
    with hearing_the_rare(finding(code=code), told) as hearing:
        within = bool(told.history.facts.get("even_goal"))
        hearing.won = won
    after = bool(told.history.facts.get("even_goal"))
    told.history.facts["even_goal"] = before

    assert (begins, before or begins, before or (begins and won)) == (hearing.begins, within, after)


def test_broken_off_the_goal_is_as_it_was():
    """Nothing has won yet."""
    told = run()
    with pytest.raises(KeyboardInterrupt), hearing_the_rare(finding(code="L07"), told):
        raise KeyboardInterrupt

    assert "even_goal" not in told.history.facts


@pytest.mark.parametrize(
    ("share", "classes", "code", "begins"),
    [
        pytest.param(0.02, 2, "D01", True, id="one-of-two-is-rare"),
        pytest.param(0.3, 2, "D01", False, id="accuracy-hears-it"),
        pytest.param(0.02, 10, "D01", False, id="one-of-many"),
        pytest.param(0.02, 2, "B03", False, id="another-illness"),
    ],
)
def test_before_the_first_step_the_look_before_training_tells(share, classes, code, begins):
    """There is no epoch yet whose answers could."""
    told = epochs([])
    told.facts |= {"usual_goal": True, "goal": "val/accuracy"}
    task = SimpleNamespace(classes=classes)

    with hearing_the_rare(finding(code=code, measured=share), trainee(told, task=task, step_count=0)) as hearing:
        assert begins == hearing.begins
