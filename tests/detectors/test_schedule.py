"""Where a schedule has brought the rate, and whether it was too early."""

import numpy as np
import pytest

from autofix_nb.detectors.learning_rate_too_low import LearningRateTooLow
from autofix_nb.detectors.schedule import fall_of
from tests.runs import history

DETECTOR = LearningRateTooLow()
STEPS = np.arange(300)
NOISE = 0.02 * np.random.default_rng(0).normal(size=300)


def decaying(rates, loss=None, planned=600, **more):
    """Return a run whose loss falls with the sum of the rates."""
    rates = np.asarray(rates, dtype=float)
    if loss is None:
        loss = 0.4 + 2.0 * np.exp(-3.0 * np.cumsum(rates) / rates.max() / 60) + NOISE[: len(rates)]
    ratios = {"update_ratio": list(1e-3 * rates[::50] / rates.max())} | more
    run = history(loss=list(loss), lr=list(rates), **ratios)
    run.facts["planned_steps"] = planned
    return run


STEEP = 0.1 * 0.3 ** (STEPS // 20)


@pytest.mark.parametrize(
    ("rates", "fell"),
    [
        pytest.param(STEEP, True, id="steps-far-too-often"),
        pytest.param(0.1 * 0.9**STEPS, True, id="exponential"),
        pytest.param(np.r_[np.linspace(1e-9, 0.1, 50), STEEP[:200]], True, id="after-a-warm-up"),
        pytest.param(np.r_[np.full(60, 0.1), np.zeros(200)], True, id="to-nothing-at-all"),
        pytest.param(np.full(300, 0.1), False, id="constant"),
        pytest.param(np.linspace(1e-9, 0.1, 300), False, id="warm-up"),
        pytest.param(0.05 * (1 + np.cos(np.pi * STEPS / 400)), False, id="cosine-under-way"),
        pytest.param(0.05 * (1 + np.cos(np.pi * (STEPS % 140) / 140))[:280], False, id="cosine-with-restarts"),
        pytest.param(0.1 * 0.1 ** (STEPS // 100), False, id="cut-by-ten-twice"),
    ],
)
def test_a_fall_is_a_rate_that_stays_below_a_thousandth_of_its_height(rates, fell):
    """Neither a warm-up nor the low end of a cycle is one."""
    assert fell == (fall_of(decaying(rates), 1e-3) is not None)


def test_what_a_fall_says():
    """How high it was, for how long at work, and for how long it is next to nothing."""
    fall = fall_of(decaying(STEEP), 1e-3)

    assert (0.1, 40, 180, True) == (fall.height, fall.at_work, fall.steps, fall.was_learning)


@pytest.mark.parametrize(
    ("run", "fires"),
    [
        pytest.param(decaying(STEEP), True, id="far-too-early"),
        pytest.param(decaying(0.1 * 0.3 ** (STEPS // 5)), True, id="at-once"),
        pytest.param(decaying(STEEP, planned=400), False, id="near-the-end"),
        pytest.param(decaying(STEEP, loss=0.01 + np.exp(-STEPS / 8)), False, id="the-loss-is-down"),
        pytest.param(
            decaying(0.1 * 0.5 ** (STEPS // 25), loss=1.0 + np.exp(-STEPS / 2) + NOISE),
            False,
            id="converged-before-it-fell",
        ),
        pytest.param(decaying(STEEP, loss=1.0 + np.exp(-STEPS / 2) + NOISE), True, id="over-before-it-began"),
        pytest.param(decaying(STEEP, update_ratio=[1e-3] * 6), False, id="another-group-goes-on"),
        pytest.param(decaying(STEEP[:125]), False, id="only-just"),
        pytest.param(decaying(STEEP, planned=None), False, id="length-unknown"),
        pytest.param(decaying(STEEP, loss=-5 - STEPS / 300), False, id="a-loss-below-0-has-no-level"),
    ],
)
def test_too_early_is_with_much_left_and_a_loss_that_was_falling(run, fires):
    """What had converged, or is near its end, lost nothing."""
    found = DETECTOR._gone(run)

    assert fires == (found is not None)
    assert not fires or (("hold_lr",) == found.fixes and "steps left" in found.says)
