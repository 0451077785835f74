"""A notebook in a real browser: where things are on the page, in one place, for JupyterLab 4 and Notebook 7 alike."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
TOKEN = "only-for-this-test"  # noqa: S105 - of a server that lives as long as one test

PATIENCE = 90_000
"""Milliseconds to wait for what must come."""

WIDTH, HEIGHT = 1280, 1000

CELL = ".jp-Notebook .jp-CodeCell"
OUTPUT = ".jp-OutputArea-output"
BUTTON = "button.jupyter-button"
VIEW = ".afl"
STATE = f"{VIEW} .top b"
HINT = f"{VIEW} .hint"
PLOT = f"{VIEW} svg"

PATHS = {"lab": "/lab/tree/", "notebook": "/notebooks/"}
"""Where the notebook's page is, by front end."""

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
"""No questions of the front end's own, and every cell on the page."""

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


@contextmanager
def server(front_end: str, folder: Path, theme: str = "light", kernel: Path | None = None) -> Iterator[str]:
    """Serve the notebooks of `folder`; yields the address. Nothing of the user's own settings is read or written.

    `kernel` is the Python that runs the cells, by default this one.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = folder.with_name(f"{folder.name}-settings")
    theme_settings = {"@jupyterlab/apputils-extension/themes": {"theme": THEMES[theme]}}
    for name, settings in (SETTINGS | theme_settings).items():
        path = own / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")
    spec = {"argv": [str(kernel or sys.executable), "-m", "ipykernel_launcher", "-f", "{connection_file}"]}
    path = own / "kernels" / "python3" / "kernel.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(spec | {"display_name": "Python 3", "language": "python"}), encoding="utf-8")
    env = dict(os.environ) | {
        "JUPYTER_PATH": str(own),
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    module = {"lab": "jupyterlab", "notebook": "notebook"}[front_end]
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1"]
    with (own / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _asked(f"{address}/api/status") is not None, (own / "server.log").read_text)
        yield address
    finally:
        for kernel in _asked(f"{address}/api/kernels") or ():
            _asked(f"{address}/api/kernels/{kernel['id']}", "DELETE")
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class NotebookPage:
    """One notebook, opened by one reader."""

    def __init__(self, page: Any, address: str, front_end: str, name: str) -> None:
        self.page = page
        self.kernels = f"{address}/api/kernels"
        self.url = f"{address}{PATHS[front_end]}{name}?token={TOKEN}"
        page.set_default_timeout(PATIENCE)

    def open(self) -> None:
        """Go there (or again), and wait for the cells and a kernel that answers."""
        self.page.goto(self.url)
        self.page.wait_for_selector(f"{CELL} .cm-content")
        _until(lambda: any(one["execution_state"] in ("idle", "busy") for one in _asked(self.kernels) or ()))
        self.page.wait_for_timeout(3000)  # the page has no sign by which it says that it knows its kernel

    def cell(self, text: str) -> Any:
        """Return the first code cell whose code holds this text."""
        return self.page.locator(CELL).filter(has=self.page.locator(".cm-content", has_text=text)).first

    def run(self, text: str) -> None:
        """Run that cell."""
        self.cell(text).locator(".cm-content").first.click()
        self.page.keyboard.press("Shift+Enter")

    def output(self, cell: str) -> Any:
        """Return the outputs of a cell."""
        return self.cell(cell).locator(OUTPUT)

    def text(self, cell: str) -> str:
        """Return what the outputs of a cell say."""
        return "\n".join(self.output(cell).all_inner_texts())

    def button(self, name: str) -> Any:
        """Return a button of the panel."""
        return self.page.locator(BUTTON, has_text=name).first

    def wait_for_text(self, cell: str, text: str) -> None:
        """Wait until the outputs of a cell say this."""
        self.output(cell).filter(has_text=text).first.wait_for()

    def save(self) -> None:
        """Save the notebook."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        self.page.wait_for_timeout(1500)

    def wait_for_end(self, cell: str) -> None:
        """Wait until a cell has run: clicks make the kernel look idle, its number does not lie."""
        self.cell(cell).locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).wait_for()

    def interrupt(self, cell: str) -> None:
        """Press the stop button, by its key."""
        self.cell(cell).locator(".cm-content").first.click()
        for key in ("Escape", "i", "i"):
            self.page.keyboard.press(key)


def _asked(url: str, method: str = "GET") -> Any:
    """Return the server's answer as plain values; None where it gives none."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {TOKEN}"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the server of this test
            return json.loads(answer.read() or b"{}")
    except OSError:
        return None


def _until(holds: Any, why: Any = lambda: "") -> None:
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end, f"it did not come: {why()}"
        time.sleep(0.2)
