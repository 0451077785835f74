"""From the first weights."""

from autofix_nb.fixes.restart import Restart
from tests.runs import finding, history, trainee


def test_the_run_begins_again():
    """Once, by its own means; the way back is the run's own, and a resumed run has the weights already."""
    times = []
    run = trainee(history(), begin_again=lambda: times.append(1))
    fix = Restart()
    change = fix.plan(finding(step=50), run)
    fix.apply(change, run)
    fix.undo(change, run)
    fix.replay(change, run)

    assert ({"restart": 50}, [1]) == (change.after, times)
    assert "the training begins again from its first weights" == change.says


def test_not_where_the_run_cannot():
    """Somebody's own loop may not know its first weights."""
    assert None is Restart().plan(finding(), trainee(history()))
