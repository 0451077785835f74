"""Mode collapse: one class for nearly all rows, and the honest majorities that look like it."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.mode_collapse import ModeCollapse
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = ModeCollapse()


def predicted(share, target, samples=150, rows=32, planned=300, **more):
    """Return a run in which class 1 is predicted for a share of the rows, and another share have it."""
    series = {
        "top_share": np.full(samples, max(share, 1 - share)),
        "lr": np.full(samples, 0.1),
        "share/0": np.full(samples, 1 - share),
        "share/1": np.full(samples, share),
        "target_share/0": np.full(samples, 1 - target),
        "target_share/1": np.full(samples, target),
    }
    run = history(**series | more)
    run.facts.update(batch_size=rows, planned_steps=planned)
    return run


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        pytest.param(predicted(1.0, 0.5), Severity.CRITICAL, id="all-rows"),
        pytest.param(predicted(0.97, 0.5), Severity.WARNING, id="nearly-all-rows"),
        pytest.param(predicted(0.9, 0.5), None, id="many-rows"),
        pytest.param(predicted(1.0, 0.97), None, id="nearly-all-rows-have-it"),
        pytest.param(predicted(1.0, 0.9), Severity.WARNING, id="minority-never-seen-late"),
        pytest.param(predicted(1.0, 0.9, planned=1000), None, id="minority-not-seen-yet"),
        pytest.param(predicted(1.0, 0.5, planned=3000), None, id="slow-start"),
        pytest.param(predicted(1.0, 0.5, planned=3000, output_spread=[0.0] * 150), Severity.CRITICAL, id="dead"),
        pytest.param(predicted(1.0, 0.5, grad_norm=np.geomspace(1e-3, 1, 150)), None, id="it-begins-to-move"),
        pytest.param(predicted(1.0, 0.5, lr=np.linspace(0, 1, 150)), None, id="warm-up"),
    ],
)
def test_one_class_for_all_is_found_when_few_rows_have_it(run, severity):
    """Predicted and true shares are compared over the same batches."""
    finding = DETECTOR.check(run)

    assert severity == (finding and finding.severity)
    assert ("1",) == (finding.where if finding else ("1",))


def test_a_batch_of_one_row_is_always_one_class():
    """The shares are those of 200 rows, not of the newest batch."""
    turns = np.tile([0.0, 1.0], 150)
    run = predicted(0.5, 0.5, samples=300, rows=1, **{"share/1": turns, "share/0": 1 - turns, "top_share": turns**0})

    assert DETECTOR.check(run) is None


@pytest.mark.parametrize(("chance", "fires"), [(4.0, True), (0.2, False)], ids=["balanced", "one-class-has-most"])
def test_with_many_classes_chance_says_whether_one_can_have_most_rows(chance, fires):
    """More than twenty classes are not followed one by one."""
    run = history(top_share=[1.0] * 150, lr=[0.1] * 150, chance=[chance])
    run.facts.update(batch_size=32, planned_steps=300)

    assert fires == (DETECTOR.check(run) is not None)


def test_too_few_batches_are_a_reason():
    """Five at least, and 200 rows."""
    with pytest.raises(NotApplicable, match="`top_share`: 4 of 7 values"):
        DETECTOR.check(predicted(1.0, 0.5, samples=4))
