"""Loss spike: a leap out of the usual range that came back, or did not."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.loss_spike import LossSpike
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = LossSpike()
USUAL = np.exp(0.1 * np.random.default_rng(0).normal(size=200))
WILD = np.exp(2 * np.random.default_rng(0).normal(size=200))


def spiked(peak, after=None, at=160, usual=USUAL):
    """Return losses with a peak at one step, and another level from there on."""
    losses = usual.copy()
    if after is not None:
        losses[at:] = after
    losses[at] = peak
    return losses


@pytest.mark.parametrize(
    ("losses", "severity"),
    [
        pytest.param(USUAL, None, id="none"),
        pytest.param(spiked(2.0), None, id="small"),
        pytest.param(spiked(9.0), Severity.NOTE, id="came-back"),
        pytest.param(spiked(9.0, after=4.0), Severity.WARNING, id="stays"),
        pytest.param(spiked(500.0), Severity.WARNING, id="huge-though-it-came-back"),
        pytest.param(spiked(9.0, at=60), None, id="long-ago"),
        pytest.param(spiked(9.0, usual=WILD), None, id="no-leap-where-the-loss-is-wild"),
        pytest.param(np.linspace(1, 9, 200), None, id="slow-rise"),
        pytest.param(np.geomspace(1, 1e-4, 200), None, id="falls"),
        pytest.param(spiked(0.02, after=0.01, usual=np.r_[np.ones(40), np.full(160, 1e-3)]), Severity.NOTE, id="low"),
        pytest.param(spiked(5.0, after=3.0, usual=USUAL - 4), Severity.WARNING, id="negative-loss"),
        pytest.param(USUAL - 4, None, id="negative-loss-at-rest"),
    ],
)
def test_a_leap_is_a_warning_when_it_stays_or_is_huge(losses, severity):
    """By robust deviations from the steps before; a spike that came back is a note."""
    finding = DETECTOR.check(history(loss=losses))

    assert severity == (finding and finding.severity)


def test_a_leap_just_now_is_waited_for():
    """It has 15 steps to come back."""
    with pytest.raises(NotApplicable, match="just now"):
        DETECTOR.check(history(loss=spiked(9.0, at=195)))


def test_a_rate_that_rises_made_it():
    """Cyclic and one-cycle schedules throw the loss up by intention."""
    run = history(loss=spiked(9.0, after=4.0), lr=[0.01] * 155 + [0.1] * 45)

    assert DETECTOR.check(run) is None


def test_with_few_rows_a_batch_it_is_a_note():
    """One row after the other may be hard."""
    run = history(loss=spiked(9.0, after=4.0))
    run.facts["batch_size"] = 1

    assert DETECTOR.check(run).severity == Severity.NOTE


def test_says_what_it_measured():
    """From where to where, when, and what came of it."""
    losses = np.r_[np.tile([1.0, 1.1], 80), 9.0, np.full(39, 4.0)]

    assert DETECTOR.check(history(loss=losses)).says == (
        "the loss leapt from 1.05 to 9 40 steps ago (limit 1.846) and is at 4 15 steps later"
    )
