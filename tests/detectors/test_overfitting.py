"""Overfitting: worse than the best for long, while the training loss goes on falling."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.overfitting import Overfitting
from autofix_nb.finding import Severity
from tests.runs import epochs

RISES = [0.5, 0.7, 0.8, 0.86, 0.86, 0.86]


def run(goals, *, losses=None, val_losses=None, **fields):
    made = epochs(goals, **fields)
    for place, row in enumerate(made.epochs):
        row["loss"] = 0.8**place if losses is None else losses[place]
        if val_losses is not None:
            row["val/loss"] = val_losses[place]
    return made


def as_loss(losses, **fields):
    return run(losses, higher_is_better=False, goal_name="val/loss", val_losses=losses, **fields)


@pytest.mark.parametrize(
    ("history", "severity"),
    [
        pytest.param(run([*RISES, 0.8, 0.79, 0.78, 0.77, 0.76]), Severity.WARNING, id="fell-by-eight-points"),
        pytest.param(run([*RISES, 0.85, 0.845, 0.84, 0.845, 0.84]), None, id="fell-by-two-points"),
        pytest.param(run([*RISES, 0.86, 0.86, 0.86, 0.86, 0.6]), None, id="one-bad-epoch"),
        pytest.param(run([*RISES, 0.6, 0.6, 0.87, 0.6, 0.6]), None, id="not-all-of-the-newest-are-worse"),
        pytest.param(run([0.5, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]), None, id="one-lucky-epoch-is-no-best"),
        pytest.param(run([0.8, 0.6, 0.85, 0.65, 0.8, 0.6, 0.7, 0.6, 0.72, 0.62, 0.7]), None, id="noisy"),
        pytest.param(
            run([*RISES, 0.8, 0.79, 0.78, 0.77, 0.76], losses=[0.5] * 11), None, id="the-training-loss-stands-still"
        ),
        pytest.param(
            run([*RISES, 0.8, 0.79, 0.78, 0.77, 0.76], losses=[0.1 * n for n in range(11)]),
            None,
            id="the-training-loss-rises-too",
        ),
        pytest.param(
            run([n / 30 for n in (24, 28, 29, 29, 27, 27, 27, 27, 27)], **{"val/rows": 30.0}),
            None,
            id="two-of-thirty-rows",
        ),
        pytest.param(as_loss([1.0, 0.6, 0.5, 0.5, 0.5, 0.6, 0.62, 0.65, 0.7, 0.72]), Severity.WARNING, id="loss-rose"),
        pytest.param(as_loss([1.0, 0.6, 0.5, 0.5, 0.5, 0.55, 0.55, 0.56, 0.57, 0.57]), None, id="loss-rose-by-a-tenth"),
        pytest.param(
            as_loss([2.0, 0.1, 0.02, 0.02, 0.02, 0.03, 0.04, 0.04, 0.04, 0.05]), None, id="loss-rose-next-to-zero"
        ),
        pytest.param(
            as_loss([1.0, -1.0, -2.0, -2.0, -2.0, -1.5, -1.4, -1.3, -1.2, -1.1]), Severity.WARNING, id="negative-loss"
        ),
        pytest.param(
            run(
                [60.0, 50.0, 40.0, 40.0, 40.0, 45.0, 46.0, 47.0, 48.0, 49.0],
                higher_is_better=False,
                goal_name="val/mae",
            ),
            Severity.WARNING,
            id="an-error-in-its-own-unit",
        ),
        pytest.param(
            run([*RISES, 0.86, 0.86, 0.86, 0.86, 0.86], val_losses=[0.9, 0.6, 0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1]),
            Severity.NOTE,
            id="only-the-loss-rose",
        ),
        pytest.param(
            run([*RISES, 0.86, 0.86, 0.86, 0.86, 0.86], val_losses=[0.9, 0.6] + [0.5] * 9), None, id="nothing-rose"
        ),
    ],
)
def test_only_a_clear_and_lasting_fall_of_the_goal_is_a_warning(history, severity):
    """Not one epoch, not the loss alone, not a few rows, not noise."""
    finding = Overfitting().check(history)

    assert severity == (finding and finding.severity)


@pytest.mark.parametrize(
    ("val_losses", "fires"),
    [
        pytest.param(np.geomspace(1.0, 0.4, 11), False, id="still-falls"),
        pytest.param([*np.geomspace(1.0, 0.4, 9), 0.4, 0.4], False, id="is-at-its-lowest"),
        pytest.param([*np.geomspace(1.0, 0.4, 6), 0.5, 0.6, 0.7, 0.8, 0.9], True, id="rises"),
        pytest.param(None, True, id="unknown"),
    ],
)
def test_nothing_is_learnt_by_heart_while_the_validation_loss_falls(val_losses, fires):
    """A share of few rows falls by chance."""
    finding = Overfitting().check(run([*RISES, 0.8, 0.79, 0.78, 0.77, 0.76], val_losses=val_losses))

    assert fires == (finding is not None and finding.severity == Severity.WARNING)


def test_a_note_asks_for_nothing():
    """A model that grows too sure of itself is none that must be mended."""
    finding = Overfitting().check(run([0.9] * 11, val_losses=[0.5] * 5 + [0.7, 0.8, 0.9, 1.0, 1.1, 1.2]))

    assert (Severity.NOTE, ()) == (finding.severity, finding.fixes)


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_plateau_is_no_overfitting(seed):
    """At every epoch of it."""
    noise = np.random.default_rng(seed).normal(0, 0.02, 60)
    goals = [0.9 - 0.4 * 0.7**epoch + float(jump) for epoch, jump in enumerate(noise)]

    found = [Overfitting().check(run(goals[:count])) for count in range(8, 60)]

    assert [None] * len(found) == found


def test_too_few_epochs():
    """Eight are needed."""
    with pytest.raises(NotApplicable, match="`goal`: 7 of 8 epochs recorded"):
        Overfitting().check(run([0.5] * 7))


def test_says_what_it_measured():
    """Best, now, limit and the training loss."""
    assert str(Overfitting().check(run([0.84, 0.85, 0.86, 0.86, 0.86, 0.86, 0.86, 0.8, 0.78, 0.76, 0.74, 0.72]))) == (
        "L04 Overfitting at step 120: val/accuracy went from 0.86 (epoch 3) to 0.76 in the last 5 epochs, limit 0.83, "
        "while the training loss went on falling from 0.64 to 0.107. Try regularise, set_dropout, early_stop."
    )
