"""The panel: which buttons stand there, what they ask for, and that nothing of it stays."""

from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import pytest

from autofix_nb.loop.requests import Requests, Wish
from autofix_nb.widgets import controls, make_panel
from autofix_nb.widgets.clicks import kernel_here
from autofix_nb.widgets.controls import BUTTONS, NoPanel, Panel


class FakeKernel:
    """Keeps the relays that were put in the place of the buttons' comms."""

    def __init__(self, *, allow_stdin: bool = True) -> None:
        self.relays = []
        self.comm_manager = SimpleNamespace(register_comm=self.relays.append)
        self._parent = {"content": {"allow_stdin": allow_stdin}}

    def get_parent(self, channel):
        return self._parent

    def click(self, place: int) -> None:
        self.relays[place].handle_msg({"content": {"data": {"method": "custom", "content": {"event": "click"}}}})


@pytest.fixture
def shown(monkeypatch):
    """Collects what is displayed, and what each display is changed to."""
    seen = []

    def display(bundle, **_):
        seen.append(bundle)
        return SimpleNamespace(update=lambda bundle, **_: seen.append(bundle))

    monkeypatch.setattr("IPython.display.display", display)
    return seen


@pytest.fixture
def panel(shown, monkeypatch):
    """Return a panel that is shown, its kernel and its requests; clicks arrive once `clicks.is_open`."""
    kernel, requests = FakeKernel(), Requests()
    clicks = SimpleNamespace(is_open=True, look=lambda: None)
    monkeypatch.setattr(controls, "clicks_to", lambda kernel, relays: clicks)

    def show(is_open=True, may_click=True, folder="runs/a"):
        clicks.is_open = is_open
        made = Panel(requests, Path(folder), kernel, may_click=may_click)
        made.show()
        return made

    yield SimpleNamespace(show=show, kernel=kernel, requests=requests, clicks=clicks, shown=shown)
    ipywidgets.Widget.close_all()


def names(panel):
    return [button.description for button in panel._row.children]


def test_each_button_asks_for_what_it_says(panel):
    """A click only sets a flag; the loop answers after the step."""
    panel.show()
    asked = []
    for place, name in enumerate(BUTTONS):
        panel.kernel.click(place)
        asked.append((name, panel.requests.is_paused, panel.requests.stop_reason is not None, panel.requests.taken()))

    assert [
        ("pause", True, False, []),
        ("go_on", False, False, []),
        ("stop", False, True, []),
        ("save", False, True, [Wish.SAVE]),
        ("lower_rate", False, True, [Wish.LOWER_RATE]),
        ("undo_fix", False, True, [Wish.UNDO_FIX]),
    ] == asked


def test_only_a_click_is_taken_for_one(panel):
    """Other messages of a front end ask for nothing."""
    panel.show()
    for data in ({}, {"method": "update", "state": {}}, {"method": "custom", "content": {"event": "focus"}}):
        panel.kernel.relays[0].handle_msg({"content": {"data": data}})

    assert panel.requests.is_empty


def test_while_it_waits_the_first_button_lets_it_go_on(panel):
    """Pause and Go on stand in the same place; the line says where it waits."""
    made = panel.show()
    assert "Pause" == names(made)[0]

    made.show_paused("Paused at step 10 of <b>.")

    assert "Go on" == names(made)[0]
    assert "Pause" not in names(made)
    assert "Paused at step 10 of &lt;b&gt;." in made._line.value
    made.show_running()
    assert "Pause" == names(made)[0]


def test_no_trait_of_a_button_changes_once_it_was_shown(panel):
    """ipykernel 7.4 takes a change for a reason to send the button's clicks to the busy shell."""
    made, sent = panel.show(), []
    for button in made._buttons.values():
        button.observe(sent.append)

    for act in (lambda: made.show_paused("here"), made.look, made.show_running, lambda: panel.kernel.click(0)):
        act()

    assert [] == sent


def test_no_dead_buttons(panel):
    """Until clicks are known to arrive, only a line says what works instead; then the buttons come."""
    made = panel.show(is_open=False)
    made.look()
    assert [] == names(made)
    assert "PAUSE, SAVE or STOP in runs/a" in made._line.value

    panel.clicks.is_open = True
    made.look()

    assert 5 == len(names(made))
    assert "PAUSE" not in made._line.value


def test_where_clicks_were_seen_to_wait_there_is_a_line_and_no_widget(panel):
    """Text of the user's in it is escaped."""
    panel.show(may_click=False, folder="runs/<script>")

    assert ["text/plain", "text/html"] == list(panel.shown[0])
    assert "runs/&lt;script&gt;" in panel.shown[0]["text/html"]
    assert [] == panel.kernel.relays


@pytest.mark.parametrize("may_click", [True, False])
def test_nothing_of_it_stays(panel, may_click):
    """Each widget is closed, parts too, and the output is empty."""
    made = panel.show(may_click=may_click)
    widgets = [*made._buttons.values(), made._row, made._line, made._box] if may_click else []
    parts = [part for one in widgets for part in (one, one.layout, getattr(one, "style", one))]
    assert all(part.comm is not None for part in parts)
    for call in (made.close, made.close, made.look, lambda: made.show_paused("late")):
        call()

    assert {"text/plain": ""} == panel.shown[-1]
    assert 2 == len(panel.shown)
    assert all(part.comm is None for part in parts)


@pytest.mark.parametrize("allow_stdin", [True, False])
def test_where_nobody_can_answer_nobody_clicks(monkeypatch, allow_stdin):
    """nbclient and papermill allow no input: their runs get no widget, and their notebooks no widget state."""
    kernel = FakeKernel(allow_stdin=allow_stdin)
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))

    assert (kernel if allow_stdin else None) is kernel_here()


@pytest.mark.parametrize(
    ("show", "host", "expected"),
    [
        ("auto", "jupyter", Panel),
        ("auto", "terminal", NoPanel),
        ("none", "jupyter", NoPanel),
        ("text", "colab", NoPanel),
    ],
)
def test_who_gets_a_panel(monkeypatch, show, host, expected):
    """Whoever sits at a notebook and did not ask for silence or text."""
    monkeypatch.setattr(controls, "host", lambda: host)
    monkeypatch.setattr(controls, "kernel_here", FakeKernel)

    assert expected is type(make_panel(show, Requests(), Path("runs/a")))
