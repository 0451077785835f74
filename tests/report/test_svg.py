"""Plots drawn by hand: whatever was recorded, well formed and within their frame."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.report.scale import number
from autofix_nb.report.svg import HEIGHT, MOST_MARKS, WIDTH, Line, Mark, Plot, to_svg


def line(*values, name="loss", **more):
    return Line(name=name, steps=np.arange(len(values)), values=np.array(values, dtype=np.float64), **more)


def texts(svg):
    return [part.text for part in ElementTree.fromstring(svg).iter("text")]  # noqa: S314 - our own drawing


@given(
    st.lists(st.lists(st.floats(), max_size=20), min_size=1, max_size=3),
    st.floats() | st.none(),
    st.lists(st.floats(-1e9, 1e9), max_size=3),
    st.booleans() | st.none(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_numbers_the_drawing_is_whole_and_inside(series, limit, marks, log):
    """No error, no warning, no NaN; every point lies in the picture or close to it."""
    lines = [line(*values, name=str(place)) for place, values in enumerate(series)]
    svg = to_svg(Plot(title="t", lines=lines, limit=limit, marks=[Mark(step=at) for at in marks], log=log))

    assert bool(svg) == any(np.isfinite(values).any() for values in series)
    assert "nan" not in svg.replace("n&", "").lower().split("aria-label")[0]
    for way in re.findall(r' d="([^"]+)"', svg):
        numbers = [float(one) for one in re.findall(r"-?\d+\.?\d*", way)]
        assert all(-2 * HEIGHT <= one <= 2 * WIDTH for one in numbers)


@pytest.mark.parametrize(
    ("values", "log"),
    [([1.0, 2.0], False), ([0.001, 1.0], True), ([0.0, 1.0, 1000.0], False), ([-1.0, 50.0], False), ([5.0], False)],
    ids=["close", "far", "zero", "negative", "one"],
)
def test_log_scales_stand_where_they_belong(values, log):
    """For positive signals over more than an order of magnitude and a half."""
    assert log == ("log scale" in texts(to_svg(Plot(title="", lines=[line(*values)]))))


def test_a_limit_beyond_the_signal_is_in_the_picture():
    """Its line, and its number in words."""
    svg = to_svg(Plot(title="loss", lines=[line(1.0, 2.0)], limit=10.0))

    assert "limit 10" in texts(svg)
    assert "limit 10" in svg.partition(">")[0]


def test_marks_outside_are_left_out_and_many_are_cut():
    """What is drawn is what can be seen."""
    marks = [Mark(step=at, says="x") for at in (-5, *[1] * 50, 99)]
    svg = to_svg(Plot(title="", lines=[line(1.0, 2.0, 3.0)], marks=marks))

    assert MOST_MARKS == svg.count('class="afx-mark"')


def test_several_curves_have_a_legend_instead_of_a_title():
    """The pale one behind has no name."""
    lines = [line(1.0, 2.0, faint=True), line(1.0, 2.0), line(2.0, 1.0, name="validation", colour=2)]
    said = texts(to_svg(Plot(title="losses", lines=lines)))

    assert {"loss", "validation"} <= set(said)
    assert "losses" not in said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.25, "0.25"), (1500.0, "1,500"), (3e-5, "3e-05"), (2e7, "2e+07"), (0.0, "0"), (12.0, "12")],
)
def test_numbers_are_short(value, said):
    """As people write them."""
    assert said == number(value)
