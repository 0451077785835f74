"""Leave one batch out: a record of what the loop did, and nothing else."""

from autofix_nb.fixes.skip_batch import SkipBatch
from tests.runs import RealRun, finding


def test_it_is_a_record_only():
    """There is no setting before and after."""
    change = SkipBatch().plan(finding(), RealRun(steps=2))

    assert ({}, {}) == (change.before, change.after)
    assert "no step was taken for this batch" == change.says
