"""Exploding gradients, on histories short enough to check by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.exploding_gradients import ExplodingGradients
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = ExplodingGradients(newest=3, before=4, ratio=20.0, moderate=100.0, severe=1000.0)


def run(norm, usual=10.0, loss=2.0, **more):
    return history(grad_norm=[usual] * 4 + [norm] * 3, loss=[1.0] * 4 + [loss] * 3, **more)


@pytest.mark.parametrize(
    ("norm", "usual", "loss", "severity"),
    [
        pytest.param(10.0, 10.0, 2.0, None, id="as-before"),
        pytest.param(200.0, 10.0, 2.0, None, id="at-the-ratio"),
        pytest.param(200.1, 10.0, 2.0, Severity.WARNING, id="over-the-ratio"),
        pytest.param(100.0, 1.0, 2.0, None, id="at-the-norm"),
        pytest.param(100.1, 1.0, 2.0, Severity.WARNING, id="over-the-norm"),
        pytest.param(1000.0, 1.0, 2.0, Severity.WARNING, id="at-severe"),
        pytest.param(1000.1, 1.0, 2.0, Severity.CRITICAL, id="over-severe"),
        pytest.param(5000.0, 2000.0, 2.0, None, id="usual-for-raw-units"),
        pytest.param(900.0, 10.0, 1.0, None, id="loss-does-not-rise"),
        pytest.param(900.0, 10.0, 0.5, None, id="loss-falls"),
        pytest.param(900.0, 10.0, -9.0, None, id="negative-loss-falls"),
    ],
)
def test_ratio_norm_and_loss_decide_together(norm, usual, loss, severity):
    """Large in itself, many times the past, and the loss goes up with it: all three."""
    finding = DETECTOR.check(run(norm, usual, loss))

    assert severity == (finding and finding.severity)


def test_one_spike_is_nothing():
    """Both ranges are medians."""
    spiky = history(grad_norm=[10.0, 9e9, 10.0, 10.0, 10.0, 9e9, 10.0], loss=[1.0] * 4 + [2.0] * 3)

    assert None is DETECTOR.check(spiky)


def test_skipped_steps_are_no_part_of_either_range():
    """A step left out for NaN or Inf leaves such a value behind; the verdict is as without it."""
    norms = [10.0, math.nan, 10.0, 10.0, 10.0, math.inf, 900.0, math.nan, 900.0, 900.0]
    losses = [1.0, math.nan, 1.0, 1.0, 1.0, 2.0, 2.0, math.nan, 2.0, 2.0]

    assert DETECTOR.check(run(900.0)).says == DETECTOR.check(history(grad_norm=norms, loss=losses)).says


def test_says_what_it_measured():
    """The line names code, numbers, places and what to try."""
    sick = run(500.0, **{"grad_norm/body": [0.0] * 6 + [3.0], "grad_norm/head": [0.0] * 6 + [499.0]})

    assert str(DETECTOR.check(sick)) == (
        "G01 Exploding gradients at step 6: gradient norm 500 in the last 3 steps, 10 in the 4 before, limit 200, "
        "and the loss rises. Where: head, body. Try clip_gradients, scale_lr, standardise, scale_targets, "
        "swap_activations, insert_norm."
    )


@pytest.mark.parametrize("missing", ["grad_norm", "loss"])
def test_too_short_to_judge(missing):
    """Four of each are needed."""
    series = {"grad_norm": [1.0] * 7, "loss": [1.0] * 7} | {missing: [1.0] * 3}

    with pytest.raises(NotApplicable, match=f"`{missing}`: 3 of 4"):
        DETECTOR.check(history(**series))


@pytest.mark.parametrize(
    ("norm", "losses", "severity"),
    [
        pytest.param(9e5, [1.0, 90.0, 9e3, 9e3, 9e4, 9e4, 9e4], Severity.CRITICAL, id="explodes"),
        pytest.param(9e5, [9e4, 9e4, 8e4, 6e4, 5e4, 4e4, 3e4], None, id="raw-units-that-learn"),
        pytest.param(9e5, [9e4, 2e5, 1e5, 3e5, 8e4, 2e5, 3e5], None, id="raw-units-with-noise"),
        pytest.param(1e3, [1.0, 90.0, 9e3, 9e3, 9e4, 9e4, 9e4], None, id="at-severe"),
        pytest.param(9e5, [1.0, 90.0, 9e3, 9e3, 11.0, 9e4, 9e4], None, id="one-newest-loss-is-low"),
        pytest.param(9e5, [-1.0, -90.0, -9e3, -9e4, -9e4, -9e4, -9e4], None, id="negative-loss-falls"),
    ],
)
def test_in_the_beginning_the_first_step_is_what_is_usual(norm, losses, severity):
    """There is no past yet: a severe norm, and each of the newest losses far above the first."""
    finding = DETECTOR.check(history(grad_norm=[norm] * 7, loss=losses))

    assert severity == (finding and finding.severity)


def test_an_easy_first_row_is_no_explosion():
    """A loss no higher than that of the best constant answer has not exploded, however small the first one was."""
    norms, losses = [9e5] * 7, [1.0, 90.0, 80.0, 90.0, 85.0, 88.0, 86.0]

    assert DETECTOR.check(history(grad_norm=norms, loss=losses)) is not None
    assert DETECTOR.check(history(grad_norm=norms, loss=losses, chance=[88.0])) is None


def test_what_learns_does_not_explode():
    """Whatever the loss was in the first step."""
    run = history(grad_norm=[9e5] * 20, loss=[1.0] + [90.0] * 19, gain=[80.0, 90.0] * 5, mispaired=[200.0] * 10)

    assert DETECTOR.check(run) is None


def test_after_a_restart_the_past_begins_anew():
    """The small norms before it are those of another training."""
    run = history(grad_norm=[1.0] * 9 + [900.0] * 7, loss=[1.0] * 9 + [9.0, 9.0, 9.0, 9.0, 8.0, 7.0, 6.0])
    run.since = 8

    assert DETECTOR.check(run) is None


@pytest.mark.parametrize("ratio", [1.0, 0.0, -3.0])
def test_a_ratio_that_always_fires_is_refused(ratio):
    """With its value."""
    with pytest.raises(ValueError, match=f"`ratio` must be greater than 1, got {ratio}"):
        ExplodingGradients(ratio=ratio)


@given(st.lists(st.floats(1.0, 1e4), min_size=7, max_size=7), st.integers(0, 9))
def test_same_verdict_in_other_units_above_the_norm(norms, power):
    """Only ratios count where the norm is large anyway. Powers of two, so rounding plays no part."""
    detector = ExplodingGradients(newest=3, before=4, moderate=0.0)
    losses = [1.0] * 4 + [2.0] * 3
    here = detector.check(history(grad_norm=norms, loss=losses))
    there = detector.check(history(grad_norm=[norm * 2**power for norm in norms], loss=losses))

    assert (here is None) == (there is None)
