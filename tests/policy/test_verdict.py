"""Laws of the verdict: what nothing did, chance, another unit or a failed try never wins."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.policy.verdict import (
    ALL_OF,
    ERRORS,
    ERRORS_KNOWN,
    FAR_MORE,
    FEW_BATCHES,
    KNOWN,
    LITTLE,
    POINTS,
    SHARE_OF_LOSS,
    SHARE_OF_LOSS_LEARNT,
    Score,
    best_of,
    has_gained,
    in_units_of,
    is_decisively_better,
    is_surely_lower,
    is_worse,
    knows_more,
)

LOSSES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


@st.composite
def scores(draw, size=None, sound=True):
    """Draw a score: losses of some batches, with a goal between 0 and 1 or none."""
    losses = draw(st.lists(st.floats(1e-3, 1e3), min_size=size or 1, max_size=size or 12))
    goal = draw(st.just(float("nan")) | st.floats(0, 1))
    failed = "" if sound else draw(st.sampled_from(["", "ValueError: no"]))
    rows = draw(st.integers(1, 5000))
    return Score(loss=float(np.mean(losses)), losses=tuple(losses), goal=goal, rows=rows, failed=failed)


@st.composite
def pairs(draw):
    """Draw two scores on the same batches."""
    size = draw(st.integers(1, 12))
    one, other = draw(scores(size)), draw(scores(size))
    return one, replace(other, rows=one.rows)


@given(scores(sound=False), st.booleans())
def test_nothing_is_better_or_worse_than_itself(one, learnt):
    """Whatever it came to, also where it failed."""
    assert not is_decisively_better(one, one, learnt=learnt)
    assert not is_worse(one, one)


@given(pairs(), st.booleans())
def test_of_two_at_most_one_is_better(both, learnt):
    """And what is decisively better is not worse."""
    one, other = both
    better = is_decisively_better(one, other, learnt=learnt)

    assert not (better and is_decisively_better(other, one, learnt=learnt))
    assert not (better and is_worse(one, other) and one.goal != one.goal)


@given(pairs(), st.booleans(), st.sampled_from([2.0**-20, 0.5, 2.0, 2.0**20]))
def test_the_unit_of_the_loss_does_not_show(both, learnt, unit):
    """Metres or millimetres."""
    one, other = (
        replace(score, loss=score.loss * unit, losses=tuple(loss * unit for loss in score.losses)) for score in both
    )

    assert is_decisively_better(*both, learnt=learnt) == is_decisively_better(one, other, learnt=learnt)
    assert is_worse(*both) == is_worse(one, other)
    assert best_of(both) == best_of([one, other])


@given(pairs(), st.booleans())
def test_what_learns_already_must_gain_more(both, learnt):
    """Whoever wins against a run that learns wins against one that does not."""
    if is_decisively_better(*both, learnt=True):
        assert is_decisively_better(*both, learnt=False)


@given(scores(), st.booleans(), st.sampled_from([{"failed": "RuntimeError: no"}, {"loss": float("nan")}]))
def test_what_failed_never_wins(one, learnt, failure):
    """And everything is better than it."""
    failed = replace(one, **failure)

    assert not is_decisively_better(failed, one, learnt=learnt)
    assert is_decisively_better(one, failed, learnt=learnt)
    assert (True, False) == (is_worse(failed, one), is_worse(one, failed))
    assert 1 == best_of([failed, one, failed])
    with pytest.raises(ValueError, match="none of the scores is sound"):
        best_of([failed, failed])


@given(st.integers(0, 10_000), st.integers(8, 16))
def test_batches_that_differ_by_chance_alone_never_win(seed, size):
    """Half of them lower, half of them higher by as much: no mean difference is beyond its error."""
    draw = np.random.default_rng(seed)
    before = draw.uniform(1, 2, size)
    swing = draw.uniform(0, 1) * np.where(np.arange(size) % 2, 1.0, -1.0) + 0.05
    after = before - swing
    error = swing.std(ddof=1) / np.sqrt(size)
    one, other = (Score(loss=float(np.mean(part)), losses=tuple(part), rows=100) for part in (after, before))

    assert is_decisively_better(one, other, learnt=False) <= (swing.mean() >= ERRORS * error)


@pytest.mark.parametrize(
    ("rows", "gain", "wins"),
    [
        pytest.param(10_000, POINTS + 0.001, True, id="enough-rows"),
        pytest.param(10_000, POINTS - 0.001, False, id="too-little"),
        pytest.param(50, 0.1, False, id="within-the-error-of-few-rows"),
        pytest.param(50, 0.5, True, id="far-on-few-rows"),
    ],
)
def test_a_metric_must_gain_what_matters_and_beyond_chance(rows, gain, wins):
    """Four points, or three standard errors of that many rows, whichever is more."""
    one, other = (Score(loss=1.0, losses=(1.0,) * 8, goal=goal, rows=rows) for goal in (0.4 + gain, 0.4))

    assert wins == is_decisively_better(one, other, learnt=True)


@given(pairs(), st.floats(0.1, 10))
def test_another_loss_is_told_in_shares_of_the_control(both, unit):
    """As many per cent below what the control comes to by the other loss are as many below the control's own."""
    control, one = both
    beside = replace(control, loss=control.loss * unit, losses=tuple(loss * unit for loss in control.losses))
    there = replace(one, loss=one.loss * unit, losses=tuple(loss * unit for loss in one.losses))

    here = in_units_of(control, there, beside)

    assert here.loss == pytest.approx(one.loss)
    assert here.losses == pytest.approx(one.losses)
    assert here.goal == pytest.approx(one.goal, nan_ok=True)


@given(LOSSES)
def test_of_equals_the_first_is_the_best(losses):
    """Candidates come gentlest first."""
    one = Score(loss=float(np.mean(losses)), losses=tuple(losses), rows=10)

    assert 0 == best_of([one, one, replace(one, loss=one.loss * 0.99)])


# --- what the outputs know --------------------------------------------------------------------------------------------


def knowing(gain, *, loss=2.3, level=2.3, swing=0.02, pieces=10):
    """Return a score whose pieces gain so much, give or take a swing."""
    swings = swing * np.where(np.arange(pieces) % 2, 1.0, -1.0)
    return Score(loss=loss, losses=(loss,) * 8, gains=tuple(gain + swings), mispaired=level)


@given(
    st.lists(st.floats(-10, 10), max_size=12),
    st.floats(0.1, 100),
    st.sampled_from([2.0**-10, 0.5, 2.0**10]),
)
def test_what_is_known_is_a_share_of_the_loss_beyond_chance(gains, level, unit):
    """No unit, never below 0, and nothing by a few pieces or within four standard errors."""
    one = Score(loss=level, gains=tuple(gains), mispaired=level)
    same = Score(loss=level * unit, gains=tuple(gain * unit for gain in gains), mispaired=level * unit)
    few = len(gains) < FEW_BATCHES
    error = 0.0 if few else np.std(gains, ddof=1) / np.sqrt(len(gains))

    assert one.known == pytest.approx(same.known)
    assert one.known >= 0
    assert one.known == 0 or (not few and np.mean(gains) > ERRORS_KNOWN * error)
    assert one.known == 0 or one.known == pytest.approx(np.mean(gains) / level)


@pytest.mark.parametrize("level", [0.0, -1.0, float("nan")])
def test_of_a_level_that_is_no_loss_nothing_is_known(level):
    """There is no share of it."""
    assert 0.0 == knowing(1.0, level=level).known


@pytest.mark.parametrize(
    ("one", "control", "more"),
    [
        pytest.param(knowing(0.1), knowing(0.0), True, id="begins"),
        pytest.param(knowing(0.005), knowing(0.0), False, id="too-little"),
        pytest.param(knowing(0.1, swing=0.2), knowing(0.0), False, id="within-its-noise"),
        pytest.param(knowing(0.1), knowing(0.09), False, id="the-control-does-too"),
        pytest.param(knowing(0.1), knowing(0.06, swing=0.2), False, id="the-control-may"),
        pytest.param(knowing(0.1, loss=2.35), knowing(0.0), True, id="an-offset-that-costs-less-than-it-gains"),
        pytest.param(knowing(0.1, loss=2.6), knowing(0.0), False, id="thrown-far-out"),
        pytest.param(replace(knowing(0.1), failed="no"), knowing(0.0), False, id="failed"),
        pytest.param(knowing(0.1), replace(knowing(0.0), failed="no"), False, id="the-control-failed"),
    ],
)
def test_who_has_begun_to_tell_the_rows_apart(one, control, more):
    """Surely, where the control has not, and at a loss that is hardly higher."""
    assert more == knows_more(one, control, knowing(0.0))


@given(st.floats(-0.1, 0.5), st.floats(2, 3), st.floats(0, 0.5))
def test_nobody_knows_more_than_itself(gain, loss, swing):
    """Nor do two know more than each other."""
    one, other = knowing(gain, loss=loss, swing=swing), knowing(gain / 2, loss=2.3)

    assert not knows_more(one, one, one)
    assert not (knows_more(one, other, other) and knows_more(other, one, other))


@pytest.mark.parametrize(
    ("now", "before", "gained"),
    [
        pytest.param(knowing(0.0), knowing(0.0), False, id="nothing"),
        pytest.param(knowing(0.1), knowing(0.0), True, id="knows-something"),
        pytest.param(knowing(KNOWN * 2.3 / 2, swing=1e-4), knowing(0.0), False, id="next-to-nothing"),
        pytest.param(knowing(0.0, loss=2.0), knowing(0.0), True, id="came-lower"),
        pytest.param(knowing(0.0, loss=2.29), knowing(0.0), False, id="hardly-lower"),
        pytest.param(replace(knowing(0.5), failed="no"), knowing(0.0), False, id="failed"),
        pytest.param(knowing(0.0), None, True, id="nothing-to-compare-with"),
    ],
)
def test_whether_a_dead_training_has_begun_to_learn(now, before, gained):
    """By what its outputs know, or by its loss."""
    assert gained == has_gained(now, before)


@pytest.mark.parametrize(
    ("goal", "loss", "worse"),
    [
        pytest.param(0.45, 1.0, False, id="within-a-point-or-two"),
        pytest.param(0.3, 1.0, True, id="the-goal-alone"),
        pytest.param(0.3, 1.2, True, id="both"),
        pytest.param(0.3, 0.8, False, id="a-loss-that-is-lower-by-much"),
        pytest.param(0.3, 0.97, True, id="a-loss-that-is-hardly-lower"),
        pytest.param(0.46, 2.0, False, id="the-loss-alone"),
        pytest.param(float("nan"), 1.2, True, id="no-goal-and-the-loss"),
        pytest.param(float("nan"), 1.01, False, id="no-goal-and-hardly-the-loss"),
    ],
)
def test_to_be_worse_takes_two_witnesses(goal, loss, worse):
    """Right by one class alone is easily lost on the way to a loss that is lower by much."""
    one, other = (Score(loss=its, losses=(its,) * 8, goal=of, rows=2000) for its, of in ((loss, goal), (1.0, 0.46)))

    assert worse == is_worse(one, other)


# --- losses that jump -------------------------------------------------------------------------------------------------


def jumping(lower, jump=50.0, level=1.0, pieces=ALL_OF):
    """Return two scores: each piece is lower by its share, and the first of the other one's jumps far up besides."""
    shares = np.full(pieces, lower) if np.isscalar(lower) else np.array(lower)
    before = np.full(pieces, level)
    after = before - shares * level
    before[0] += jump * level
    return tuple(Score(loss=float(part.mean()), losses=tuple(part), rows=100) for part in (after, before))


@pytest.mark.parametrize(
    ("both", "learnt", "wins"),
    [
        pytest.param(jumping(0.06), False, True, id="each-lower"),
        pytest.param(jumping(0.04), False, False, id="each-a-little-lower"),
        pytest.param(jumping([0.5] * (ALL_OF - 1) + [0.0]), False, False, id="all-but-one"),
        pytest.param(jumping(0.06, pieces=ALL_OF - 1), False, False, id="too-few-pieces"),
        pytest.param(jumping(0.06, pieces=3 * ALL_OF), False, True, id="many-pieces"),
        pytest.param(jumping(0.06), True, False, id="too-little-for-one-that-learns"),
        pytest.param(jumping(0.3), True, True, id="enough-for-one-that-learns"),
    ],
)
def test_that_each_of_many_pieces_is_lower_is_no_accident(both, learnt, wins):
    """A loss that jumps has a large error, and no mean of it is beyond that."""
    one, other = both
    error = np.std(np.array(other.losses) - np.array(one.losses), ddof=1) / np.sqrt(len(one.losses))

    assert other.loss - one.loss < ERRORS * error
    assert wins == is_decisively_better(one, other, learnt=learnt)
    assert wins <= is_worse(other, one)


@given(pairs(), st.booleans())
def test_each_piece_must_be_lower_by_the_same_share_as_the_whole(both, learnt):
    """Where all of many are, it wins, whatever the noise; without a goal that says otherwise."""
    one, other = (replace(score, goal=float("nan")) for score in both)
    share = SHARE_OF_LOSS_LEARNT if learnt else SHARE_OF_LOSS
    lower = np.array(other.losses) - np.array(one.losses) >= share * np.array(other.losses)

    if len(lower) >= ALL_OF and lower.all():
        assert is_decisively_better(one, other, learnt=learnt)
    if not lower.any():
        assert not is_decisively_better(one, other, learnt=learnt)


def told(share, *, goal, loss=1.0):
    """Return a score that surely knows this share of its loss."""
    return Score(loss=loss, losses=(loss,) * 8, goal=goal, rows=300, gains=(share,) * 8, mispaired=1.0)


ENOUGH = FAR_MORE * LITTLE / 2 + LITTLE + 0.01


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        pytest.param(told(LITTLE / 2, goal=0.7), told(ENOUGH, goal=0.6), 1, id="far-more"),
        pytest.param(told(ENOUGH, goal=0.6), told(LITTLE / 2, goal=0.7), 0, id="whoever-comes-first"),
        pytest.param(told(LITTLE / 2, goal=0.7), told(ENOUGH - 0.02, goal=0.6), 0, id="a-little-more"),
        pytest.param(told(LITTLE / 2, goal=0.7), told(ENOUGH, goal=0.6, loss=1.1), 0, id="at-a-higher-loss"),
        pytest.param(told(LITTLE, goal=0.7), told(0.9, goal=0.6), 0, id="both-know"),
    ],
)
def test_who_knows_far_more_is_ahead_where_little_is_learnt_yet(first, second, best):
    """The goal of outputs that are nearly alike jumps."""
    assert best == best_of([first, second])


@pytest.mark.parametrize(("lower", "sure"), [(8, True), (7, True), (6, False)])
def test_of_a_loss_that_jumps_nearly_all_pieces_must_be_lower(lower, sure):
    """The mean of a few large ones says little."""
    jumps = tuple(2.0 + 40 * (place == 0) for place in range(8))
    one = tuple(loss - (0.5 if place else 20) if place < lower else loss + 0.1 for place, loss in enumerate(jumps))
    other, one = (Score(loss=float(np.mean(of)), losses=of) for of in (jumps, one))

    assert sure == is_surely_lower(one, other, 0.01)


@given(pairs(), st.floats(0.001, 0.5))
def test_what_is_surely_lower_is_so_by_its_share_and_the_other_is_not(both, share):
    """And never what came out worse by its goal."""
    one, other = both
    lower = is_surely_lower(one, other, share)

    assert not lower or other.loss - one.loss >= share * abs(other.loss) * (1 - 1e-9)
    assert not (lower and is_surely_lower(other, one, share))
    assert not (lower and is_worse(one, other))
