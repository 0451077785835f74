"""Plateau: epochs without a better goal, whichever way is better."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.plateau import Plateau
from autofix_nb.finding import Severity
from tests.runs import epochs

DETECTOR = Plateau(patience=3, better_by=1 / 64)


@pytest.mark.parametrize(
    ("goals", "higher", "waited"),
    [
        pytest.param([0.5, 0.6, 0.7, 0.8], True, None, id="better-each-epoch"),
        pytest.param([0.8, 0.7, 0.6, 0.5], False, None, id="lower-each-epoch"),
        pytest.param([0.5, 0.6, 0.6, 0.6], True, None, id="one-epoch-short"),
        pytest.param([0.6, 0.6, 0.6, 0.6], True, 3, id="just-the-patience"),
        pytest.param([0.6, 0.6, 0.6, 0.6, 0.6], True, 4, id="longer"),
        pytest.param([1.0, 1.0, 1.0, 1 + 1 / 64], True, 3, id="better-by-the-least-is-not-better"),
        pytest.param([1.0, 1.0, 1.0, 1.02], True, None, id="better-by-more"),
        pytest.param([1.0, 1.006, 1.012, 1.018], True, None, id="slowly-better-adds-up"),
        pytest.param([-5.0, -5.0, -5.0, -5.2], False, None, id="negative-loss-falls"),
        pytest.param([-5.0, -5.0, -5.0, -5.04], False, 3, id="negative-loss-hardly-falls"),
        pytest.param([0.0, 0.0, 0.0, 0.0], False, 3, id="nothing-beats-zero"),
        pytest.param([0.6, math.nan, 0.6, 0.6, 0.6], True, 4, id="an-epoch-of-nan-is-waited-too"),
        pytest.param([0.9, 0.1, 0.2, 0.3], True, 3, id="worse-and-recovering"),
    ],
)
def test_epochs_since_the_best_are_counted(goals, higher, waited):
    """The best is what beat the one before by the share."""
    finding = DETECTOR.check(epochs(goals, higher_is_better=higher))

    assert waited == (finding and finding.measured)


@pytest.mark.parametrize("goals", [[], [0.5] * 3, [math.nan] * 9, [0.5, 0.5, 0.5, math.inf]])
def test_too_few_epochs_with_a_goal(goals):
    """Patience and one more are needed; NaN is no goal."""
    there = sum(map(math.isfinite, goals))

    with pytest.raises(NotApplicable, match=f"`goal`: {there} of 4 epochs recorded"):
        DETECTOR.check(epochs(goals))


def test_without_validation_it_is_not_applicable():
    """Rows without a goal are none."""
    run = epochs([0.5] * 9)
    for row in run.epochs:
        del row["goal"]

    with pytest.raises(NotApplicable, match="0 of 4"):
        DETECTOR.check(run)


def test_says_what_it_measured():
    """In the words of the goal."""
    assert str(Plateau(patience=3).check(epochs([0.5, 0.75, 0.7, 0.7, 0.7]))) == (
        "L03 Plateau at step 50: val/accuracy has not become better for 3 epochs (best 0.75 in epoch 2), limit 3. "
        "Try early_stop."
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=12))
def test_up_and_down_are_mirror_images(goals):
    """The same goals upside down, and lower is better: the same verdict."""
    up = DETECTOR.check(epochs(goals))
    down = DETECTOR.check(epochs([-goal for goal in goals], higher_is_better=False))

    assert (up and up.measured) == (down and down.measured)


def stuck(loss=2.0, planned=40, **series):
    """Return 15 epochs that end on a plateau with a high training loss, of a run that has learnt something."""
    run = epochs([0.3, 0.5] + [0.5] * 13)
    for row in run.epochs:
        row["loss"] = loss
    usual = {"gain": [0.4, 0.5] * 20, "mispaired": [2.4] * 40, "chance": [2.3], "update_ratio": [0.001] * 6}
    for name, values in (usual | series).items():
        run.extend(name, np.arange(len(values)), np.array(values))
    run.facts.update(planned_epochs=planned, planned_steps=10 * planned)
    return run


@pytest.mark.parametrize(
    ("run", "says"),
    [
        pytest.param(stuck(), None, id="label-noise"),
        pytest.param(stuck(update_ratio=[0.1] * 6), "too much to settle", id="steps-too-large"),
        pytest.param(stuck(update_ratio=[1e-5] * 6), "can change only", id="steps-too-small"),
        pytest.param(
            stuck(**{"share/3": [0.0] * 40, "target_share/3": [0.1] * 40}), "class 3 is hardly", id="class-missing"
        ),
        pytest.param(stuck(loss=0.1, update_ratio=[0.1] * 6), None, id="converged"),
        pytest.param(stuck(planned=16, update_ratio=[0.1] * 6), None, id="nearly-over"),
        pytest.param(stuck(gain=[0.0] * 40, update_ratio=[0.1] * 6), None, id="not-learning-is-another-illness"),
    ],
)
def test_a_high_flat_loss_is_a_warning_with_a_reason(run, says):
    """After 10 epochs and with time left; what converged, and what label noise holds up, is not stuck."""
    finding = Plateau().check(run)

    assert (Severity.WARNING if says else None) == (finding and finding.severity)
    assert says is None or says in finding.says


NOISY = 0.3 * np.random.default_rng(0).exponential(size=300)


def circling(loss=0.4, planned=900, epochs_planned=3, **series):
    """Return 300 noisy steps of a long epoch that lead nowhere, thrown about by large steps."""
    run = epochs([0.5])
    usual = {"loss": loss - 0.3 + NOISY, "lr": [0.1] * 300, "update_ratio": [0.06] * 6, "chance": [1.0]}
    for name, values in (usual | series).items():
        run.extend(name, np.arange(len(values)), np.array(values, dtype=float))
    run.facts.update(planned_epochs=epochs_planned, planned_steps=planned)
    return run


@pytest.mark.parametrize(
    ("run", "fires"),
    [
        pytest.param(circling(), True, id="circles"),
        pytest.param(circling(update_ratio=[0.001] * 6), False, id="label-noise"),
        pytest.param(circling(loss=np.linspace(0.9, 0.4, 300)), False, id="still-falls"),
        pytest.param(circling(chance=[10.0]), False, id="converged"),
        pytest.param(circling(chance=[0.42]), False, id="nothing-learnt-is-another-illness"),
        pytest.param(circling(gain=[0.01, -0.01] * 30, mispaired=[1.0] * 60), False, id="by-its-gain-nothing-learnt"),
        pytest.param(circling(lr=np.linspace(0, 0.1, 300)), False, id="warm-up"),
        pytest.param(circling(planned=350), False, id="nearly-over"),
        pytest.param(circling(planned=2000), False, id="too-short-a-stretch"),
        pytest.param(circling(epochs_planned=40), False, id="epochs-enough-to-be-asked"),
        pytest.param(circling(chance=[-1.0], loss=np.r_[[2.0] * 20, [0.6] * 280]), True, id="beside-its-start"),
    ],
)
def test_a_run_of_few_long_epochs_is_asked_by_its_steps(run, fires):
    """High, flat for long, and thrown about; it is not stopped for that, since it is stuck and not done."""
    try:
        finding = Plateau().check(run)
    except NotApplicable:
        finding = None

    assert (Severity.WARNING if fires else None) == (finding and finding.severity)
    assert not fires or "early_stop" not in finding.fixes
