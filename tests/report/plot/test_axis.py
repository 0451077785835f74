"""An axis covers what is drawn, with a few round ticks on it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.report.plot.axis import TICKS, axis_of

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30)


def axis(*values, log=None):
    found = np.array(values, dtype=np.float64)
    return axis_of([found], [found], log=log)


@given(NUMBERS, st.sampled_from([None, True, False]))
def test_any_numbers_have_an_axis(values, log):
    """With finite ends in order, ticks within them, and each value between 0 and 1."""
    found = axis(*values, log=log)
    places = found.place(np.array([*values, 0.0]))

    assert found.low < found.high
    assert math.isfinite(found.high - found.low)
    assert all(found.low <= value <= found.high for value, _ in found.ticks())
    assert len(found.ticks()) <= TICKS + 1
    assert bool(np.all((0 <= places) & (places <= 1)))
    assert all(found.at(value) == pytest.approx(place) for value, place in zip(values, places, strict=False))


@pytest.mark.parametrize(
    ("values", "log", "expected"),
    [
        pytest.param((0.0, 1.0), None, ["0", "0.5", "1"], id="linear"),
        pytest.param((0.5, 2.0), None, ["0.5", "1", "1.5", "2"], id="small-ratio-is-linear"),
        pytest.param((0.01, 10.0), None, ["0.01", "0.1", "1", "10"], id="large-ratio-is-log"),
        pytest.param((-1.0, 1.0), None, ["-1", "0", "1"], id="negative-is-linear"),
        pytest.param((1e-8, 1e8), True, ["1e-8", "0.001", "100", "1e7"], id="many-decades"),
        pytest.param((1e-3, 1e-3), True, ["0.001", "0.003"], id="one-rate"),
        pytest.param((100_000, 100_300), False, ["100,000", "100,100", "100,200", "100,300"], id="narrow-and-far"),
        pytest.param((0.0, 0.0), True, ["-0.5", "0", "0.5"], id="nothing-has-a-logarithm"),
        pytest.param((12.34561, 12.34569), False, ["12.34562", "12.34564", "12.34566", "12.34568"], id="narrow"),
    ],
)
def test_ticks(values, log, expected):
    """Round numbers, with as many digits as tell them apart, up to six."""
    assert expected == [text for _, text in axis(*values, log=log).ticks()]


def test_a_lone_spike_does_not_flatten_the_rest():
    """On a linear axis it lies beyond the end; what is usual takes most of the room."""
    values = np.concatenate([np.linspace(-1, 1, 100), [1e6]])

    assert axis(*values).high < 10
    assert axis(*values[:-1]).high < 10


def test_few_values_are_never_cut_off():
    """Nobody knows yet which are usual."""
    assert axis(0.0, 1.0, -1.0, 1e6).high > 1e6


def test_a_whole_axis_holds_a_lone_spike():
    """Where it is what is to be seen."""
    values = np.concatenate([np.linspace(-1, 1, 100), [1e6]])

    assert axis_of([values], [values], is_whole=True).high > 1e6
