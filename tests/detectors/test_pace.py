"""Where the loss will end: in a line, by shares, with what is left of the schedule, and never darker than it may be."""

import numpy as np
import pytest

from autofix_nb.detectors.pace import FEWEST, pace_of
from tests.runs import history

STEPS = np.arange(100)
LINE = 2.0 - STEPS / 200


def run(loss=LINE, lr=None, planned=300, **facts):
    """Return a third of a run whose loss fell by a half from 2, at a rate that stays."""
    made = history(loss=loss, lr=np.full(len(loss), 0.1) if lr is None else lr)
    made.facts |= {"planned_steps": planned} | facts
    return made


def test_a_line_goes_on_in_a_line():
    """From the median of the newest third; by shares the fall is slower."""
    pace = pace_of(run())

    assert np.median(LINE[-33:]) == pytest.approx(pace.now)
    assert 0.5 == pytest.approx(pace.end, abs=0.02)
    assert pace.end < pace.share < pace.now


def test_shares_go_on_in_shares():
    """A loss that halves each hundred steps is at an eighth after three hundred."""
    assert 0.25 == pytest.approx(pace_of(run(loss=2.0 * 0.5 ** (STEPS / 100))).share, rel=0.05)


def test_a_rate_that_comes_down_leaves_less_to_come():
    """Halved each 25 steps, what was done so far is nearly all; a rate that stays has two more such stretches."""
    falling = 0.1 * 0.5 ** (STEPS / 25)
    slowing = 2.0 - np.cumsum(falling) / np.sum(falling) / 2
    pace = pace_of(run(loss=slowing, lr=falling))

    assert 1.4 < pace.end
    assert pace_of(run()).end < 0.6


def test_ended_early_there_are_fewer_steps_to_come():
    """A run whose end was moved."""
    assert 1.25 == pytest.approx(pace_of(run(ends_at=150)).end, abs=0.02)


def test_noise_makes_it_brighter():
    """What falls by chance and what falls by learning cannot be told apart: the benefit is the run's."""
    noise = np.where(STEPS % 2, 0.3, -0.3)

    assert pace_of(run(loss=LINE + noise)).end < pace_of(run()).end - 0.1


@pytest.mark.parametrize(("loss", "falls"), [(LINE, True), (np.full(100, 2.0), False), (2.0 - 1e-4 * STEPS, True)])
def test_what_stands_does_not_fall(loss, falls):
    """And what moves by less than its noise neither."""
    assert falls == pace_of(run(loss=loss)).falls
    assert not pace_of(run(loss=2.0 - 1e-4 * STEPS + np.where(STEPS % 2, 0.3, -0.3))).falls


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(run(loss=2.0 - (STEPS / 100) ** 4), id="the-fall-quickens"),
        pytest.param(run(lr=STEPS / 1000), id="the-rate-rises"),
        pytest.param(run(loss=LINE[: FEWEST - 1]), id="too-few-steps"),
        pytest.param(run(planned=99), id="the-run-is-over"),
        pytest.param(run(planned=0), id="length-unknown"),
    ],
)
def test_nothing_is_projected_where_it_could_be_too_dark(made):
    """A healthy slow start, a warm-up, and what cannot be known."""
    assert pace_of(made) is None
