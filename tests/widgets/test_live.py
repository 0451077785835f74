"""One live output a run: renewed in place, true to the end, and never in the way of the training."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from autofix_nb.widgets.live import READ_SECONDS, Live, show_in_notebook
from autofix_nb.widgets.throttle import LEAST_SECONDS
from tests.widgets.scenes import Clock, Shown, find, history_of, row_of, run_of


class Sight:
    """A live output with a front end and a clock of its own."""

    def __init__(self, run, show=None):
        self.run, self.clock, self.shown = run, Clock(), Shown()
        self.live = Live(show or self.shown, clock=self.clock)
        self.live.watch(run)

    def step(self, done, seconds=1.0):
        self.clock.now += seconds
        self.run.step_count += 1
        self.live.step(done, 0.5)


@pytest.fixture
def sight():
    return Sight(run_of(history_of(np.linspace(2, 1, 100))))


def test_there_is_one_output_however_often_it_is_renewed(sight):
    """Text and HTML, in place."""
    sight.live.begin(1, 10, 100, 0)
    for done in range(20):
        sight.step(done)

    assert 1 == len(sight.shown.outputs)
    assert 21 == len(sight.shown.bundles)
    assert {"text/html", "text/plain"} == set(sight.shown.outputs[0])


def test_it_is_renewed_four_times_a_second_at_most(sight):
    """However fast the steps are."""
    sight.live.begin(1, 10, 1000, 0)
    for done in range(1000):
        sight.step(done, seconds=LEAST_SECONDS / 50)

    assert 20 == pytest.approx(len(sight.shown.bundles), abs=1)


def test_it_tells_where_the_run_is(sight):
    """Epoch, step and what was said, findings before other sentences where they are newer."""
    sight.live.say("Loss: cross-entropy.")
    sight.live.begin(3, 10, 50, 0)
    find(sight.run, "L01", 90)
    sight.live.found("L01 at step 90: the loss rose.")
    sight.step(10)
    html = sight.shown.html

    assert "epoch 3 of 10 · step 101 of 200" in html
    assert f"PAUSE, SAVE or STOP in {Path('runs/leaves')}." in html  # for a page that was loaded anew
    assert "Loss: cross-entropy." in html
    assert "Learning rate too high: the loss rose." in html
    assert "L01 at step 90" not in html


def test_what_is_done_on_the_side_is_shown_until_the_next_step(sight):
    """With how far it is."""
    sight.live.begin(1, 10, 100, 0)
    sight.clock.now += 1
    sight.live.aside("trying a rate of 3e-4", 120, 200)

    assert "Trying a rate of 3e-4: 120 of 200 steps." in sight.shown.html
    assert 'style="width:60.0%"' in sight.shown.html
    sight.step(1)
    assert "Trying" not in sight.shown.html


def test_a_pause_is_shown_until_it_goes_on(sight):
    """With what lets it go on: the view must not tell of what was done before."""
    sight.live.begin(1, 10, 100, 0)
    sight.live.aside("looking before the training", 1, 2)
    sight.clock.now += 1
    sight.live.paused(1200)

    assert "Paused at step 1,200; press Go on, or remove the file PAUSE." in sight.shown.html
    sight.step(1)
    assert "Paused" not in sight.shown.html


def test_after_the_last_batch_it_is_validating(sight):
    """Until the epoch's row comes."""
    sight.live.begin(1, 10, 5, 0)
    sight.step(5)
    assert "epoch 1 of 10, validating" in sight.shown.html
    sight.clock.now += 1
    sight.live.epoch(row_of(1, 100), 10)

    assert "validating" not in sight.shown.html
    assert "epoch  1/10 · loss 1.0000" in sight.shown.html


def test_a_stream_without_a_length_counts_epochs(sight):
    """Its share moves from epoch to epoch."""
    sight.live.begin(2, 4, None, 0)
    sight.step(7)
    assert 'style="width:25.0%"' in sight.shown.html
    sight.clock.now += 1
    sight.live.epoch(row_of(2, 100), 4)

    assert 'style="width:50.0%"' in sight.shown.html


def test_slow_steps_are_read_now_and_then(sight):
    """Where no hand-over came for a while; not at each step, as reading waits for the device."""
    read = []
    sight.run.read_back = lambda: read.append(sight.clock.now)
    sight.live.begin(1, 10, 100, 0)
    for done in range(40):
        sight.step(done, seconds=READ_SECONDS / 4)

    assert 10 == pytest.approx(len(read), abs=1)
    assert min(np.diff(read)) >= READ_SECONDS


def test_fast_steps_are_never_read(sight):
    """The hand-overs come often enough."""
    sight.run.read_back = lambda: pytest.fail("nobody asked for it")
    sight.live.begin(1, 10, 100, 0)
    for done in range(40):
        sight.run.history.record(200 + done, loss=1.0)
        sight.step(done)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("finished", "Finished at step 100."),
        ("stopped", "Stopped by you at step 100."),
        ("interrupted", "Interrupted at step 100."),
        ("failed", "Failed at step 100: RuntimeError: oh no."),
    ],
)
def test_the_last_view_is_true(sight, status, expected):
    """It is drawn whenever the last one was, says how it ended, and has all that was said."""
    sight.live.begin(1, 10, 100, 0)
    sight.live.say("a sentence that came too soon to be drawn")
    sight.run.status = status
    sight.run.controls.stop = "the stop button was pressed" if status == "stopped" else None
    sight.run.journal.append("error", error="RuntimeError: oh no\nand more")
    sight.live.close("leaves: over.\nKept in runs/leaves.")

    assert expected in sight.shown.html
    assert "Kept in runs/leaves." in sight.shown.html
    assert "What was said on the way (1 lines)" in sight.shown.html
    assert "so far" not in sight.shown.html
    assert "reload" not in sight.shown.html
    assert "left." not in sight.shown.html
    assert "leaves: over.\nKept in runs/leaves." == sight.shown.bundles[-1]["text/plain"]


def test_a_picture_comes_last_and_once(sight, monkeypatch):
    """As an output of its own, which the web shows; the run is told in which cell."""
    monkeypatch.setattr("autofix_nb.widgets.live.cell", lambda: 7)
    sight.live.begin(1, 10, 100, 0)
    sight.run.status, sight.run.run.picture = "finished", b"png"
    sight.live.close("over")
    sight.live.close("over")

    assert [{"text/html", "text/plain"}, {"image/png", "text/plain"}] == [set(one) for one in sight.shown.outputs]
    assert "cG5n" == sight.shown.outputs[1]["image/png"]
    assert 7 == sight.run.run.shown_in


def test_a_run_that_never_began_shows_nothing(sight):
    """Such as one that was refused at once."""
    sight.run.status = "new"
    sight.live.close("")

    assert [] == sight.shown.bundles


def test_a_run_that_was_refused_after_its_first_words_says_so(sight):
    """Else its output would get ready for ever."""
    sight.live.say("The earlier run of this name is kept elsewhere.")
    sight.run.status, sight.run.step_count = "new", 0
    sight.live.close("")

    assert "It did not begin." in sight.shown.html
    assert "Getting ready" not in sight.shown.html


def test_a_run_that_was_finished_before_is_shown_as_it_ended(sight):
    """Nothing is trained, and what there is is seen."""
    sight.run.status = "finished"
    sight.live.close("leaves: finished.\nNothing was trained.")

    assert "Nothing was trained." in sight.shown.html


@pytest.mark.parametrize("broken", ["show", "history"])
def test_drawing_never_stops_a_training(sight, broken, capsys):
    """What fails is written down once, and it goes on as text."""

    def fail(*_):
        raise ValueError("<no> front end")

    sight = Sight(sight.run, fail if broken == "show" else None)
    if broken == "history":
        sight.run.history.series = fail
    sight.live.say("Resumed.")
    sight.live.begin(1, 10, 100, 0)
    for done in range(5):
        sight.step(done, seconds=READ_SECONDS)
    sight.live.epoch(row_of(1, 100), 10)
    sight.live.found("L01 at step 5.")
    sight.live.aside("trying", 1, 2)
    sight.run.status = "finished"
    sight.live.close("over")
    notes = [entry["text"] for entry in sight.run.journal.entries("note")]
    printed = capsys.readouterr().out.splitlines()

    assert ["the live view could not be drawn (ValueError: <no> front end); it goes on as text"] == notes
    assert ["Resumed.", "L01 at step 5.", "over"] == [
        line for line in printed if line in ("Resumed.", "L01 at step 5.", "over")
    ]
    assert any(line.startswith("epoch  1/10  loss 1.0000") for line in printed)


def test_what_reading_raises_is_no_matter_of_drawing(sight):
    """The loop looks into bad numbers there, and may have to end the training."""

    def fail():
        raise RuntimeError("the numbers went bad")

    sight.run.read_back = fail
    sight.live.begin(1, 10, 100, 0)
    sight.step(1)
    with pytest.raises(RuntimeError, match="the numbers went bad"):
        sight.step(2, seconds=READ_SECONDS)


def test_before_and_after_a_run_it_is_text(sight, capsys):
    """`af.load` says one sentence, and has no run to show; what is said after the end needs a line of its own."""
    Live(sight.shown).say("Loaded.")
    sight.run.status = "finished"
    sight.live.close("")
    sight.live.say("Released.")

    assert "Loaded.\nReleased.\n" == capsys.readouterr().out


def test_a_notebook_is_shown_by_one_handle(monkeypatch):
    """Raw bundles, by the front end's own display; they are copies."""
    calls = []
    handle = SimpleNamespace(update=lambda bundle, raw: calls.append(("update", bundle, raw)))

    def display(bundle, raw, display_id):
        calls.append(("display", bundle, raw, display_id))
        return handle

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    bundle = {"text/plain": "x"}

    assert handle is show_in_notebook(bundle)
    assert handle is show_in_notebook(bundle, handle)
    assert [("display", bundle, True, True), ("update", bundle, True)] == calls
