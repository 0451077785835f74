"""Which parts of a loss a training is for: by the goal, else those that are no mere means."""

import numpy as np
import pytest

from autofix_nb.detectors.aims import aimed_gains, aimed_losses, aims_of, runaways, wishes_in_the_way
from tests.runs import history


def run(*, goal="val/loss", blind=(), norms=(1.0, 500.0), **parts):
    made = history(grad_norm=list(norms), **{f"loss/{part}": values for part, values in parts.items()})
    made.facts |= {"goal": goal, "blind_parts": list(blind)}
    return made


LOST = [-2.0, -30.0, -1e4, -1e7, 5.0]


@pytest.mark.parametrize(
    ("sick", "aims"),
    [
        pytest.param(run(task=[1.0], size=[1.0]), (), id="nothing-known"),
        pytest.param(run(task=[1.0], size=[1.0], goal="val/loss/task"), ("task",), id="the-goal-is-a-part"),
        pytest.param(run(task=[1.0], goal="val/loss/task"), (), id="the-only-part"),
        pytest.param(run(task=[1.0], size=[1.0], goal="val/loss/other"), (), id="a-goal-that-is-no-part-here"),
        pytest.param(run(task=[1.0], more=[1.0], size=[1.0], blind=["size"]), ("task", "more"), id="a-penalty"),
        pytest.param(run(task=[1.0], size=[1.0], blind=["size"], goal="val/accuracy"), (), id="the-goal-is-a-metric"),
        pytest.param(run(task=[1.0], size=[1.0], blind=["task", "size"]), (), id="nothing-else-is-left"),
        pytest.param(run(task=[1.0] * 5, side=LOST), ("task",), id="falls-without-end"),
        pytest.param(
            run(task=[1.0] * 5, side=[-2.0, -2.5, -20.0, -90.0, -99.0]), (), id="negative-and-not-without-end"
        ),
        pytest.param(run(task=[1.0] * 5, side=LOST, norms=(1.0, np.inf)), ("task",), id="gradients-too-large-to-tell"),
        pytest.param(run(task=[1.0] * 5, side=LOST, norms=(1.0, 20.0)), (), id="a-critic-that-is-held-back"),
        pytest.param(run(task=LOST), (), id="a-loss-in-one-part"),
    ],
)
def test_what_the_training_is_for(sick, aims):
    """The goal is asked first; penalties and runaways are means."""
    assert aims == aims_of(sick)


def test_a_runaway_stays_one_after_it_was_turned_off():
    """And does not run in the chapter after that."""
    sick = run(task=[1.0] * 5, side=LOST)
    sick.since = 3

    assert (["side"], []) == (runaways(sick), runaways(sick, now=True))


def test_aims_are_added_up_step_by_step():
    """In the present chapter."""
    sick = run(task=[1.0, 2.0, 3.0], more=[10.0, 20.0, 30.0], size=[5.0] * 3)
    sick.since = 0

    np.testing.assert_array_equal([22.0, 33.0], aimed_losses(sick, ("task", "more")))


def test_the_aim_that_knows_most_tells_what_is_known():
    """Look by look; nothing where no look was taken."""
    sick = history(**{"part_gain/task": [0.1, 0.2], "part_gain/more": [0.3, 0.0]})

    np.testing.assert_array_equal([0.3, 0.2], aimed_gains(sick, ("task", "more")))
    assert 0 == len(aimed_gains(sick, ("other",)))


def wishing(gains=(0.01, 0.0, 0.02, 0.5), *, planned=400, wishes=("small",)):
    """A run beside a wish, with looks at the steps 10, 25, 50 and 100 at what the task explains."""
    made = run(task=[1.0], small=[1.0])
    made.extend("part_gain/task", np.array([10, 25, 50, 100])[: len(gains)], np.array(gains))
    made.facts |= {"planned_steps": planned, "wishes": list(wishes)}
    return made


@pytest.mark.parametrize(
    ("made", "wishes"),
    [
        pytest.param(wishing((0.01, 0.0, 0.02, 0.03)), ["small"], id="nothing-learnt-in-the-beginning"),
        pytest.param(wishing(planned=400), ["small"], id="nor-said-otherwise-later-on"),
        pytest.param(wishing((0.01, 0.0, 0.3, 0.5)), [], id="learnt-in-time"),
        pytest.param(wishing((0.01, 0.2, 0.02, 0.03)), [], id="learnt-for-a-while"),
        pytest.param(wishing((0.01, 0.0)), [], id="too-few-looks"),
        pytest.param(wishing((0.01, 0.0, 0.02), planned=500), [], id="too-soon"),
        pytest.param(wishing((0.0,) * 4, wishes=()), [], id="no-wish"),
        pytest.param(wishing((0.0,) * 4, wishes=("small", "task")), [], id="wishes-alone"),
    ],
)
def test_a_wish_is_in_the_way_where_nothing_is_learnt_beside_it_in_the_beginning(made, wishes):
    """Then it is a means; else it is a part of what the training is for."""
    assert wishes == wishes_in_the_way(made)
    assert (("task",) if wishes else ()) == aims_of(made)
