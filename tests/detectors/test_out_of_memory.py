"""Out of memory, read from the history."""

import math

import pytest

from autofix_nb.detectors.out_of_memory import OutOfMemory
from tests.runs import history


@pytest.mark.parametrize(
    ("fits", "limit"),
    [
        pytest.param([16.0], 16, id="halved-once"),
        pytest.param([16.0, 8.0], 8, id="the-newest-counts"),
        pytest.param([math.nan], None, id="nothing-fitted"),
    ],
)
def test_the_rows_that_fit(fits, limit):
    """After the last halving."""
    finding = OutOfMemory().check(history(out_of_memory=fits))

    assert limit == (finding and finding.limit)


def test_says_what_it_measured():
    """The batch where its size is known, and the parts."""
    run = history(out_of_memory=[16.0])
    run.facts["batch_size"] = 64

    assert str(OutOfMemory().check(run)) == (
        "R01 Out of memory at step 0: a batch of 64 does not fit, parts of 16 do; the gradient is that of the whole "
        "batch."
    )
