"""Learning rate too high: diverging, at chance, or swinging; and the slow starts that look like it."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.learning_rate_too_high import LearningRateTooHigh
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = LearningRateTooHigh()
NOISE = np.random.default_rng(1).normal(size=2000)


def at_chance(steps=150, level=2.3, update=0.001, planned=1000, **more):
    """Return a run whose outputs know nothing of the targets."""
    samples = steps // 5
    series = {
        "loss": level + 0.05 * NOISE[:steps],
        "lr": np.full(steps, 0.1),
        "gain": 1e-3 * NOISE[:samples],
        "mispaired": np.full(samples, level),
        "output_spread": np.full(samples, 0.1),
        "update_ratio": np.full(5, update),
        "chance": [2.3],
    }
    run = history(**series | more)
    run.facts.update(planned_steps=planned, batch_size=32)
    return run


@pytest.mark.parametrize(
    ("losses", "more", "fires"),
    [
        pytest.param([2.3] + [9.0] * 49, {"chance": [2.3]}, True, id="far-above-its-start"),
        pytest.param([2.3] + [5.0] * 49, {"chance": [2.3]}, False, id="not-far-enough"),
        pytest.param(np.r_[2.3, np.geomspace(20, 8, 49)], {"chance": [2.3]}, False, id="comes-down"),
        pytest.param([1.0] + [15.0] * 49, {}, False, id="own-step-with-small-updates"),
        pytest.param([1.0] + [15.0] * 49, {"update_ratio": [0.3] * 4}, True, id="own-step-thrown-about"),
        pytest.param([0.01, -0.5, 0.4, -0.2, 0.3] * 10, {"update_ratio": [0.02] * 4}, False, id="policy-gradient"),
        pytest.param([-1.0] * 10 + [-3.0] * 40, {"update_ratio": [0.3] * 4}, False, id="negative-loss-falls"),
    ],
)
def test_a_loss_far_above_its_start_diverges(losses, more, fires):
    """Against its start and chance where that is known; else only with steps that throw the weights about."""
    finding = DETECTOR.check(history(loss=losses, **more))

    assert fires == (finding is not None)


@pytest.mark.parametrize(
    ("run", "fires"),
    [
        pytest.param(at_chance(steps=50), False, id="at-chance-at-step-50-is-left-alone"),
        pytest.param(at_chance(steps=150), True, id="at-chance-after-a-tenth"),
        pytest.param(at_chance(steps=150, planned=5000), False, id="not-a-tenth-of-a-long-run-yet"),
        pytest.param(at_chance(steps=50, update=0.9), True, id="thrown-about-at-step-50"),
        pytest.param(at_chance(steps=50, output_spread=np.zeros(10)), True, id="one-answer-for-all-at-step-50"),
        pytest.param(at_chance(lr=np.linspace(0, 1, 150)), False, id="warm-up"),
        pytest.param(at_chance(grad_norm=np.geomspace(1e-3, 1, 150)), False, id="gradients-grow"),
        pytest.param(at_chance(loss=2.3 - np.arange(150) / 5000), False, id="loss-falls-a-little"),
        pytest.param(at_chance(gain=0.5 + 0.3 * NOISE[:30]), False, id="it-knows-something"),
        pytest.param(at_chance(gain=0.5 * NOISE[:30]), False, id="too-noisy-to-tell"),
        pytest.param(at_chance(update=1e-7), False, id="it-hardly-moves"),
    ],
)
def test_not_learning_is_said_when_nothing_moves(run, fires):
    """At step 50 with strong evidence, else after a tenth of the run."""
    finding = DETECTOR.check(run)

    assert (Severity.CRITICAL if fires else None) == (finding and finding.severity)


def partial(update, shares, steps=1500):
    """Return a run that learns a little and stays close to chance."""
    gains = {"gain": 0.2 + 0.02 * NOISE[: steps // 5], "mispaired": np.full(steps // 5, 2.5)}
    targets = np.random.default_rng(2).binomial(32, 0.5, steps // 5) / 32
    classes = {"share/0": shares(targets), "target_share/0": targets}
    return at_chance(steps=steps, level=2.1, update=update, **gains | classes)


@pytest.mark.parametrize(
    ("update", "shares", "says"),
    [
        pytest.param(3.0, lambda targets: targets, "one step changed 3 of the weights", id="thrown-early"),
        pytest.param(0.05, np.round, "the predicted classes swing", id="swings"),
        pytest.param(0.05, lambda targets: targets, None, id="label-noise-rests"),
        pytest.param(0.001, np.round, None, id="small-steps"),
    ],
)
def test_a_model_close_to_chance_is_judged_by_its_steps_and_its_answers(update, shares, says):
    """Label noise keeps a loss up too, but neither throws weights about nor swings between classes: a note at most."""
    finding = DETECTOR.check(partial(update, shares))

    assert (says is None) == (finding is None or finding.severity == Severity.NOTE)
    assert says is None or says in finding.says


@pytest.mark.parametrize(
    ("steps", "share", "fires"),
    [
        pytest.param(150, 0.0005, False, id="for-a-tenth"),
        pytest.param(201, 0.0005, True, id="for-a-fifth"),
        pytest.param(201, 0.0015, False, id="more-than-a-trace"),
    ],
)
def test_a_trace_that_stays_a_trace_for_long_is_no_beginning(steps, share, fires):
    """With many measurements next to nothing is sure, too."""
    gain = 2.3 * share * (1 + 0.01 * NOISE[: steps // 5])

    assert fires == (DETECTOR.check(at_chance(steps=steps, gain=gain)) is not None)


def thrown_back(*, level=0.5, rare=30.0, early=0.5, update=0.05, steps=300, facts=None, **more):
    """Return a run that had learnt, and whose newest batches are mostly right, but each tenth is sure and wrong."""
    losses = np.full(steps, early)
    losses[steps // 3 :] = level
    losses[steps // 3 :: 10] = rare
    samples = steps // 5
    gains = {"gain": np.full(samples, 1.0) + 0.1 * NOISE[:samples], "mispaired": np.full(samples, 2.5)}
    run = at_chance(steps=steps, update=update, planned=1000, **{"loss": losses} | gains | more)
    run.facts.update(facts or {})
    return run


@pytest.mark.parametrize(
    ("run", "fires"),
    [
        pytest.param(thrown_back(), True, id="a-few-sure-and-wrong-answers"),
        pytest.param(thrown_back(rare=15.0), False, id="not-much-worse-than-a-constant-answer"),
        pytest.param(thrown_back(update=0.005), False, id="small-steps"),
        pytest.param(thrown_back(level=2.0, early=2.0), False, id="never-was-better"),
        pytest.param(thrown_back(chance=[]), False, id="chance-unknown"),
        pytest.param(thrown_back(steps=190), False, id="too-early"),
        pytest.param(thrown_back(lr=np.r_[np.full(250, 0.01), np.full(50, 0.1)]), False, id="the-rate-rose-lately"),
        pytest.param(thrown_back(lr=np.linspace(0.01, 0.1, 300)), False, id="warm-up"),
        pytest.param(thrown_back(facts={"dropout": {"drop": 0.9}}), False, id="dropout-holds-it-back"),
        pytest.param(
            thrown_back(loss=np.r_[np.full(100, 0.5), np.linspace(9.0, 2.5, 200)]), False, id="it-comes-down-again"
        ),
        pytest.param(
            thrown_back(loss=np.r_[np.full(298, 0.5), 900.0, 900.0]), False, id="two-rows-that-cannot-be-right"
        ),
    ],
)
def test_a_model_that_is_worse_than_a_constant_answer_on_the_whole(run, fires):
    """Though it had learnt, and though the median of its losses is low; else there is a note at most."""
    found = DETECTOR.check(run)

    assert fires == (found is not None and found.severity > Severity.NOTE)
    assert not fires or (Severity.WARNING, True) == (found.severity, "more than the 2.3 of a constant" in found.says)


def test_only_the_present_chapter_counts():
    """After a restart the old losses are another training's."""
    run = history(loss=[2.3] + [9.0] * 49 + [2.0] * 50, chance=[2.3])
    run.since = 49

    assert DETECTOR.check(run) is None


def test_says_what_it_measured():
    """In numbers, with the limit."""
    assert str(DETECTOR.check(history(loss=[2.0] + [9.0] * 49, chance=[2.0]))).startswith(
        "L01 Learning rate too high, or not learning at all at step 49: the loss is 9, it began at 2 and does not come "
        "down (limit 6). Try scale_lr"
    )


THROWN = np.r_[2.3, 60.0, 40.0, 20.0, np.linspace(6.0, 2.1, 40)]


@pytest.mark.parametrize(
    ("more", "fires"),
    [
        pytest.param({"update_ratio": [0.97, 0.06]}, True, id="weights-replaced"),
        pytest.param({"update_ratio": [0.03, 0.02]}, False, id="weights-hardly-changed"),
        pytest.param({"update_ratio": [0.97, 0.06], "loss": np.linspace(2.3, 2.0, 44)}, False, id="never-leapt"),
        pytest.param({"update_ratio": [0.97, 0.06], "loss": np.r_[THROWN[:34], [0.9] * 10]}, False, id="came-back"),
        pytest.param({"update_ratio": [0.97, 0.06], "chance": []}, False, id="chance-unknown"),
        pytest.param(
            {"loss": np.r_[[0.3] * 40, [60.0] * 5, [2.6] * 15], "lr": np.r_[[0.003] * 40, [3.0] * 20]},
            True,
            id="rate-rose",
        ),
        pytest.param(
            {"loss": np.r_[[2.3] * 40, [60.0] * 5, [2.6] * 15], "lr": np.r_[[0.003] * 40, [3.0] * 20]},
            False,
            id="rate-rose-and-nothing-was-lost",
        ),
    ],
)
def test_a_loss_that_leapt_and_is_back_at_chance_is_said_at_once(more, fires):
    """Where a step replaced the weights, or the rate rose; also when the outputs know a little of the targets."""
    run = history(**{"loss": THROWN, "chance": [2.3], "gain": [0.4] * 8, "mispaired": [2.3] * 8, **more})
    run.facts.update(planned_steps=300, batch_size=32)
    found = DETECTOR.check(run)

    assert fires == (found is not None and "the loss leapt" in found.says)


@pytest.mark.parametrize(("steps", "fires"), [(9, None), (10, True), (25, True)])
def test_weights_that_were_thrown_are_said_at_the_first_look(steps, fires):
    """After ten losses, while there are steps to begin again with; a loss that only diverges waits for forty."""
    thrown = np.r_[2.3, 60.0, 40.0, np.full(22, 20.0)][:steps]
    samples = {"gain": [0.0] * 5, "mispaired": [2.3] * 5, "chance": [2.3]}
    replaced = history(loss=thrown, update_ratio=[0.97, 0.06], **samples)
    moved = history(loss=thrown, update_ratio=[0.03, 0.02], **samples)
    for run in (replaced, moved):
        run.facts.update(planned_steps=300, batch_size=32)

    if fires:
        assert "the loss leapt" in DETECTOR.check(replaced).says
    else:
        with pytest.raises(NotApplicable, match="of 10"):
            DETECTOR.check(replaced)
    with pytest.raises(NotApplicable):
        DETECTOR.check(moved)
