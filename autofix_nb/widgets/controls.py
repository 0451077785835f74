"""Buttons above the live view, while the cell runs: ipywidgets 7.7 and 8.1, shown only where a click arrives.

A click sets a flag of the run's requests, and the loop answers after the step. No trait of a button changes after it
was made: ipykernel 7.4 takes that for a reason to send its clicks elsewhere. The row's own children change instead.
"""

import importlib.util
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Protocol

from autofix_nb.environment import host
from autofix_nb.widgets.clicks import Relay, ShellClicks, SubshellClicks, clicks_to, kernel_here

BUTTONS = {
    "pause": ("Pause", "pause", "Wait after this step, saved, until you press Go on"),
    "go_on": ("Go on", "play", "Train on from the step where it waits"),
    "stop": ("Stop and save", "stop", "End after this step, saved; run the cell again to go on"),
    "save": ("Save now", "save", "Save after this step, and train on"),
    "lower_rate": ("Halve the rate", "arrow-down", "Halve the learning rate from the next step on"),
    "undo_fix": ("Undo last fix", "undo", "Take back the newest change in force; it is not made again by itself"),
}
"""By the name of the request: what stands on the button, its icon (Font Awesome 4), and what pressing it does."""

HINT = "■ stops and saves, too; run the cell again to go on."

UNCLICKABLE = ("vscode",)
"""Hosts whose clicks were seen to wait for the cell's end in kernels where others' arrive (vscode-jupyter#17360)."""


class Asked(Protocol):
    """What the buttons set: the run's requests. Each method is named as its button."""

    def pause(self) -> None: ...
    def go_on(self) -> None: ...
    def stop(self) -> None: ...
    def save(self) -> None: ...
    def lower_rate(self) -> None: ...
    def undo_fix(self) -> None: ...


def without_buttons(folder: Path) -> str:
    """Return in words what does the same as the buttons."""
    return (
        f"The stop button (■) saves: run the cell again to go on. Or make a file named PAUSE, SAVE or STOP in {folder}."
    )


class NoPanel:
    """Where nobody watches, or nothing can be shown."""

    def show(self) -> None:
        """Show it, before the training begins."""

    def look(self) -> None:
        """Between two steps: fetch the clicks that wait."""

    def show_paused(self, text: str) -> None:
        """The training waits; `text` says where, and how it goes on."""

    def show_running(self) -> None:
        """It goes on."""

    def close(self) -> None:
        """Take the panel away; nothing of it stays in the notebook but an empty output."""


class Panel(NoPanel):
    """A row of buttons and a line of text, in one display."""

    def __init__(self, requests: Asked, folder: Path, kernel: Any, *, may_click: bool) -> None:
        self._requests, self._folder, self._kernel = requests, folder, kernel
        self._may_click = may_click
        self._clicks: ShellClicks | SubshellClicks | None = None
        self._handle: Any = None
        self._buttons: dict[str, Any] = {}
        self._row = self._line = self._box = None
        self._is_open = self._is_paused = False

    def show(self) -> None:
        """Make the buttons, and show those that work here."""
        from IPython.display import display

        if self._handle is not None:
            return
        if not self._may_click:
            text = self._instead()
            page = f'<small class="af-said">{escape(text)}</small>'
            self._handle = display({"text/plain": text, "text/html": page}, raw=True, display_id=True)
            return
        import ipywidgets

        auto = ipywidgets.Layout(width="auto")
        relays = {}
        for name, (text, icon, tip) in BUTTONS.items():
            button = ipywidgets.Button(description=text, icon=icon, tooltip=tip, layout=auto)
            relay = Relay(button.comm.comm_id, self._sets(name))
            self._kernel.comm_manager.register_comm(relay)
            self._buttons[name], relays[relay.comm_id] = button, relay
        self._clicks = clicks_to(self._kernel, relays)
        self._is_open = self._clicks is not None and self._clicks.is_open
        self._line = ipywidgets.HTML()
        self._row = ipywidgets.HBox(layout=ipywidgets.Layout(flex_flow="row wrap"))
        self._box = ipywidgets.VBox([self._row, self._line])
        self.show_running()
        view = {"model_id": self._box.model_id, "version_major": 2, "version_minor": 0}
        bundle = {"application/vnd.jupyter.widget-view+json": view, "text/plain": self._said()}
        self._handle = display(bundle, raw=True, display_id=True)

    def look(self) -> None:
        """Fetch the clicks that wait, and show the buttons once clicks are known to arrive."""
        if self._clicks is None:
            return
        self._clicks.look()
        if not self._is_open and self._clicks.is_open:
            self._is_open = True
            self._arrange()

    def show_paused(self, text: str) -> None:
        self._is_paused = True
        self._arrange(text)

    def show_running(self) -> None:
        self._is_paused = False
        self._arrange()

    def close(self) -> None:
        handle, self._handle = self._handle, None
        widgets = [*self._buttons.values(), self._line, self._row, self._box]
        self._clicks = self._line = self._row = self._box = None
        self._buttons = {}
        if handle is not None:
            handle.update({"text/plain": ""}, raw=True)
        parts = [part for one in widgets if one is not None for part in (one, one.layout, getattr(one, "style", None))]
        for part in dict.fromkeys(part for part in parts if part is not None):
            part.close()

    def _arrange(self, text: str = "") -> None:
        """Show the buttons that mean something now, and the line."""
        if self._row is None:
            return
        shown = [name for name in BUTTONS if name != ("pause" if self._is_paused else "go_on")] if self._is_open else []
        self._row.children = [self._buttons[name] for name in shown]
        self._line.value = f"<small>{escape(text or self._said())}</small>"

    def _sets(self, name: str) -> Callable[[], None]:
        """Return what a click does; it may come in any thread."""

        def set_flag() -> None:
            getattr(self._requests, name)()
            if self._line is not None and name not in ("go_on", "stop"):
                self._line.value = f"<small>{escape(BUTTONS[name][0])}: after this step.</small>"

        return set_flag

    def _said(self) -> str:
        return HINT if self._is_open else self._instead()

    def _instead(self) -> str:
        return f"Buttons wait for the cell's end in this kernel. {without_buttons(self._folder)}"


def make_panel(show: Any, requests: Asked, folder: Path) -> NoPanel:
    """Return the panel of a run: buttons in a notebook that somebody watches, and nothing elsewhere."""
    if show in ("none", "text", False) or host() == "terminal":
        return NoPanel()
    kernel = kernel_here()
    if kernel is None:
        return NoPanel()
    may_click = host() not in UNCLICKABLE and importlib.util.find_spec("ipywidgets") is not None
    return Panel(requests, folder, kernel, may_click=may_click)
