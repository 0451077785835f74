"""Learning rate too low: the weights will hardly move, and the loss will not get far."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.learning_rate_too_low import LearningRateTooLow
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = LearningRateTooLow()
RIPPLE = 0.01 * np.random.default_rng(0).normal(size=400)


def slow(planned=1000, **more):
    """Return a run that falls in a line, and hardly."""
    series = {"loss": 2.3 - np.arange(200) / 1e5 + RIPPLE[:200], "lr": np.full(200, 1e-6), "update_ratio": [1e-6] * 5}
    run = history(**series | more)
    run.facts["planned_steps"] = planned
    return run


def is_alarm(found):
    """Tell whether something is said that is more than a suspicion."""
    return found is not None and found.severity > Severity.NOTE


@pytest.mark.parametrize(
    ("run", "fires"),
    [
        pytest.param(slow(), True, id="crawls"),
        pytest.param(slow(loss=np.full(200, 2.3)), True, id="stands"),
        pytest.param(slow(loss=np.linspace(2.3, 1.8, 200)), False, id="falls-fast-enough"),
        pytest.param(slow(update_ratio=[1e-3] * 5), False, id="moves-enough-as-on-a-saddle"),
        pytest.param(slow(update_ratio=[1.0] + [1e-7] * 4), False, id="died-of-a-large-step"),
        pytest.param(slow(**{"update_ratio/head": [1e-2] * 5}), False, id="the-head-of-a-frozen-model-moves"),
        pytest.param(slow(output_spread=[0.0] * 40), False, id="dead-is-another-illness"),
        pytest.param(slow(gain=[1.9, 2.0] * 20, mispaired=[2.3] * 40), False, id="fine-tuning-knows-already"),
        pytest.param(slow(gain=[0.0, 0.01] * 20, mispaired=[2.3] * 40), True, id="knows-nothing"),
        pytest.param(slow(lr=np.linspace(0, 1e-6, 200)), True, id="a-warm-up-that-leads-nowhere"),
        pytest.param(slow(lr=np.linspace(0, 1e-3, 200), update_ratio=[2e-4] * 5), False, id="a-warm-up-on-its-way"),
    ],
)
def test_both_the_weights_and_the_loss_must_stand(run, fires):
    """One of them alone is another illness, or none."""
    assert fires == is_alarm(DETECTOR.check(run))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        pytest.param(slow(planned=0), "planned_steps", id="length-unknown"),
        pytest.param(slow(planned=5000), "too few of 5000", id="too-early"),
        pytest.param(slow(planned=1500, lr=np.linspace(0, 1e-6, 200)), "still rising", id="warm-up"),
    ],
)
def test_it_waits_until_it_can_be_told(run, why):
    """A warm-up, the first tenth of a run, and a run of unknown length are not judged."""
    with pytest.raises(NotApplicable, match=why):
        DETECTOR.check(run)


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        pytest.param(slow(), Severity.CRITICAL, id="stands"),
        pytest.param(slow(update_ratio=[4e-4] * 5), Severity.WARNING, id="moves-a-little"),
        pytest.param(slow(loss=np.linspace(2.3, 2.2, 200)), Severity.WARNING, id="falls-a-little"),
        pytest.param(slow(loss=np.linspace(2.3, 2.25, 200)), Severity.CRITICAL, id="hardly-falls"),
    ],
)
def test_a_run_that_neither_moves_nor_falls_has_nothing_to_lose(run, severity):
    """Both must be far below their limits."""
    assert severity == DETECTOR.check(run).severity


def test_says_what_it_measured():
    """What a step does, and where that leads."""
    assert DETECTOR.check(slow(loss=np.full(200, 2.0))).says == (
        "a step changes 1e-06 of the weights, all 1000 steps together at most 0.001 (limit 0.6), and at this pace the "
        "loss of 2 will have covered 0.0% of its way by the end (limit 30%)"
    )


def crawl(end, *, taken=300, planned=1000, chance=2.3, start=2.3, **more):
    """Return a run whose weights move, and whose loss falls in a line to `end` at its planned end."""
    loss = start - (start - end) * np.arange(taken) / planned
    series = {"loss": loss, "lr": np.full(taken, 0.1), "update_ratio": [1e-2] * 5, "chance": [chance] * 5}
    run = history(**series | more)
    run.facts["planned_steps"] = planned
    return run


@pytest.mark.parametrize(
    ("run", "fires"),
    [
        pytest.param(crawl(2.1), True, id="will-end-at-chance"),
        pytest.param(crawl(1.8), False, id="will-end-below-it"),
        pytest.param(crawl(2.1, taken=200), False, id="healthy-slow-starts-are-given-time"),
        pytest.param(crawl(2.1, gain=[1.0, 1.1] * 10, mispaired=[2.3] * 20), False, id="knows-much-already"),
        pytest.param(crawl(2.4), False, id="rises"),
        pytest.param(crawl(2.1, output_spread=1.02 ** np.arange(80)), False, id="the-outputs-spread"),
        pytest.param(crawl(2.1, grad_norm=1.01 ** np.arange(300)), False, id="the-gradients-grow"),
        pytest.param(crawl(2.1, chance=float("nan")), False, id="chance-unknown"),
        pytest.param(crawl(0.4, start=0.7, chance=0.4), True, id="above-chance-and-will-end-close-to-it"),
        pytest.param(crawl(0.0, start=0.7, chance=0.4), False, id="above-chance-and-comes-down-well"),
        pytest.param(crawl(0.4, start=0.7, chance=0.4, taken=200), False, id="above-chance-too-early-to-say"),
        pytest.param(crawl(2.1, planned=90, taken=60), False, id="a-trial"),
    ],
)
def test_a_loss_that_falls_too_slowly_is_told_by_where_it_will_end(run, fires):
    """Close to the loss of a constant answer, or above it; late, and only where that is known."""
    try:
        found = DETECTOR.check(run)
    except NotApplicable:
        found = None

    assert fires == (found is not None)


def test_where_it_will_end_is_said():
    """With the limit, and as no more than a warning: it is not dead."""
    found = DETECTOR.check(crawl(2.1))

    assert Severity.WARNING == found.severity
    assert found.says.startswith(
        "at its present pace the loss of 2.25 will be at 2.1 or more after all 1000 steps, 91% of"
    )


@pytest.mark.parametrize(("end", "fires"), [(1.2, True), (0.2, False)], ids=["ends-high", "ends-low"])
def test_weights_that_hardly_move_may_come_down_fast_and_end_high(end, fires):
    """A quick fall at the beginning, thought on by shares, and hardly a step: a higher rate is worth a race."""
    falling = 2.3 * (end / 2.3) ** (np.arange(200) / 1000)

    assert fires == is_alarm(DETECTOR.check(slow(loss=falling, chance=[2.3] * 5)))


@pytest.mark.parametrize(
    ("gains", "severity"), [([0.0, 0.01, -0.01] * 10, Severity.CRITICAL), ([0.1, 0.11] * 15, Severity.WARNING)]
)
def test_where_nothing_is_known_a_little_movement_is_no_life(gains, severity):
    """Weights that move half of the limit, and outputs that know nothing: nothing is lost with it."""
    run = slow(update_ratio=[4e-4] * 5, gain=gains, mispaired=[2.3] * 30)

    assert severity == DETECTOR.check(run).severity
