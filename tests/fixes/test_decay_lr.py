"""A smaller rate for what is left to learn."""

import pytest

from autofix_nb.fixes.decay_lr import LOWEST, DecayLr
from tests.runs import finding, history, trainee


def test_the_rate_falls_from_here_on():
    """From what it is, not from what it was at first."""
    run = trainee(history())
    run.controls.lr_scale = 0.1
    change = DecayLr().plan(finding(step=400), run)

    assert ({"lr_scale": 0.1}, {"lr_scale": pytest.approx(0.03)}) == (change.before, change.after)
    assert "MultiStepLR(optimizer, [400], gamma=0.3)" in change.permanent


def test_not_for_ever():
    """A rate of next to nothing learns nothing."""
    run = trainee(history())
    run.controls.lr_scale = LOWEST

    assert None is DecayLr().plan(finding(), run)


def test_what_was_changed_since_stays():
    """The rate was halved for another illness meanwhile: that is not taken back."""
    run = trainee(history())
    fix = DecayLr()
    change = fix.plan(finding(), run)
    fix.apply(change, run)
    run.controls.lr_scale *= 0.5
    fix.undo(change, run)

    assert 0.5 == pytest.approx(run.controls.lr_scale)
