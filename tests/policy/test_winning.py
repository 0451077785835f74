"""Who wins a race: whoever is better by enough, by pace, or by having begun to know something; else nobody."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.fixes import FIXES, Change
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score
from autofix_nb.policy.winning import (
    AHEAD,
    FARTHER,
    QUICKER,
    gets_on,
    simplest_winner,
    surely_off_a_stand,
    usual_one,
    winner_of,
)

BATCHES = 8


def score(loss, **fields):
    """Return a score whose judging batches all have the same loss."""
    return Score(loss=loss, losses=(loss,) * BATCHES, rows=1000, **fields)


def knowing(loss, gain, level=2.3):
    """Return a score whose outputs explain so much of the loss."""
    return score(loss, gains=(gain, 0.98 * gain) * 5, mispaired=level)


def race(start, control, *scores, steps=50, trained=None):
    """Return a race that came to these scores."""
    places = range(len(scores)) if trained is None else trained
    scored = [one if isinstance(one, Score) else score(one) for one in (start, control, *scores)]
    return Race(start=scored[0], control=scored[1], steps=steps, scores=scored[2:], trained=dict.fromkeys(places))


def winner(made, *, learnt=False, begun=True, left=0.0):
    return winner_of(made, learnt=learnt, begun=begun, left=left)


LOSSES = st.floats(1e-2, 1e2)


@pytest.mark.parametrize(
    ("start", "control", "gets"),
    [
        pytest.param(2.28, 2.16, True, id="it-has-begun-to-learn"),
        pytest.param(2.28, 2.27, False, id="it-crawls-on"),
        pytest.param(2.28, 2.4, False, id="it-rises"),
        pytest.param(2.28, score(float("nan"), failed="the numbers went bad"), False, id="it-failed"),
    ],
)
def test_a_projection_stands_while_the_control_bears_it_out(start, control, gets):
    """The run as it is, thought on from its steps on the side, comes below the limit or does not."""
    assert gets == gets_on(race(start, control, 1.5, steps=20), left=140, limit=1.8)


@pytest.mark.parametrize(
    ("control", "other", "won"),
    [
        pytest.param(1.999, 1.9, 0, id="surely-lower"),
        pytest.param(1.999, 1.97, None, id="hardly-lower"),
        pytest.param(1.9, 1.7, None, id="the-control-moves"),
        pytest.param(score(float("nan")), 1.7, None, id="nothing-to-compare-with"),
    ],
)
def test_faint_steps_are_left_for_what_is_surely_lower(control, other, won):
    """Where the run as it was hardly moves, little is asked of what does."""
    made = race(2.0, control, other)
    made.raced = [Candidate(fixes=[])]

    assert won == surely_off_a_stand(made)


@pytest.mark.parametrize(
    ("simple", "resorts", "won"),
    [
        pytest.param(1.0, (False, True), 0, id="the-simple-one-wins-by-itself"),
        pytest.param(1.8, (False, True), 1, id="it-is-far-behind"),
        pytest.param(2.1, (False, True), 1, id="it-does-not"),
        pytest.param(1.0, (True, True), 1, id="all-are-last-resorts"),
        pytest.param(1.0, (False, False), 1, id="none-is"),
    ],
)
def test_a_last_resort_gives_way_to_a_simpler_winner(simple, resorts, won):
    """Where the rate alone is blamed: another model may begin faster and end behind."""
    made = race(2.0, 2.0, simple, 0.5)
    made.raced = [Candidate(fixes=[], resort=resort) for resort in resorts]

    assert 1 == winner(made)
    assert won == simplest_winner(made, 1, winner)


@given(st.lists(LOSSES, min_size=1, max_size=5), LOSSES, LOSSES, st.booleans(), st.booleans(), st.floats(0, 5000))
def test_the_winner_can_be_gone_on_with(losses, start, control, learnt, begun, left):
    """It is sound, what it trained to was kept, and no other that was kept and is better than it by much lost."""
    trained = [place for place in range(len(losses)) if place % 2 == 0]
    made = race(start, control, *losses, trained=trained)

    won = winner(made, learnt=learnt, begun=begun, left=left)

    assert won is None or won in trained
    assert won is None or losses[won] <= 1.04 * min(losses[place] for place in trained)


@given(LOSSES, st.integers(1, 5), st.booleans(), st.booleans(), st.floats(0, 5000))
def test_nobody_wins_by_doing_as_the_control_does(loss, count, learnt, begun, left):
    """However long the run, and also where nothing moves."""
    assert winner(race(loss, loss, *[loss] * count), learnt=learnt, begun=begun, left=left) is None
    assert winner(race(2 * loss, loss, *[loss] * count), learnt=learnt, begun=begun, left=left) is None


@given(
    st.lists(LOSSES, min_size=1, max_size=4),
    LOSSES,
    LOSSES,
    st.booleans(),
    st.booleans(),
    st.floats(0, 5000),
    st.sampled_from([2.0**-20, 2.0, 2.0**20]),
)
def test_the_unit_of_the_loss_does_not_show(losses, start, control, learnt, begun, left, unit):
    """Metres or millimetres."""
    made = [race(*[unit * loss for loss in (start, control, *losses)]) for unit in (1.0, unit)]

    assert winner(made[0], learnt=learnt, begun=begun, left=left) == winner(
        made[1], learnt=learnt, begun=begun, left=left
    )


@given(st.lists(LOSSES, min_size=1, max_size=4), LOSSES, LOSSES, st.floats(0, 5000))
def test_more_steps_that_are_left_never_take_a_win_away(losses, start, control, left):
    """A pace that is enough for some is enough for more."""
    made = race(start, control, *losses)

    assert (winner(made, left=left) is not None) <= (winner(made, left=left + 500) is not None)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("learnt", [False, True])
def test_failed_ones_never_win(learnt, begun):
    """Also where the control failed as well."""
    failed = score(0.1, failed="RuntimeError: no")

    assert winner(race(2.0, 2.0, failed, score(float("nan"))), learnt=learnt, begun=begun, left=1e4) is None
    assert winner(race(2.0, failed, failed), learnt=learnt, begun=begun, left=1e4) is None


@pytest.mark.parametrize(
    ("loss", "learnt", "wins"),
    [
        pytest.param(1.0, False, True, id="came-lower"),
        pytest.param(2.0, False, False, id="only-as-at-the-start"),
        pytest.param(2.5, False, False, id="worse-than-at-the-start"),
        pytest.param(2.0, True, True, id="as-at-the-start-of-a-run-that-has-something-to-lose"),
    ],
)
def test_better_than_a_control_that_fell_apart_is_not_enough(loss, learnt, wins):
    """It must learn something; unless that keeps what was learnt."""
    assert wins == (winner(race(2.0, score(9.0, failed="the numbers went bad"), loss), learnt=learnt) is not None)
    assert wins == (winner(race(2.0, 9.0, loss), learnt=learnt) is not None)


def test_a_slow_start_beside_a_control_that_fell_apart_is_thought_on():
    """As far as three times the steps that were watched."""
    slow, slower = 2.0 * (1 - 0.06 / AHEAD), 2.0 * (1 - 0.04 / AHEAD)

    assert 0 == winner(race(2.0, 9.0, slow))
    assert winner(race(2.0, 9.0, slower)) is None
    assert 0 == winner(race(2.0, 9.0, slower), left=10_000)


@pytest.mark.parametrize(
    ("control", "wins"),
    [
        pytest.param(1.0, True, id="stands"),
        pytest.param(0.995, False, id="goes-on"),
        pytest.param(1.01, False, id="up"),
    ],
)
def test_a_training_that_stands_has_nothing_to_lose(control, wins):
    """Then a tenth of the loss is enough, though it had learnt before."""
    assert wins == (winner(race(1.0, control, 0.9), learnt=True) is not None)


@pytest.mark.parametrize(
    ("one", "control", "left", "wins"),
    [
        pytest.param(1.98, 1.999, 500, True, id="twenty-times-as-fast-with-time"),
        pytest.param(1.98, 1.999, 100, False, id="no-time-for-it"),
        pytest.param(1.98, 1.99, 500, False, id="twice-as-fast"),
        pytest.param(1.98, 2.01, 500, True, id="the-control-goes-up"),
        pytest.param(2.001, 2.1, 500, False, id="it-goes-up-itself"),
    ],
)
def test_who_has_not_learnt_may_be_beaten_by_pace(one, control, left, wins):
    """Ten times as fast, and with the steps that are left decisively better."""
    assert QUICKER == 10.0
    assert wins == (winner(race(2.0, control, one), left=left) is not None)
    assert winner(race(2.0, control, one), learnt=True, left=left) is None


@pytest.mark.parametrize(
    ("one", "control", "wins"),
    [
        pytest.param(1.6, 1.9, True, id="four-times-as-far"),
        pytest.param(1.6, 1.8, False, id="twice-as-far"),
        pytest.param(1.94, 1.99, False, id="far-in-nothing"),
        pytest.param(1.6, 2.5, True, id="the-control-goes-up"),
    ],
)
def test_before_the_first_step_a_winner_goes_three_times_as_far(one, control, wins):
    """Nothing but the look before training speaks against the run."""
    assert FARTHER == 3.0
    assert wins == (winner(race(2.0, control, one), learnt=True, begun=False) is not None)
    assert (control > 2.0) == (winner(race(2.0, control, one), learnt=True, begun=True) is not None)


def test_who_has_begun_to_tell_the_rows_apart_wins():
    """Where nobody came lower: the loss first moves to the level of chance, whatever is learnt."""
    idle = knowing(2.3, 0.0)
    made = race(idle, idle, idle, knowing(2.305, 0.03))

    assert 1 == winner(made)
    assert winner(made, learnt=True) is None
    assert winner(race(idle, knowing(2.3, 0.02), knowing(2.3, 0.03))) is None


def test_a_lower_loss_comes_before_pace_and_before_knowing():
    """What was reached counts more than what may be."""
    idle = knowing(2.3, 0.0)

    assert 1 == winner(race(idle, idle, knowing(2.29, 0.5), knowing(1.5, 0.0), knowing(2.28, 0.0)), left=1e4)


def test_noise_alone_does_not_win():
    """Batches that came lower by chance, pieces that seem to know something: once in some hundred races."""
    draw = np.random.default_rng(0)

    def noisy():
        losses = 2.3 + 0.02 * draw.normal(size=BATCHES)
        gains = 0.02 * draw.normal(size=10)
        return Score(loss=losses.mean(), losses=tuple(losses), gains=tuple(gains), mispaired=2.3, rows=500)

    made = [race(noisy(), noisy(), noisy(), noisy()) for _ in range(300)]

    assert 0 == sum(winner(one, learnt=True) is not None for one in made)
    assert 3 >= sum(winner(replace(one, start=one.control)) is not None for one in made)


@pytest.mark.parametrize(
    ("begun", "learnt", "wins"),
    [
        pytest.param(False, True, True, id="before-the-first-step"),
        pytest.param(True, True, False, id="learns-already"),
        pytest.param(True, False, True, id="has-learnt-nothing"),
    ],
)
def test_before_the_first_step_it_is_enough_to_have_begun_to_know(begun, learnt, wins):
    """Nothing is lost by it then: the loss first moves to the level of chance, whatever is learnt."""
    idle = knowing(2.3, 0.0)
    made = race(idle, knowing(2.29, 0.0), knowing(2.29, 0.0), knowing(2.305, 0.03))

    assert (1 if wins else None) == winner(made, learnt=learnt, begun=begun)


def test_before_the_first_step_who_goes_far_comes_before_who_knows():
    """What was reached counts more than what may be."""
    made = race(knowing(2.3, 0.0), knowing(2.3, 0.0), knowing(2.3, 0.1), knowing(2.0, 0.0))

    assert 1 == winner(made, learnt=True, begun=False)


def of_data(**after):
    """Return a candidate that sets samples aside."""
    change = Change(fix="drop_outliers", touches="data", says="", before={}, after=after, permanent="")
    return Candidate(fixes=[(FIXES["drop_outliers"](), change)])


@pytest.mark.parametrize(
    ("loss", "sure", "begun", "expected"),
    [
        pytest.param(0.99, True, False, 0, id="no-worse"),
        pytest.param(1.01, True, False, 0, id="hardly-worse"),
        pytest.param(1.03, True, False, None, id="worse"),
        pytest.param(0.99, False, False, None, id="not-sure"),
        pytest.param(1.01, True, True, 0, id="under-way"),
        pytest.param(1.03, True, True, None, id="under-way-and-worse"),
    ],
)
def test_what_the_data_ask_for_need_only_do_no_harm(loss, sure, begun, expected):
    """Where marks for none stand among the targets: before the first step, and where the run has learnt something."""
    made = race(1.2, 1.0, loss)
    made.raced.append(of_data(samples=[1], sure=sure))

    assert expected == winner(made, learnt=True, begun=begun)


@pytest.mark.parametrize(("loss", "expected"), [(1.2, 0), (1.3, None)], ids=["slower", "much worse"])
def test_what_mends_a_proven_slip_may_learn_more_slowly(loss, expected):
    """Rows that hear of one another may begin faster: a few steps of that prove nothing."""
    made = race(1.4, 1.0, loss)
    made.raced.append(of_data(sure=True, proven=True))

    assert expected == winner(made, learnt=True, begun=False)


@pytest.mark.parametrize(
    ("loss", "known", "begun", "expected"),
    [
        pytest.param(0.85, 0.2, False, 0, id="knows-much"),
        pytest.param(0.85, 0.05, False, None, id="knows-little"),
        pytest.param(0.95, 0.2, False, None, id="hardly-lower"),
        pytest.param(0.85, 0.2, True, None, id="under-way"),
    ],
)
def test_before_the_first_step_sure_knowledge_wins_against_none(loss, known, begun, expected):
    """A control whose loss jumps is beaten by nobody decisively, though it knows nothing for sure."""
    jumps = (0.2, 3.0, 0.3, 2.0, 0.2, 1.5, 0.3, 0.5)
    control = Score(loss=1.0, losses=jumps, rows=1000, gains=(3.0, -2.0) * 5, mispaired=1.5)
    one = replace(score(loss), gains=(known, 0.99 * known) * 5, mispaired=1.0)

    assert expected == winner(race(5.0, control, one), learnt=True, begun=begun)


def by_another_loss(**after):
    """Return a candidate that puts another loss in the place of the user's."""
    change = Change(fix="mend_loss", touches="loop", says="", before={}, after={"loss": "x"} | after, permanent="")
    return Candidate(fixes=[(FIXES["mend_loss"](), change)])


@pytest.mark.parametrize(
    ("sure_knows", "other_knows", "expected"),
    [
        pytest.param(0.2, 0.0, 1, id="the-other-knows-nothing"),
        pytest.param(0.2, 0.6, 0, id="the-other-knows-more"),
    ],
)
def test_what_falls_by_another_loss_must_know_more_than_what_is_sure(sure_knows, other_knows, expected):
    """A loss in other units falls by much while all answers move alike."""
    made = race(1.2, 1.0, knowing(0.5, other_knows), knowing(1.0, sure_knows))
    made.raced += [by_another_loss(), of_data(samples=[1], sure=True)]

    assert expected == winner(made, learnt=True, begun=False)


def test_what_is_sure_must_not_lose_the_goal():
    """A metric that falls beyond chance speaks against it."""
    made = race(1.2, score(1.0, goal=0.8), score(0.99, goal=0.5))
    made.raced.append(of_data(samples=[1], sure=True))

    assert winner(made, learnt=True, begun=False) is None


@pytest.mark.parametrize(
    ("loss", "fix", "fresh", "wins"),
    [
        pytest.param(1.0, "swap_optimizer", False, True, id="as-good"),
        pytest.param(1.01, "swap_optimizer", False, True, id="hardly-worse"),
        pytest.param(1.1, "swap_optimizer", False, False, id="worse"),
        pytest.param(1.0, "swap_optimizer", True, False, id="it-began-again"),
        pytest.param(1.0, "scale_lr", False, False, id="another-rate-is-none"),
    ],
)
def test_a_usual_optimizer_may_be_hardly_worse(loss, fix, fresh, wins):
    """Of a run that is known to end too high: nothing speaks for the rate that it has."""
    change = Change(fix=fix, touches="loop", says="", before={}, after={})
    made = race(1.1, 1.0, loss)
    made.raced = [Candidate(fixes=[(FIXES[fix](), change)], fresh=fresh)]

    assert (0 if wins else None) == usual_one(made)
