"""A step after fewer batches, where so many are gathered that hardly any steps are taken."""

from types import SimpleNamespace

import pytest

from autofix_nb.fixes import Controls
from autofix_nb.fixes.gather_less import ENOUGH, GatherLess
from tests.runs import finding, history

SLOW = finding(code="L02", fixes=("gather_less",))


def gathering(batches, accumulate, epochs=10, step=0):
    """Return a run of so many batches an epoch, of which so many make a step."""
    run = SimpleNamespace(train=[None] * batches, controls=Controls(), history=history(), step_count=step, asked=[])
    run.history.facts |= {"accumulate": accumulate, "planned_epochs": epochs}
    run.history.facts["planned_steps"] = epochs * -(-batches // accumulate)
    run.gather = run.asked.append
    return run


@pytest.mark.parametrize(
    ("run", "gathered"),
    [
        pytest.param(gathering(13, 13, 62), [13 * 62 // ENOUGH, 1], id="enough-steps-and-then-each-batch"),
        pytest.param(gathering(20, 64, 8), [1], id="more-than-an-epoch-has"),
        pytest.param(gathering(1, 4, 50), [], id="one-batch-an-epoch"),
        pytest.param(gathering(20, 1), [], id="nothing-is-gathered"),
        pytest.param(gathering(20, 20, step=3), [], id="it-trains-already"),
    ],
)
def test_fewer_are_gathered_so_that_there_are_steps_enough(run, gathered):
    """At most those that an epoch has, and before the first step only, as the plan is another one."""
    assert gathered == [change.after["gather"] for change in GatherLess().plans(SLOW, run)]


def test_a_stream_has_no_length_to_plan_with():
    """What its epochs hold is unknown."""
    stream = gathering(20, 20)
    stream.train = iter(())
    assert [] == GatherLess().plans(SLOW, stream)


def test_the_run_plans_anew_and_back():
    """What was asked for comes back."""
    run = gathering(13, 13, 62)
    change = GatherLess().plan(SLOW, run)
    GatherLess().apply(change, run)
    GatherLess().undo(change, run)

    assert [4, None] == run.asked
    assert "a step is taken after each 4 batches (before: 13)" == change.says
