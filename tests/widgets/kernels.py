"""A front end without a browser: it runs cells in a real kernel, and clicks on buttons while they run."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 90.0
"""Seconds to wait for what must come; a first import of torch is among it."""


class OtherPython(KernelManager):
    """Starts the kernel of another Python, which finds this package and the tests."""

    python = ""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [self.python, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        env = {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        }
        return KernelSpec(argv=argv, display_name="Python 3", language="python", env=env)


class FrontEnd:
    """Keeps every message that the kernel published, in order."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.published: list[dict[str, Any]] = []
        self.subshell: str | None = None

    def execute(self, code: str) -> str:
        """Ask for a cell, as a front end at which somebody sits; returns the id of the request."""
        return self.client.execute(code, allow_stdin=True)

    def make_subshell(self) -> None:
        """As JupyterLab does when a comm is opened: clicks are sent to a shell of their own."""
        message = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(message)
        self.subshell = self.client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"]

    def click(self, comm_id: str) -> None:
        """Send what a click on a button sends."""
        data = {"method": "custom", "content": {"event": "click"}}
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def wait(self, fits: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Return the first published message that fits, old or new.

        Raises:
            AssertionError: when none comes; with what was printed.
        """
        for message in self.published:
            if fits(message):
                return message
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=1.0)
            except queue.Empty:
                continue
            self.published.append(message)
            if fits(message):
                return message
        raise AssertionError(f"{what} did not come; the kernel said:\n{self.printed()}")

    def wait_for_text(self, text: str, cell: str) -> None:
        """Wait until a cell has printed a text."""
        self.wait(lambda message: text in self.printed(cell), f"{text!r} in {cell!r}")

    def wait_for_end(self, cell: str) -> None:
        """Wait until a cell is over."""

        def is_end(message: dict[str, Any]) -> bool:
            over = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            return over and message["parent_header"].get("msg_id") == cell

        self.wait(is_end, f"the end of {cell!r}")

    def printed(self, cell: str | None = None) -> str:
        """Return what a cell (or all) has printed so far, errors too."""
        texts = []
        for message in self.published:
            if cell in (None, message["parent_header"].get("msg_id")):
                content = message["content"]
                texts.append(content.get("text", "") + "\n".join(content.get("traceback", ())))
        return "".join(texts)

    def opened(self) -> dict[str, dict[str, Any]]:
        """Return the state that each comm was opened with, by its id."""
        return {
            one["content"]["comm_id"]: one["content"]["data"]["state"]
            for one in self.published
            if one["msg_type"] == "comm_open"
        }

    def closed(self) -> set[str]:
        """Return the ids of the comms that were closed."""
        return {one["content"]["comm_id"] for one in self.published if one["msg_type"] == "comm_close"}

    def buttons(self) -> dict[str, str]:
        """Return the comm of each button by its text."""
        return {
            state["description"]: comm_id
            for comm_id, state in self.opened().items()
            if state.get("_model_name") == "ButtonModel"
        }


@contextmanager
def front_end(python: Path, folder: Path) -> Iterator[FrontEnd]:
    """Start a kernel in `folder`, and end it."""
    manager = OtherPython()
    manager.python = str(python)
    manager.start_kernel(cwd=str(folder))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield FrontEnd(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
