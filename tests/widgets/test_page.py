"""The page: complete, small, and closed to every text that comes from elsewhere."""

from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.report.plot.marks import SIGNS, Mark
from autofix_nb.widgets.page import LOG_LINES, MOST_BYTES, ROWS, Scene, to_html, to_text
from autofix_nb.widgets.panels import plots_of, span_of
from autofix_nb.widgets.state_sentence import LIGHTS
from autofix_nb.widgets.timeline import Row
from tests.widgets.scenes import history_of

VOID = {"br", "img", "hr"}
BAD = "<script>alert('x')</script>\" onload=alert(1) ' &amp; <b>"


class Checked(HTMLParser):
    """Counts the elements, and fails where one is not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], set(), []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def scene(history=None, **given):
    history = history_of(np.linspace(2, 1, 300), epochs=3) if history is None else history
    plots, span = plots_of(history, goal="val/accuracy"), span_of(history)
    return Scene(**({"name": "leaves", "light": "good", "headline": "x", "plots": plots, "span": span} | given))


def everything(text, history=None):
    """Return a scene that says this text wherever it can."""
    rows = [Row(step=1, kind="found", says=text, done=text, verdict=text, code=text)] * ROWS
    marks = [Mark(kind=kind, step=step, text=text) for kind in SIGNS for step in range(0, 300, 2)]
    said = {
        "headline": text,
        "more": text,
        "summary": f"x\n{text}",
        "place": text,
        "time": text,
        "epoch_line": text,
        "hint": text,
    }
    return scene(history, name=text, rows=rows, marks=marks, log=[text] * 200, **said)


@pytest.mark.parametrize("light", LIGHTS)
def test_its_parts_are_always_there(light):
    """Whatever there is to show: nothing jumps when the first number comes."""
    empty, full = Checked(to_html(scene(history_of([]), light=light))), Checked(to_html(scene(light=light)))

    for tag in ("svg", "ol", "p"):
        assert empty.tags.count(tag) == full.tags.count(tag)
    assert 4 == full.tags.count("svg")


def test_no_script_no_resource_no_id():
    """Nothing that a front end would refuse, or that two outputs could share."""
    found = Checked(to_html(everything(BAD)))

    assert set() == {"script", "img", "link", "iframe", "object", "a"} & set(found.tags)
    assert set() == {"id", "src", "href", "onload", "onclick"} & found.attributes


def test_every_text_is_escaped():
    """And shows as it was written."""
    html = to_html(everything(BAD))

    assert "<script" not in html
    assert "alert('x')" not in html.replace("&#x27;", "")
    assert any("<script>alert('x')</script>" in text for text in Checked(html).texts)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(width=64), max_size=60),
    st.sampled_from([0, 1000, 5000, 20_000]),
    st.text(alphabet="<&\"'x", max_size=20),
)
def test_it_is_never_larger_than_a_front_end_takes(values, more, text):
    """Any numbers, any length, any text; the plots are always there."""
    history = history_of(np.resize(np.array([*values, 1.0]), len(values) + more))
    html = to_html(everything(text * 100, history))

    assert len(html.encode()) <= MOST_BYTES
    assert 4 == Checked(html).tags.count("svg")


def test_the_newest_rows_and_lines_are_shown():
    """Newest first in the list, as it was said in the log."""
    rows = [Row(step=step, kind="said", says=f"said {step}") for step in range(1, 9)]
    found = Checked(to_html(scene(rows=rows, log=[f"line {number}" for number in range(60)])))
    text = "\n".join(found.texts)

    assert "said 8" in text
    assert "said 3\n" not in text
    assert text.index("said 8") < text.index("said 4")
    assert f"What was said on the way (60 lines, the newest {LOG_LINES} here)" in text
    assert "line 10\nline 11" in text
    assert "line 9\n" not in text


def test_what_was_done_comes_before_the_numbers():
    """An older row is cut to one line."""
    row = Row(
        step=9, kind="fixed", code="L01", says="Rate too high: the loss rose: 2 to 9", done="Lowered", verdict="kept"
    )
    html = to_html(scene(rows=[row]))

    assert "<b>L01</b> Rate too high. <b>Lowered.</b> The loss rose: 2 to 9." in html


def test_while_it_trains_there_is_no_log():
    """What a reader opened would close with the next update."""
    assert "details" not in Checked(to_html(scene())).tags


def test_the_text_is_one_line():
    """As a saved notebook and the web show it; at the end it sums up."""
    running = to_text(scene(more="Saved\njust now.", place="epoch 1 of 2", epoch_line="epoch 1/2  loss 0.5"))

    assert "leaves: x · Saved just now. · epoch 1 of 2 · epoch 1/2 loss 0.5" == running
    assert "leaves: finished.\nKept." == to_text(scene(summary="leaves: finished.\nKept."))


@pytest.mark.parametrize(("share", "width"), [(None, None), (0.25, "25.0%"), (-1.0, "0.0%"), (7.0, "100.0%")])
def test_the_bar(share, width):
    """Within its frame; empty where the end is not known."""
    html = to_html(scene(share=share))

    assert (width is None) == ("<i style" not in html)
    assert width is None or f'<i style="width:{width}">' in html
