"""Stop for a reason that is told."""

from autofix_nb.fixes.early_stop import EarlyStop
from tests.runs import finding, history, trainee


def test_the_reason_is_the_finding():
    """Its code comes first: the loop tells a plateau from a broken data set by it."""
    run = trainee(history())
    fix = EarlyStop()
    change = fix.plan(finding(code="L03", title="Plateau", says="no better for 20 epochs"), run)
    fix.apply(change, run)

    assert "L03 Plateau: no better for 20 epochs" == run.controls.stop
    assert "the training stops here" == change.says
    assert "" == change.permanent
