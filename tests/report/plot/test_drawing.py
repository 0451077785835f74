"""One plot: what is drawn stays within its frame, and says where something was."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from autofix_nb.report.plot import SMALL, WIDE, Line, Mark, Plot, draw

ANY = some.arrays(np.float64, st.integers(0, 200), elements=st.floats(width=64))


def line(values, label="train", **given):
    return Line(label=label, steps=np.arange(1.0, len(values) + 1), values=np.array(values, dtype=float), **given)


def paths(html):
    """Return the points of all drawn lines, in units of the drawing."""
    found = re.findall(r'class="[bl] s1" transform="scale\(.1\)" d="([^"]+)"', html)
    return np.array([[float(n) / 10 for n in re.findall(r"-?\d+", path)] for path in found for path in [path]][-1:])


@settings(max_examples=60, deadline=None)
@example(np.array([-1.0, 1.0, 1.0, 1.0, 1.0]) * np.finfo(float).max, None, "band")
@given(ANY, st.sampled_from([None, True, False]), st.sampled_from(["band", "exact", "smooth", "dots"]))
def test_anything_can_be_drawn_and_stays_in_its_frame(values, log, kind):
    """Every NaN and every size of number."""
    html = draw(Plot(title="Loss", lines=[line(values, kind=kind)], log=log), (1.0, max(len(values), 1)))
    points = paths(html).reshape(-1, 2)

    assert "nan" not in re.sub(r"<title>.*?</title>|<text.*?</text>|<b>.*?</b>|aria-label=\"[^\"]*\"", "", html)
    assert bool(np.all((points[:, 0] >= SMALL.left - 1) & (points[:, 0] <= SMALL.width)))
    assert bool(np.all((points[:, 1] >= 0) & (points[:, 1] <= SMALL.height)))


def test_nothing_to_draw_is_said():
    """And no axis makes up numbers."""
    html = draw(Plot(title="Accuracy", empty="from the end of the first epoch on"), (0, 1))

    assert "from the end of the first epoch on" in html
    assert re.findall(r"<text[^>]*>([^<]*)</text>", html) == ["step", "from the end of the first epoch on"]


def test_a_spike_is_drawn_to_its_height():
    """One step of a hundred thousand."""
    values = np.ones(100_000)
    values[77_777] = 2.0
    html = draw(Plot(title="Loss", lines=[line(values)], log=False), (1, 100_000))
    band = re.search(r'class="b s1"[^>]*d="([^"]+)"', html)[1]
    tops = [int(n) for n in re.findall(r"[ML]\d+ (\d+)", band)]

    assert 1 == sum(top < min(tops) + 10 for top in tops)


def test_what_is_no_number_has_its_sign():
    """With its step; signs that would cover each other are one, and tell how many they are."""
    values = np.ones(1000)
    values[[100, 101, 102, 900]] = [np.nan, np.inf, np.nan, np.inf]
    html = draw(Plot(title="Loss", lines=[line(values)]), (1, 1000))

    assert ["step 101: train NaN, and 2 more up to step 103", "step 901: train Inf"] == re.findall(
        r"<title>([^<]*)</title>", html
    )


def test_what_lies_beyond_the_axis_has_its_sign():
    """A linear axis leaves a lone spike out, and says how high it was."""
    values = np.linspace(-1, 1, 400)
    values[200] = 1e6
    html = draw(Plot(title="Loss", lines=[line(values)]), (1, 400))

    assert "train 1e6" in html


def test_every_text_is_escaped():
    """Titles, labels, units, what the pointer is told."""
    bad = '<script>"&'
    mark = Mark(kind="found", step=1, text=bad)
    plot = Plot(title=bad, unit=bad, lines=[Line(label=bad, steps=np.ones(1), values=np.ones(1))], aside=bad, empty=bad)
    for one in (plot, Plot(title=bad, empty=bad, level=(1.0, bad))):
        html = draw(one, (0, 2), [mark], signs=True)

        assert "<script" not in html
        assert '"&' not in html.replace("&lt;", "").replace("&quot;", "").replace("&amp;", "")


@pytest.mark.parametrize("signs", [True, False])
def test_marks_are_lines_across_and_signs_above_one_plot(signs):
    """A saved state is no line: nothing changes there."""
    marks = [Mark(kind="found", step=5, text="x"), Mark(kind="saved", step=8, text="y")]
    html = draw(Plot(title="Loss", lines=[line(np.ones(10))]), (1, 10), marks, signs=signs)

    assert 1 == html.count('class="w found"')
    assert signs == ("▲" in html)
    assert signs == ("step 8, last save: y" in html)


def test_more_lines_than_have_room_are_named_without_numbers():
    """In two rows."""
    few = draw(Plot(title="Loss", lines=[line([0.5])] * 3), (1, 2))
    many = draw(Plot(title="Loss", lines=[line([0.5])] * 4), (1, 2))

    assert 3 == few.count("<b>0.5</b>")
    assert "<b>" not in many
    assert ('class="c"' in few, 'class="c two"' in many) == (True, True)


def test_long_names_have_rows_of_their_own():
    """They wrap, and none is cut by its neighbour; a single line called as its plot is named once."""
    name = "share of dead units in features.0.conv"
    both = draw(Plot(title="", lines=[line([0.5], label=f"{name}{place}") for place in (1, 2)]), (1, 2))
    alone = draw(Plot(title=name, lines=[line([0.5], label=name)]), (1, 2))

    assert 'class="c two"' in both
    assert 1 == re.sub(r'aria-label="[^"]*"', "", alone).count(name)


@settings(max_examples=60, deadline=None)
@given(ANY, st.floats(-1e99, 1e99), st.sampled_from([None, True, False]))
def test_a_limit_is_in_the_picture(values, limit, log):
    """Its line, and its number in words, wherever it lies; a logarithmic axis has no room for one below zero."""
    html = draw(Plot(title="Loss", lines=[line(values)], limit=limit, log=log, is_whole=True), (1, max(len(values), 1)))
    at = [float(down) for down in re.findall(r'class="lim" d="M\d+ (-?[\d.]+)H', html)]

    assert len(at) == html.count(">limit ")
    assert all(SMALL.top - 1 <= one <= SMALL.floor + 1 for one in at)
    assert at or "log scale" in html or not np.isfinite(values).any()


def test_the_kind_of_scale_is_said():
    """Positive values far apart have a logarithmic one."""
    shown = [draw(Plot(title="", lines=[line(values)]), (1, 2)) for values in ([1.0, 2.0], [0.001, 1.0], [0.0, 1000.0])]

    assert [False, True, False] == ["log scale" in html for html in shown]


def test_words_stand_beside_their_signs_where_there_is_room():
    """To the left where another comes soon, or the end; a word that would cover another is left out, its sign stays."""
    marks = [Mark(kind="found", step=step, text="x", word=word) for step, word in ((10, "a"), (40, "bb"), (43, "c"))]
    marks += [Mark(kind="undone", step=40, text="x", word="never"), Mark(kind="found", step=100, text="x", word="end")]
    html = draw(Plot(title="Loss", lines=[line(np.ones(100))]), (1, 100), marks, above=True, signs=True)
    words = re.findall(r'<text class="(a )?(?:found|undone)" [^>]*>([^<]*)</text>', html)

    assert [("a ", "a"), ("", "bb"), ("a ", "c"), ("", "end")] == words
    assert 4 == html.count("▲")


@pytest.mark.parametrize("frame", [SMALL, WIDE])
def test_letters_are_as_large_in_every_frame(frame):
    """The style sheet works their size out from the width that a drawing says it has."""
    html = draw(Plot(title="Loss", lines=[line([1.0, 2.0])]), (1, 2), frame=frame)

    assert f'viewBox="0 0 {frame.width} {frame.height}"' in html
    assert ('style="--w:720"' in html) == (frame is WIDE)


def test_steps_are_whole_numbers():
    """There is no step 1.5."""
    html = draw(Plot(title="Loss", lines=[line([1.0, 2.0, 3.0])]), (1, 3))
    steps = re.findall(r'class="m">([^<]*)</text>', html)

    assert ["2", "3"] == steps
