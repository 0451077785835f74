"""Slopes that are not finite are taken for 0, by a setting of the loop."""

from autofix_nb.fixes.bound_slopes import BoundSlopes
from tests.runs import finding, history, trainee


def test_there_and_back():
    """Offered once, and undone to the bit."""
    run = trainee(history())
    fix = BoundSlopes()
    change = fix.plan(finding(code="B06"), run)
    fix.apply(change, run)

    assert run.controls.bound_slopes
    assert fix.plan(finding(code="B06"), run) is None
    fix.undo(change, run)
    assert not run.controls.bound_slopes
