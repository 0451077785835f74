"""Waiting for batches against training on them."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.starved_by_loader import StarvedByLoader
from autofix_nb.finding import Severity
from tests.runs import history


@pytest.mark.parametrize(
    ("waits", "steps", "starved"),
    [
        pytest.param([0.02] * 100, [0.01] * 100, True, id="waits-longer"),
        pytest.param([0.02] * 100, [0.03] * 100, False, id="trains-longer"),
        pytest.param([0.004] * 100, [0.001] * 100, False, id="waits-for-next-to-nothing"),
        pytest.param([0.001] * 80 + [5.0] * 20, [0.01] * 100, False, id="waits-long-now-and-then"),
        pytest.param([0.001] * 100 + [0.05] * 100, [0.01] * 200, True, id="since-a-while"),
    ],
)
def test_the_usual_step_decides(waits, steps, starved):
    """A note, and nothing to be changed for it: the clock is no judge."""
    finding = StarvedByLoader().check(history(load_seconds=waits, step_seconds=steps))

    assert starved == (finding is not None)
    assert finding is None or (Severity.NOTE, ()) == (finding.severity, finding.fixes)


def test_too_few_steps():
    """A hundred are needed."""
    with pytest.raises(NotApplicable, match="`load_seconds`: 99 of 100 values"):
        StarvedByLoader().check(history(load_seconds=[1.0] * 99, step_seconds=[1.0] * 99))


def test_says_what_it_measured():
    """Both times, and what helps."""
    assert str(StarvedByLoader().check(history(load_seconds=[0.02] * 100, step_seconds=[0.01] * 100))) == (
        "R04 The loader starves the model at step 99: a step waits 20 ms for its batch and takes 10 ms itself (limit: "
        "as long); more `num_workers` in the DataLoader, data copied from Drive to the disk, or samples kept in memory "
        "mend it."
    )
