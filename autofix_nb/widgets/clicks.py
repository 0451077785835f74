"""How a click reaches a kernel whose cell runs. Nothing but clicks on our own buttons is handled: they set flags.

ipykernel 6 takes one shell message after the other, so a click would wait for the cell's end. Between two steps the
shell socket is read here, in the main thread, as the kernel itself does after the cell: clicks on our buttons are taken
out, everything else (cells queued by Run all, completions, other widgets) goes to the kernel's own queue in its order,
by `Kernel.schedule_dispatch`. No message is run inside the cell, so its output, its parent and its status stay its own.

ipykernel 7 has subshells (JEP 91): JupyterLab 4.4 and Notebook 7.4 send clicks to one, which is a thread of the kernel.
ipykernel 7.4 sends a widget's messages to where the widget was made, unless its comm does not say where that was. Ours
does not: `Relay` stands in the kernel's list of comms.

A comm also runs IPython's `post_execute` at each message, where matplotlib's inline backend shows and closes the open
figures of the running cell, from another thread with ipykernel 7. `Relay` does not.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

LOOK_SECONDS = 0.25
"""Least time between two looks at the shell socket: 20 µs each where nothing has come, 1 µs at other steps."""

SUBSHELL_THREADS = "subshell-"
"""How ipykernel names the threads of its subshells."""


class Relay:
    """In the kernel's list of comms, in the place of a button's own: a click calls `on_click`, and nothing else."""

    def __init__(self, comm_id: str, on_click: Callable[[], None]) -> None:
        self.comm_id = comm_id
        self.kernel: Any = None  # the comm manager of ipykernel 6 sets it
        self._on_click = on_click

    def handle_msg(self, message: Mapping[str, Any]) -> None:
        """Take a message from the front end."""
        if is_click(message["content"]):
            self._on_click()

    def handle_close(self, message: Mapping[str, Any]) -> None:
        """The front end is gone; there is nothing to do."""


class ShellClicks:
    """Clicks by way of the shell socket of ipykernel 6."""

    def __init__(self, kernel: Any, relays: Mapping[str, Relay]) -> None:
        """`relays` by the id of their comm."""
        self._kernel, self._relays = kernel, relays
        self._next_look = 0.0

    is_open = True
    """Whether a click on a button is known to arrive."""

    def look(self) -> None:
        """Take what has come, unless the last look was a moment ago."""
        now = time.monotonic()
        if now < self._next_look or threading.current_thread() is not threading.main_thread():
            return
        self._next_look = now + LOOK_SECONDS
        import zmq  # there is one, since a kernel runs this

        socket = self._kernel.shell_stream.socket
        while socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            if not self._is_ours(frames):
                self._kernel.schedule_dispatch(self._kernel.dispatch_shell, frames)

    def _is_ours(self, frames: list[Any]) -> bool:
        """Tell whether a message is for one of our buttons; then it was handled."""
        session = self._kernel.session
        try:
            _, parts = session.feed_identities(frames, copy=False)
            header, content = (session.unpack(parts[place].bytes) for place in (1, 4))
            relay = self._relays.get(content.get("comm_id", "")) if header["msg_type"] == "comm_msg" else None
            if relay is None:
                return False
            relay.handle_msg(session.deserialize(parts, copy=False))  # raises where the signature is wrong
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return False  # the kernel says what is wrong with it
        return True


class SubshellClicks:
    """Clicks by way of a subshell of ipykernel 7, once the front end has made one."""

    @property
    def is_open(self) -> bool:
        """Whether a click on a button is known to arrive."""
        return any(thread.name.startswith(SUBSHELL_THREADS) for thread in threading.enumerate())

    def look(self) -> None:
        """Nothing: the subshell's own thread takes the clicks."""


def is_click(content: Mapping[str, Any]) -> bool:
    """Tell whether the content of a comm message is a click on a button (ipywidgets' `custom` messages)."""
    data = content.get("data") or {}
    return data.get("method") == "custom" and (data.get("content") or {}).get("event") == "click"


def kernel_here() -> Any:
    """Return the ipykernel that runs this cell for somebody who watches, else None.

    nbclient and papermill allow no input (`allow_stdin` of an execute request): nobody is there to click.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "get_parent") or not hasattr(kernel, "comm_manager"):
        return None
    content = kernel.get_parent("shell").get("content") or {}
    return kernel if content.get("allow_stdin") else None


def clicks_to(kernel: Any, relays: Mapping[str, Relay]) -> ShellClicks | SubshellClicks | None:
    """Return the way in which clicks come to this kernel; None where no way is known."""
    from ipykernel import version_info  # there is one, since it runs this

    if version_info[0] == 6 and getattr(kernel, "shell_stream", None) is not None:
        return ShellClicks(kernel, relays)
    return SubshellClicks() if version_info[0] >= 7 else None
