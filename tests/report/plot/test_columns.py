"""However many points: each column keeps its extremes, so that no spike is lost."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from autofix_nb.report.plot.columns import columns_of, smooth

VALUES = some.arrays(np.float64, st.integers(0, 400), elements=st.floats(width=64))
"""Any numbers, NaN and infinities too."""


def thin(values, columns):
    steps = np.arange(len(values))
    return columns_of(steps, values, 0, max(len(values) - 1, 1), columns)


@given(VALUES, st.integers(1, 50))
def test_smallest_and_largest_are_kept(values, columns):
    """Of the whole, bit for bit; and no more columns come than were asked for."""
    found = thin(values, columns)
    finite = values[np.isfinite(values)]

    assert len(found.steps) <= columns
    if len(finite):
        assert (finite.min(), finite.max()) == (found.low.min(), found.high.max())
    else:
        assert 0 == len(found.steps)


@given(VALUES, st.integers(1, 50))
def test_each_column_lies_where_its_points_do(values, columns):
    """Its middle between its extremes, its steps rising, and every point within some column's extremes."""
    found = thin(values, columns)

    assert bool(np.all((found.low <= found.middle) & (found.middle <= found.high)))
    assert bool(np.all(np.diff(found.steps) > 0))


@given(VALUES)
def test_what_is_no_number_is_told_apart(values):
    """Every NaN and infinity with its step, none among the drawn values."""
    found = thin(values, 20)
    bad = ~np.isfinite(values)

    assert np.flatnonzero(bad).tolist() == found.bad_steps.tolist()
    assert np.array_equal(values[bad], found.bad, equal_nan=True)


def test_the_middle_is_the_median():
    """Of each column, not of all."""
    found = thin(np.array([1.0, 9.0, 2.0, 30.0, 10.0, 20.0]), 2)

    assert [2.0, 20.0] == found.middle.tolist()


@given(some.arrays(np.float64, st.integers(0, 300), elements=st.floats(0, 1)))
def test_smoothing_stays_within_the_values(values):
    """And keeps their number."""
    found = smooth(values)

    assert len(values) == len(found)
    if len(values):
        assert values.min() - 1e-9 <= found.min()
        assert found.max() <= values.max() + 1e-9


def test_smoothing_leaves_a_level_as_it_is():
    """To its very ends."""
    assert np.allclose(smooth(np.full(200, 0.5)), 0.5)
