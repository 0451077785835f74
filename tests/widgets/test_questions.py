"""Progress while the checks are asked: shown when it takes long, gone afterwards."""

import io
import sys
from types import SimpleNamespace

import pytest

from autofix_nb.errors import ConfigurationError
from autofix_nb.widgets import questions
from autofix_nb.widgets.questions import Notebook, Questions, Terminal, make_questions


class Place:
    """Notes what it is asked to show."""

    def __init__(self):
        self.shown = []

    def show(self, done, total, title):
        self.shown.append((done, total, title))

    def end(self):
        self.shown.append("end")


def test_a_short_look_shows_nothing():
    """A bar that flashes up is worse than none."""
    place = Place()
    with Questions(3, place) as asked:
        asked.ask("E01")

    assert place.shown == []


def test_a_longer_look_counts_what_is_done(monkeypatch):
    """And ends, also when a check raises."""
    monkeypatch.setattr(questions, "SHOWN_AFTER_SECONDS", 0.0)
    place = Place()

    def look():
        with Questions(2, place) as asked:
            asked.ask("E01")
            asked.ask("E02")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look()

    assert place.shown == [(0, 2, "E01"), (1, 2, "E02"), "end"]


def test_the_bar_in_a_terminal_goes_again():
    """The last line is blank."""
    file = io.StringIO()
    bar = Terminal(file)
    bar.show(3, 27, "B01 Input size")
    shown = file.getvalue()
    bar.end()

    assert "preflight 3/27" in shown
    assert "B01 Input size" in shown
    assert file.getvalue().split("\r")[-2].strip() == ""


def test_a_notebook_gets_one_output_that_ends_empty(monkeypatch):
    """Updated by its id; titles are escaped."""
    put = []
    handle = SimpleNamespace(update=lambda bundle, raw: put.append(bundle))

    def display(bundle, raw, display_id):
        put.append(bundle)
        return handle

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    output = Notebook()
    output.show(1, 27, "a <b>")
    output.show(2, 27, "B01")
    output.end()

    assert [bundle["text/plain"] for bundle in put] == ["preflight 1/27: a <b>", "preflight 2/27: B01", ""]
    assert "a &lt;b&gt;" in put[0]["text/html"]
    assert put[-1]["text/html"] == ""


@pytest.mark.parametrize("show", ["auto", "text", True, "none", False])
def test_what_show_may_be(show):
    """As in `fit`."""
    assert isinstance(make_questions(show, 27), Questions)


def test_anything_else_is_refused():
    """With what was wanted."""
    with pytest.raises(ConfigurationError, match="`show` must be 'auto', 'live', 'text' or 'none', got 'loud'"):
        make_questions("loud", 27)
