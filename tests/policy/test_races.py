"""The book of races: how many steps each may take, of those that are left and of those that a restart loses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.policy.races import BUDGET, FULL_TRIES, LEAST_STEPS, MOST_STEPS, NEARLY, Races, has_learnt, wasted
from tests.runs import history

PLANS = st.integers(0, 20_000)


def planned(steps, *, lineage_from=0):
    """Return the history of a run that was planned with so many steps."""
    run = history()
    run.facts.update(planned_steps=steps, lineage_from=lineage_from)
    return run


@pytest.mark.parametrize(
    ("step", "fresh", "whole", "expected"),
    [
        pytest.param(100, False, False, (100, 500), id="goes-on"),
        pytest.param(100, True, False, (80, 400), id="covered-in-full"),
        pytest.param(400, True, False, (50, 250), id="half-of-what-is-left-at-least"),
        pytest.param(900, True, False, (50, 250), id="however-late"),
        pytest.param(400, True, True, (20, 100), id="whole-and-covered"),
        pytest.param(490, True, True, (0, 0), id="whole-and-not-covered"),
        pytest.param(900, True, True, (0, 0), id="whole-and-far-from-it"),
        pytest.param(900, False, True, (100, 500), id="whole-and-goes-on"),
    ],
)
def test_the_steps_of_a_race_from_the_first_weights(step, fresh, whole, expected):
    """What is dead has nothing to lose, so it ends earlier where the budget is short; no schedule is cut off."""
    assert expected == Races().steps_each(planned(1000), 4, fresh=fresh, step=step, whole=whole)


@given(PLANS, st.integers(0, 10_000), st.integers(1, 10), st.booleans(), st.booleans(), st.integers(0, 20_000))
def test_no_race_takes_more_than_is_left(plan, spent, candidates, fresh, whole, step):
    """Each is watched for as long as it takes to tell; a run that must end whole gets what the restart leaves."""
    races, run = Races(spent=spent), planned(plan)
    left = races.left(run)
    each, most = races.steps_each(run, candidates, fresh=fresh, step=step, whole=whole)

    assert left == int(BUDGET * plan) - spent
    assert (each, most) == (0, 0) or LEAST_STEPS <= most <= left
    assert each == 0 or NEARLY * LEAST_STEPS <= each <= MOST_STEPS
    assert each <= max(LEAST_STEPS, most / min(FULL_TRIES, candidates + 1))
    if fresh and whole:
        assert most <= max(0, left - wasted(run, step))


@given(PLANS, st.integers(1, 10), st.booleans(), st.integers(0, 20_000))
def test_what_may_end_earlier_is_never_given_less(plan, candidates, fresh, step):
    """Nor is what goes on given less than what begins again."""
    run = planned(plan)
    steps = {
        (begins, whole): Races().steps_each(run, candidates, fresh=begins, step=step, whole=whole)[1]
        for begins in (True, False)
        for whole in (True, False)
    }

    assert steps[fresh, True] <= steps[fresh, False]
    assert steps[True, False] <= steps[False, False] == steps[False, True]


@pytest.mark.parametrize(("step", "lineage_from", "expected"), [(100, 0, 100), (100, 80, 20), (100, 120, 0)])
def test_only_the_steps_of_this_chapter_are_lost(step, lineage_from, expected):
    """Those before were lost already."""
    assert expected == wasted(planned(1000, lineage_from=lineage_from), step)


@pytest.mark.parametrize(
    ("aim", "gains", "learnt"),
    [
        pytest.param([2.3] * 60, [], False, id="it-stays-while-the-rest-falls"),
        pytest.param([2.3] * 30 + [1.0] * 30, [], True, id="it-falls"),
        pytest.param([2.3] * 30 + [1.0] * 30, [0.0, 0.02], False, id="it-falls-and-knows-nothing"),
        pytest.param([2.3] * 60, [0.0, 0.3], True, id="it-knows-the-targets"),
    ],
)
def test_learnt_is_what_the_training_is_for(aim, gains, learnt):
    """Whatever else falls in the loss."""
    made = history(**{"loss": [99.0] * 30 + [9.0] * 30, "loss/aim": aim, "loss/rest": [90.0] * 30 + [6.0] * 30})
    for look, gain in enumerate(gains):
        made.record(look, **{"part_gain/aim": gain})

    assert has_learnt(made)

    made.facts["goal"] = "val/loss/aim"

    assert learnt == has_learnt(made)
