"""Half the rows at once."""

from types import SimpleNamespace

import pytest

from autofix_nb.fixes.split_batch import SplitBatch
from tests.runs import finding, history, trainee


@pytest.mark.parametrize(
    ("micro", "facts", "loader", "expected"),
    [
        pytest.param(None, {"batch_size": 32}, None, 16, id="the-whole-batch"),
        pytest.param(None, {}, 5, 3, id="of-the-loader"),
        pytest.param(8, {"batch_size": 32}, None, 4, id="split-before"),
        pytest.param(1, {"batch_size": 32}, None, None, id="one-row"),
        pytest.param(None, {}, None, None, id="not-known"),
    ],
)
def test_rows_run_at_once_are_halved(micro, facts, loader, expected):
    """Down to one."""
    run = trainee(history(), train=SimpleNamespace(batch_size=loader))
    run.history.facts.update(facts)
    run.controls.micro_batch = micro
    change = SplitBatch().plan(finding(code="R01"), run)

    assert expected == (change and change.after["micro_batch"])
    if change:
        assert {"micro_batch": micro} == change.before


def test_says_how_to_have_it_for_good():
    """The same gradient by smaller batches that are accumulated."""
    run = trainee(history(), train=None)
    run.history.facts["batch_size"] = 24
    run.controls.micro_batch = 12
    change = SplitBatch().plan(finding(code="R01"), run)

    assert "batch_size=6, shuffle=True)  # and accumulate=4" in change.permanent
    assert "batches are run 6 rows at a time, with the gradient of the whole batch" == change.says
