"""Underfitting: a training loss that stays close to chance, and what may hold it there."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.underfitting import Underfitting
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = Underfitting()
NOISE = np.random.default_rng(0).normal(size=400)


def flat(level=2.0, facts=None, steps=200, accuracy=0.6, **more):
    """Return a run of ten classes that learnt a little, and then no more."""
    samples = steps // 5
    series = {
        "loss": level + 0.05 * NOISE[:steps],
        "lr": np.full(steps, 0.01),
        "gain": 0.2 + 0.02 * NOISE[:samples],
        "mispaired": np.full(samples, 2.4),
        "train/accuracy": np.full(samples, accuracy),
        "update_ratio": [0.02] * 5,
        "chance": [2.3],
    }
    run = history(**series | {f"target_share/{label}": np.full(samples, 0.1) for label in range(10)} | more)
    run.facts.update({"planned_steps": 400} | (facts or {}))
    return run


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        pytest.param(flat(), Severity.NOTE, id="label-noise-looks-like-this"),
        pytest.param(flat(accuracy=0.3), Severity.WARNING, id="no-noise-explains-the-accuracy"),
        pytest.param(flat(facts={"dropout": {"drop": 0.9}}), Severity.WARNING, id="dropout"),
        pytest.param(flat(facts={"weight_decay": 0.3, "optimizer": "Adam"}), Severity.WARNING, id="decay"),
        pytest.param(flat(facts={"weight_decay": 0.3, "optimizer": "AdamW"}), Severity.NOTE, id="decoupled-decay"),
        pytest.param(flat(level=0.5), None, id="low-loss"),
        pytest.param(flat(level=0.5, facts={"straight": 2}), Severity.WARNING, id="nothing-but-linear-layers"),
        pytest.param(flat(level=0.5, facts={"straight": 1}), None, id="a-linear-model-is-meant"),
        pytest.param(
            flat(level=0.5, facts={"weight_decay": 5.0, "optimizer": "SGD"}), Severity.WARNING, id="decay-that-fades"
        ),
        pytest.param(
            flat(level=0.4, facts={"weight_decay": 5.0, "optimizer": "SGD"}), None, id="decay-that-fades-little"
        ),
        pytest.param(
            flat(level=0.5, facts={"weight_decay": 1.0, "optimizer": "SGD"}), None, id="decay-that-is-only-strong"
        ),
        pytest.param(flat(loss=np.linspace(2.3, 1.8, 200)), None, id="falls"),
        pytest.param(flat(gain=1e-3 * NOISE[:40]), None, id="learns-nothing-at-all"),
        pytest.param(flat(update_ratio=[3.0] + [0.01] * 4), None, id="thrown-about"),
        pytest.param(flat(update_ratio=[1e-6] * 5), None, id="hardly-moves"),
        pytest.param(flat(lr=np.linspace(0, 1, 200)), None, id="warm-up"),
        pytest.param(flat(gain=np.geomspace(0.01, 1, 40)), None, id="begins-to-learn"),
        pytest.param(flat(loss=np.r_[np.full(100, 0.5), np.full(100, 2.0)]), None, id="was-better-before"),
    ],
)
def test_a_flat_high_loss_is_a_warning_only_with_a_reason(run, severity):
    """Where noise would look the same it is a note."""
    finding = DETECTOR.check(run)

    assert severity == (finding and finding.severity)


@pytest.mark.parametrize(
    ("run", "why"),
    [
        pytest.param(flat(facts={"planned_steps": 2000}), "199 of 600 steps", id="too-early"),
        pytest.param(flat(gain=[]), "gain", id="step-of-the-users-own"),
    ],
)
def test_it_waits_until_it_can_be_told(run, why):
    """Not before 30 % of the run, and not without chance to compare with."""
    with pytest.raises(NotApplicable, match=why):
        DETECTOR.check(run)


def early(level, facts, steps=30, **more):
    return flat(level, steps=steps, facts=facts, **more)


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        pytest.param(early(2.3, {"dropout": {"drop": 0.95}}), Severity.WARNING, id="dropout"),
        pytest.param(
            early(2.3, {"dropout": {"drop": 0.95}}, gain=0.02 * NOISE[:6]), Severity.CRITICAL, id="nothing-learnt"
        ),
        pytest.param(early(2.3, {"weight_decay": 1.0, "optimizer": "Adam"}), Severity.WARNING, id="decay-of-adam"),
        pytest.param(early(0.6, {"weight_decay": 10.0, "optimizer": "AdamW"}), Severity.WARNING, id="decay-that-fades"),
    ],
)
def test_a_strength_that_nobody_means_is_said_early(run, severity):
    """It need not be waited for what it does: what is lost until then is missing at the end."""
    found = DETECTOR.check(run)

    assert severity == found.severity
    assert "which leaves next to nothing to learn by" in found.says


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(early(2.3, {"dropout": {"drop": 0.8}}), id="strong-dropout"),
        pytest.param(early(2.3, {"weight_decay": 0.05, "optimizer": "Adam"}), id="strong-decay"),
        pytest.param(early(2.3, {"weight_decay": 1.0, "optimizer": "AdamW"}), id="decoupled-decay"),
        pytest.param(early(2.3, {"dropout": {"drop": 0.95}}, steps=20), id="too-soon"),
        pytest.param(early(1.2, {"dropout": {"drop": 0.95}}), id="it-learns-all-the-same"),
        pytest.param(early(2.3, {"dropout": {"drop": 0.95}}, lr=np.linspace(0, 0.01, 30)), id="warm-up"),
        pytest.param(early(-2.3, {"dropout": {"drop": 0.95}}, chance=[]), id="a-loss-without-a-bottom"),
    ],
)
def test_other_strengths_wait(run):
    """Until the training shows what comes of them."""
    with pytest.raises(NotApplicable):
        DETECTOR.check(run)


@pytest.mark.parametrize(("level", "said"), [(2.0, True), (0.2, False)], ids=["near-its-start", "low"])
def test_without_a_constant_answer_the_start_tells_of_a_strength_that_nobody_means(level, said):
    """As in losses of the user's own."""
    losses = np.concatenate([np.full(10, 2.3), level + 0.05 * NOISE[:30]])
    run = flat(steps=40, facts={"weight_decay": 300.0, "optimizer": "AdamW"}, chance=[], loss=losses)
    found = DETECTOR._absurd(run)

    assert said == (found is not None)
    assert not said or "of what it began at" in found.says
