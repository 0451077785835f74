"""A line from nothing to the full rate."""

import pytest

from autofix_nb.fixes.warm_up import WarmUp
from tests.runs import finding, history, trainee


@pytest.mark.parametrize(
    ("planned", "steps"), [(None, 20), (100, 20), (1000, 50)], ids=["not-known", "a-short-run", "a-long-run"]
)
def test_it_takes_a_share_of_the_run(planned, steps):
    """And at least some steps."""
    run = trainee(history())
    run.history.facts["planned_steps"] = planned
    change = WarmUp().plan(finding(step=70), run)

    assert {"warm_up": {"from": 70, "steps": steps}} == change.after
    assert f"the learning rate grows from 0 to its full height over the next {steps} steps" == change.says
    assert f"total_iters={steps})" in change.permanent


@pytest.mark.parametrize(("step", "there"), [(60, False), (90, True)], ids=["under-way", "over"])
def test_not_on_top_of_one_that_is_under_way(step, there):
    """A second one would begin at 0 again."""
    run = trainee(history())
    run.controls.warm_up = {"from": 50, "steps": 40}

    assert there == (WarmUp().plan(finding(step=step), run) is not None)
