"""Set aside the samples that are to blame, and no others."""

import pytest

from autofix_nb.fixes.quarantine import QuarantineSamples
from tests.runs import RealRun, fault, finding


def planned(*indices, before=()):
    run = RealRun(steps=2)
    for index in before:
        run.set_aside(fault(index))
    run.suspects = [fault(index) for index in indices]
    return run, QuarantineSamples().plan(finding(), run)


@pytest.mark.parametrize(
    ("indices", "says"),
    [
        pytest.param([7], "sample 7 set aside", id="one"),
        pytest.param([7, 9], "2 samples (7, 9) set aside", id="two"),
        pytest.param(list(range(6)), "6 samples (0, 1, 2, 3, 4, ...) set aside", id="many"),
        pytest.param(["epoch 0, batch 1, row 2"], "sample epoch 0, batch 1, row 2 set aside", id="no-index"),
    ],
)
def test_says_which(indices, says):
    """The first five by name."""
    _, change = planned(*indices)

    assert f"{says}; the rest of the batch went on" == change.says
    assert indices == change.after["samples"]


def test_nobody_to_blame_is_no_plan():
    """A whole batch that fails is no matter of samples."""
    assert None is planned()[1]


def test_samples_set_aside_before_are_left_out():
    """Undoing must not take them back."""
    run, change = planned(7, 9, before=[7])
    fix = QuarantineSamples()
    fix.apply(change, run)
    fix.undo(change, run)

    assert [9] == change.after["samples"]
    assert [7] == run.quarantine.indices()
    assert None is planned(7, before=[7])[1]


def test_the_permanent_line_is_code_that_does_it():
    """Run on a data set of ten, it leaves the two out."""
    _, change = planned(3, 5)
    line = change.permanent.removeprefix("train = torch.utils.data.Subset(train, ").removesuffix(")")

    assert [0, 1, 2, 4, 6, 7, 8, 9] == eval(line, {"train": range(10), "range": range, "len": len})  # noqa: S307
