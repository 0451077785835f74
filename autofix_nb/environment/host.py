"""Where this code runs.

Kaggle's image is built from Colab's, so Kaggle is asked for first; the modules and variables of Colab are true on both,
the class of the running shell is not (Kaggle/kagglehub#230). A kernel that VS Code starts knows `VSCODE_PID`, in a
container or below WSL `VSCODE_CWD` alone (holoviz/panel#5200), and holds the notebook's path in a variable; the
terminals of VS Code take both variables away, so a JupyterLab started there does not have them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

NOTEBOOK_HOSTS = ("kaggle", "colab")

# Colab and Kaggle run on exactly these: another version ends the session, so they are never installed there.
NOTEBOOK_STACK = frozenset([
    "comm", "debugpy", "google-colab", "ipykernel", "ipython", "ipywidgets", "jupyter-client",
    "jupyter-core", "jupyter-server", "jupyterlab", "jupyterlab-widgets", "notebook", "prompt-toolkit",
    "pyzmq", "tornado", "traitlets", "widgetsnbextension",
])  # fmt: skip


def host(environ: Mapping[str, str] | None = None, shell: object | None = None) -> str:
    """Where this code runs: `kaggle`, `colab`, `vscode`, `jupyter` or `terminal`."""
    environ = os.environ if environ is None else environ
    if shell is None and "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
    shell_class = f"{type(shell).__module__}.{type(shell).__name__}"
    if "KAGGLE_KERNEL_RUN_TYPE" in environ:
        return "kaggle"
    if "google.colab" in shell_class:
        return "colab"
    if "ZMQ" not in shell_class:
        return "terminal"
    names = getattr(shell, "user_ns", None) or {}
    if "VSCODE_PID" in environ or "VSCODE_CWD" in environ or "__vsc_ipynb_file__" in names:
        return "vscode"
    return "jupyter"


def cell() -> int | None:
    """The number of the cell that runs; None where there are no cells."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "execution_count", None)


def host_of_script(environ: Mapping[str, str] | None = None) -> str:
    """The host as seen by a script that a cell started with `!`: there is no shell object to look at."""
    environ = os.environ if environ is None else environ
    found = host(environ)
    return "colab" if found == "terminal" and "COLAB_RELEASE_TAG" in environ else found
