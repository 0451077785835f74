"""`run.explore()`: what is chosen is drawn, of this run and of another, and nothing of theirs becomes a tag."""

import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from autofix_nb import open_run
from autofix_nb.data import Fault, Quarantine
from autofix_nb.errors import StoreError
from autofix_nb.finding import Severity
from autofix_nb.journal import Journal
from autofix_nb.loop.tables import write_tables
from autofix_nb.widgets.explore import MOST_PLOTS, WHOLE, Explorer, names_of
from tests.runs import epochs, finding

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
PNG = b"\x89PNG and so on"


def history(steps=60, **more):
    made = epochs([0.5, 0.75])
    for step in range(steps):
        made.record(step, loss=1.0 + step % 5, grad_norm=2.0, **more)
    return made


def run(tmp_path, *faults, findings=(), **more):
    quarantine = Quarantine(tmp_path / "quarantine" / "samples.jsonl")
    for fault in faults:
        quarantine.add(fault, epoch=0, position=0)
    return SimpleNamespace(history=history(**more), findings=list(findings), quarantine=quarantine)


def drawings(explorer):
    return explorer.plots.value.count("<svg")


def test_what_is_chosen_is_drawn(tmp_path):
    """Some signals at once, others when they are chosen, too many are counted."""
    explorer = Explorer(run(tmp_path, **{f"grad_norm/{part}": 1.0 for part in range(9)}), {})
    first = drawings(explorer)
    explorer.signals.value = ("lr",)
    one = drawings(explorer)
    explorer.signals.value = tuple(f"grad_norm/{part}" for part in range(9))

    assert (3, 1, MOST_PLOTS) == (first, one, drawings(explorer))
    assert "and 3 more" in explorer.plots.value


def test_nothing_chosen_says_what_to_do(tmp_path):
    """Rather than an empty space."""
    explorer = Explorer(run(tmp_path), {})
    explorer.signals.value = ()

    assert "Choose one signal" in explorer.plots.value


def test_smoothing_leaves_the_signal_pale_behind_it(tmp_path):
    """And no smoothing draws it alone."""
    explorer = Explorer(run(tmp_path), {})
    explorer.signals.value = ("loss",)
    before = explorer.plots.value.count('class="b s1"')
    explorer.smooth.value = 20

    assert (0, 1) == (before, explorer.plots.value.count('class="b s1"'))


def test_a_log_scale_where_it_is_asked_for(tmp_path):
    """The words beside it say so."""
    explorer = Explorer(run(tmp_path), {})
    explorer.signals.value = ("loss",)
    before = "log scale" in explorer.plots.value
    explorer.log.value = True

    assert (False, True) == (before, "log scale" in explorer.plots.value)


def test_zooming_to_a_finding(tmp_path):
    """Its steps alone are drawn; notes can be zoomed to as well, what was found before training cannot."""
    found = [finding(step=1000), finding(step=0), finding(step=1200, severity=Severity.NOTE)]
    explorer = Explorer(run(tmp_path, findings=found, steps=2000), {})
    places = list(explorer.zoom.options)
    explorer.signals.value = ("loss",)
    explorer.zoom.value = places[1]

    assert [WHOLE, "step 1000: G01 Exploding gradients", "step 1200: G01 Exploding gradients"] == places
    assert ">2k<" not in explorer.plots.value
    assert ">1k<" in explorer.plots.value


def test_another_run_beside_this_one(tmp_path):
    """It is read when it is chosen, once; one that cannot be read is said."""
    asked = []

    def read():
        asked.append(1)
        return run(tmp_path)

    def refuse():
        raise StoreError("`folder` is not that of a run")

    explorer = Explorer(run(tmp_path), {"other": read, "broken": refuse})
    explorer.signals.value = ("loss",)
    assert not asked
    explorer.other.value = "other"
    explorer.signals.value = ("loss", "lr")

    assert [1] == asked
    assert ["this run", "other"] * 2 == re.findall(r'class="k s\d" title="([^"]*)"', explorer.plots.value)
    explorer.other.value = "broken"
    assert "is not that of a run" in explorer.plots.value
    assert 2 == drawings(explorer)


def test_samples_are_paged_through(tmp_path):
    """Those with pictures come first; after the last comes the first."""
    faults = [Fault(3, "raises", "no file"), Fault(4, "non-finite", "input holds NaN", picture=PNG)]
    explorer = Explorer(run(tmp_path, *faults), {})
    first = explorer.sample.value
    explorer.next.click()
    second = explorer.sample.value
    explorer.next.click()

    assert "sample 4" in first
    assert "data:image/png;base64," in first
    assert "sample 3, raises, in epoch 1<br>no file" in second
    assert first == explorer.sample.value


def test_a_run_without_anything_has_an_explorer(tmp_path):
    """A training that broke off at once."""
    empty = SimpleNamespace(history=epochs([]), findings=[], quarantine=Quarantine())
    explorer = Explorer(empty, {})

    assert [] == names_of(empty.history)
    assert "Choose one signal" in explorer.plots.value


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, sorted(name for name, _ in attrs)))


def test_nothing_from_outside_becomes_a_tag(tmp_path):
    """Names of signals and runs, what was found, indices and reasons."""

    def pages(word):
        found = [finding(step=10, title=word, says=word, code=word)]
        made = run(tmp_path / str(len(word)), Fault(word, word, word, picture=PNG), findings=found, **{word: 1.0})
        explorer = Explorer(made, {word: lambda: made}, word)
        explorer.signals.value = (word,)
        return Tags(explorer.plots.value).tags + Tags(explorer.sample.value).tags

    assert pages("word") == pages(EVIL)


def test_a_run_read_back_can_be_explored(tmp_path):
    """With the others of its store to lay beside it."""
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        Journal(folder / "journal.jsonl").append("start", epochs=1)
        write_tables(folder, history())
    view = open_run(tmp_path / "a").explore(tmp_path / "b")

    assert any('title="b"' in str(getattr(child, "value", "")) for child in view.children)


def test_without_ipywidgets_the_way_out_is_said(tmp_path, monkeypatch):
    """A line to type."""
    monkeypatch.setitem(sys.modules, "ipywidgets", None)

    with pytest.raises(ImportError, match="pip install ipywidgets"):
        Explorer(run(tmp_path), {})


def test_without_widgets_the_plots_are_shown(tmp_path):
    """A saved notebook on the web has no kernel to answer widgets: what was drawn first is beside them."""
    explorer = Explorer(run(tmp_path), {})
    bundle = explorer.view._repr_mimebundle_()

    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} == set(bundle)
    assert explorer.plots.value in bundle["text/html"]
