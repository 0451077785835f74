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
        "and the loss rises. Where: head, body. Try clip_gradients, scale_lr."
    )


@pytest.mark.parametrize("missing", ["grad_norm", "loss"])
def test_too_short_to_judge(missing):
    """Seven of each are needed."""
    series = {"grad_norm": [1.0] * 7, "loss": [1.0] * 7} | {missing: [1.0] * 6}

    with pytest.raises(NotApplicable, match=f"`{missing}`: 6 of 7"):
        DETECTOR.check(history(**series))


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
