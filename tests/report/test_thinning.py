"""Long series made short: nothing that stands out is lost."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.report.thinning import smoothed, thinned

VALUES = st.lists(st.floats(width=32), max_size=300)


@given(VALUES, st.integers(4, 60))
@settings(max_examples=100, deadline=None)
def test_what_is_left_has_the_extremes_and_the_ends(values, most):
    """At most so many points, all of them of the series, in their order."""
    finite = [(step, value) for step, value in enumerate(values) if math.isfinite(value)]
    steps, left = thinned(np.arange(len(values)), np.array(values), most)
    pairs = list(zip(steps.tolist(), left.tolist(), strict=True))

    assert len(pairs) <= max(most, 4)
    assert [pair for pair in finite if pair in set(pairs)] == pairs
    if finite:
        assert {finite[0], finite[-1]} <= set(pairs)
        assert (min(left), max(left)) == (min(value for _, value in finite), max(value for _, value in finite))


def test_a_spike_in_a_million_stays():
    """One step is enough."""
    values = np.zeros(1_000_000)
    values[654_321] = 9.0
    steps, left = thinned(np.arange(1_000_000), values, 240)

    assert 654_321 in steps
    assert len(left) <= 240


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([1.0, 3.0, 5.0, 7.0], 2, [1.0, 2.0, 4.0, 6.0]),
        ([1.0, 3.0, 5.0], 1, [1.0, 3.0, 5.0]),
        ([1.0, math.nan, 5.0], 3, [1.0, 1.0, 3.0]),
        ([1.0, 2.0], 9, [1.0, 1.5]),
        ([], 3, []),
        ([1.0, 10_000.0, 1.0], 2, [1.0, 100.0, 100.0]),
    ],
    ids=["two", "none", "nan-left-out", "wider-than-the-series", "empty", "far-apart"],
)
def test_smoothing_is_the_mean_of_the_newest(values, width, expected):
    """Fewer at the beginning."""
    assert smoothed(np.array(values), width).tolist() == pytest.approx(expected)
