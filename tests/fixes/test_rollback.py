"""Go back to the last good weights."""

import math

import torch

from autofix_nb.fixes.rollback import Rollback
from tests.runs import RealRun, finding


def test_spoiled_weights_and_moments_become_those_of_the_snapshot():
    """The data go on, and so does the learning rate."""
    run = RealRun()
    run.snapshot.restore()
    good = run.bits()
    run.take_steps(3)
    with torch.no_grad():
        run.model[0].weight.fill_(math.nan)
        run.optimizer.state[run.model[0].weight]["exp_avg"].fill_(math.nan)
    run.optimizer.param_groups[0]["lr"] = 0.5
    fix = Rollback()
    change = fix.plan(finding(), run)
    fix.apply(change, run)

    assert good["weights"] == run.bits()["weights"]
    assert good["optimizer"]["state"] == run.bits()["optimizer"]["state"]
    assert 0.5 == run.optimizer.param_groups[0]["lr"]
    assert "weights and optimizer went back to those of step 3" == change.says


def test_without_a_snapshot_there_is_no_plan():
    """Nothing to go back to."""
    run = RealRun()
    run.snapshot = None

    assert None is Rollback().plan(finding(), run)
