"""Steps too faint for what is left to learn, and the healthy runs that look like them."""

import numpy as np
import pytest

from autofix_nb.detectors.faint import NOTHING, suspected
from autofix_nb.detectors.learning_rate_too_low import LearningRateTooLow
from autofix_nb.finding import Severity
from tests.runs import history

NOISE = np.random.default_rng(0).normal(size=400)


def run(steps=100, level=0.7, *, planned=400, updates=(0.02, 0.005, 0.001, 0.0008, 0.0008), chance=1.0, rising=0, **of):
    """Return a run whose loss stays; `updates` are shares of the weights that steps changed, `of` by component."""
    lr = np.linspace(0.001, 0.1, steps) if rising else np.full(steps, 0.01)
    looks = {"update_ratio": updates} | {f"update_ratio/{name}": np.full(5, size) for name, size in of.items()}
    made = history(loss=level + 0.02 * NOISE[:steps], lr=lr, **looks, **({"chance": [chance]} if chance else {}))
    made.facts.update(planned_steps=planned, optimizer="Adagrad")
    return made


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(run(), "a step changes 0.0008 of the weights by now, the 301 steps left", id="they-died-away"),
        pytest.param(run(chance=0.0), "a step changes 0.0008", id="where-chance-is-unknown-by-the-start"),
        pytest.param(run(level=0.2), None, id="little-is-left-to-learn"),
        pytest.param(run(updates=[0.005] * 5), None, id="steps-of-a-usual-size"),
        pytest.param(run(updates=[0.0001] * 2), None, id="hardly-looked-at"),
        pytest.param(run(steps=39, planned=100), None, id="too-soon"),
        pytest.param(run(planned=1000), None, id="too-soon-for-a-long-run"),
        pytest.param(run(planned=120), None, id="nearly-over"),
        pytest.param(run(planned=0), None, id="without-an-end"),
        pytest.param(run(rising=1), None, id="a-warm-up"),
        pytest.param(
            run(updates=[0.01] * 5, head=1e-7, body=0.02), "`head` can change by 4e-05 of its size", id="a-part-stays"
        ),
        pytest.param(run(updates=[0.01] * 5, head=1e-4, body=0.02), None, id="a-part-is-slow"),
        pytest.param(run(updates=[0.01] * 5, head=0.0, body=0.02), None, id="a-part-is-frozen"),
    ],
)
def test_faint_steps_are_suspected_beside_a_loss_that_is_high(made, expected):
    """By what the steps left can change, or by a component that stays as it was drawn."""
    found = suspected(made)

    assert (expected is None) == (found is None)
    assert found is None or found.says.startswith(expected)


def slow(*, end=0.9, optimizer="SGD", lr=0.01):
    """Return a run whose steps are of a usual size, and whose loss falls in 100 of 400 steps to a share of chance."""
    falling = np.linspace(1.0, end, 100) + 0.002 * NOISE[:100]
    made = history(loss=falling, lr=np.full(100, lr), update_ratio=[0.005] * 5, chance=[1.0])
    made.facts.update(planned_steps=400, optimizer=optimizer)
    return made


@pytest.mark.parametrize(
    ("made", "is_suspected"),
    [
        pytest.param(slow(), True, id="sgd"),
        pytest.param(slow(end=0.5), False, id="falls-fast"),
        pytest.param(slow(optimizer="Adam", lr=1e-4), True, id="a-rate-far-below-a-usual-one"),
        pytest.param(slow(optimizer="Adam", lr=1e-3), False, id="a-usual-rate"),
        pytest.param(slow(optimizer="Adam", lr=0.5), False, id="a-rate-that-is-too-high-rather"),
        pytest.param(slow(lr=20.0), False, id="sgd-at-one"),
        pytest.param(slow(end=1.0), False, id="it-stands"),
    ],
)
def test_a_loss_that_falls_and_will_be_high_is_suspected_at_an_unusual_rate(made, is_suspected):
    """A task may be as hard as that: larger steps on the side tell."""
    found = suspected(made)

    assert is_suspected == (found is not None)
    assert not is_suspected or "at its pace it will be at" in found.says


def test_the_suspicion_is_a_note_whose_fixes_are_larger_steps():
    """No alarm: whether it is right is found out on the side."""
    found = LearningRateTooLow().check(run(updates=[0.01] * 5, head=1e-7, body=0.02))

    assert (Severity.NOTE, ("swap_optimizer", "scale_lr")) == (found.severity, found.fixes)
    assert (pytest.approx(4e-5), NOTHING) == (found.measured, found.limit)


def test_strong_regularisation_is_no_faint_step():
    """What holds a model back is another illness."""
    made = run()
    made.facts["dropout"] = {"1": 0.9}

    assert LearningRateTooLow().check(made) is None
