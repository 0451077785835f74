"""Rates far too high that still learn a little, and the healthy runs that look like them."""

import numpy as np
import pytest

from autofix_nb.detectors.hot import AT_ONCE, suspected
from autofix_nb.detectors.learning_rate_too_high import LearningRateTooHigh
from autofix_nb.finding import Severity
from tests.runs import history

NOISE = np.random.default_rng(0).normal(size=400)


def run(steps=60, level=0.5, lr=0.1, *, optimizer="Adam", planned=200, update=0.01, before=None, momentum=0.0):
    """Return a run whose loss came to a level, in shares of that of a constant answer; before it was another."""
    losses = np.full(steps, level) if before is None else np.linspace(before, level, steps)
    made = history(
        loss=losses + 0.02 * NOISE[:steps], lr=np.full(steps, lr), update_ratio=np.full(8, update), chance=[1.0]
    )
    made.facts.update(planned_steps=planned, optimizer=optimizer, momentum=momentum)
    return made


@pytest.mark.parametrize(
    ("made", "judged"),
    [
        pytest.param(run(), "lr", id="adam"),
        pytest.param(run(optimizer="RMSprop"), "lr", id="rmsprop"),
        pytest.param(run(before=1.0), "lr", id="falling-and-still-high"),
        pytest.param(run(lr=0.02), None, id="not-ten-times-a-usual-rate"),
        pytest.param(run(optimizer="Adagrad"), None, id="an-optimizer-whose-rates-have-a-unit"),
        pytest.param(run(level=0.08), None, id="low-already"),
        pytest.param(run(steps=39), None, id="too-soon"),
        pytest.param(run(planned=2000), None, id="too-soon-for-a-long-run"),
        pytest.param(run(planned=0), None, id="without-an-end"),
        pytest.param(run(steps=AT_ONCE, level=1.0), "lr", id="at-chance-after-a-few-steps"),
        pytest.param(run(steps=AT_ONCE - 1, level=1.0), None, id="too-few"),
        pytest.param(run(steps=AT_ONCE, level=0.8), None, id="it-has-begun-to-learn"),
        pytest.param(run(optimizer="SGD", lr=12.0), "lr", id="sgd"),
        pytest.param(run(optimizer="SGD", lr=4.0), None, id="sgd-for-embeddings"),
        pytest.param(run(optimizer="SGD", lr=1.1, momentum=0.9), "lr", id="sgd-whose-momentum-sums-it-up"),
        pytest.param(run(optimizer="SGD", lr=1.1, momentum=1.0), None, id="a-momentum-without-an-end"),
        pytest.param(run(optimizer="SGD", update=0.05), "update_ratio", id="large-steps-and-no-fall"),
        pytest.param(run(optimizer="SGD", update=0.05, before=0.2), "update_ratio", id="it-has-risen-again"),
        pytest.param(run(optimizer="SGD", update=0.05, before=1.5), None, id="it-falls"),
        pytest.param(run(optimizer="SGD", update=0.02), None, id="usual-steps"),
        pytest.param(run(optimizer="SGD", update=0.05, level=0.2), None, id="well-on-its-way"),
    ],
)
def test_a_hot_rate_is_suspected_beside_a_loss_that_is_high(made, judged):
    """By a rate without a unit, or by steps that stay large while the loss stands."""
    found = suspected(made)

    assert judged == (found and found.judged)


def test_a_suspicion_is_a_note_whose_fixes_are_smaller_steps():
    """No alarm: whether it is right is found out on the side."""
    found = LearningRateTooHigh().check(run())

    assert (Severity.NOTE, ("scale_lr", "swap_optimizer")) == (found.severity, found.fixes)
    assert "the rate of 0.1 is 33 times what is usual for Adam (0.003)" in found.says
    assert (0.1, pytest.approx(0.03)) == (found.measured, found.limit)


def test_momentum_is_said_beside_the_rate_that_it_sums_up():
    """A rate of 1 is ten times that."""
    says = suspected(run(optimizer="SGD", lr=1.25, momentum=0.9)).says

    assert says.startswith(
        "the rate of 1.25 with a momentum of 0.9 is 125 times what is usual for SGD (0.1), and after"
    )


def test_strong_regularisation_is_no_hot_rate():
    """What holds a model back is another illness."""
    made = run()
    made.facts["dropout"] = {"1": 0.9}

    assert LearningRateTooHigh().check(made) is None


def test_a_run_at_chance_is_suspected_before_anything_else_may_be_said():
    """While beginning again costs little."""
    assert LearningRateTooHigh().check(run(steps=AT_ONCE + 5, level=1.0)).severity == Severity.NOTE


def unknown(level, steps=60, lr=0.1):
    """A run by a step of the user's own: it began at 1, and what a constant answer costs is not known."""
    losses = np.concatenate([np.full(10, 1.0), np.full(steps - 10, level)])
    made = history(loss=losses + 0.02 * NOISE[:steps], lr=np.full(steps, lr), update_ratio=np.full(8, 0.01))
    made.facts.update(planned_steps=200, optimizer="Adam")
    return made


@pytest.mark.parametrize(
    ("made", "judged"),
    [
        pytest.param(unknown(0.5), "lr", id="high-beside-its-beginning"),
        pytest.param(unknown(0.05), None, id="low-already"),
        pytest.param(unknown(0.5, lr=3e-3), None, id="a-usual-rate"),
        pytest.param(unknown(-1.0), None, id="below-zero"),
    ],
)
def test_a_loss_of_unknown_chance_is_compared_with_its_beginning(made, judged):
    """As a masked language model's is, whose step draws what it asks for."""
    found = suspected(made)

    assert judged == (found and found.judged)
