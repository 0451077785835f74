"""A value far from all others, and again and again the same, is a mark and no measurement."""

import numpy as np
import pytest

from autofix_nb.evidence.marks import AGAIN, FEWEST, MOST, marks_of

ROWS = 200
NAN = float("nan")


def normal(**columns):
    """Return rows of three features; what is given stands in every so manyth row of a column: `(mark, every)`."""
    values = np.random.default_rng(3).normal(size=(ROWS, 3))
    for name, (mark, every) in columns.items():
        values[::every, int(name[1:])] = mark
    return values


@pytest.mark.parametrize("mark", [-999.0, 9999.0, 1e9, -50.0])
@pytest.mark.parametrize("every", [3, 40], ids=["often", "rarely"])
def test_marks_of_either_side_are_found(mark, every):
    """Each column may have its own; those without one have NaN."""
    np.testing.assert_array_equal([NAN, mark, NAN], marks_of(normal(c1=(mark, every))))


@pytest.mark.parametrize("mark", [-999.0, 1e6])
def test_they_are_found_after_scaling_too(mark):
    """A scaler that measured them leaves all else within a hair's breadth."""
    values = normal(c0=(mark, 10), c2=(mark, 25))
    scaled = ((values - values.mean(0)) / values.std(0)).astype(np.float32)

    np.testing.assert_array_equal(np.where(marks_of(values) == mark, scaled[0], NAN), marks_of(scaled))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(normal(), id="none"),
        pytest.param(normal(c1=(8.0, 10)), id="not-so-far"),
        pytest.param(normal(c1=(-999.0, ROWS // 2 + 1)), id="a-slip"),
        pytest.param(normal(c1=(-999.0, 1)), id="all-the-same"),
        pytest.param(np.concatenate([normal(), normal() + 1e3, normal() + 1e3]), id="most-are-so"),
        pytest.param(normal(c1=(0.0, 10)) + np.array([0, 1e3, 0]) * (np.arange(ROWS) % 10 > 0)[:, None], id="zero"),
        pytest.param(np.abs(normal()) ** 9, id="long-tail"),
        pytest.param(np.minimum(np.random.default_rng(1).lognormal(0, 1, (ROWS, 2)), 3.0), id="cut-off-at-a-height"),
        pytest.param(normal(c1=(-999.0, 4))[: FEWEST + AGAIN - 1], id="few-rows"),
        pytest.param(np.full((ROWS, 2), NAN), id="nothing-there"),
        pytest.param(np.eye(8)[np.arange(ROWS) % 8], id="one-hot"),
    ],
)
def test_what_is_measured_is_no_mark(values):
    """However far out it lies, and however often it is the same."""
    assert np.isnan(marks_of(values)).all()


def test_missing_values_do_not_hide_one():
    """NaN and infinities are neither marks nor others."""
    values = normal(c1=(-999.0, 10))
    values[5::10, 1] = NAN
    values[7::20, 1] = np.inf

    assert -999.0 == marks_of(values)[1]
    assert 0.5 == MOST
