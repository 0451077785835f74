"""Kernels of other versions, each in an environment of its own that is made once and kept.

Torch, NumPy and the rest come from the environment that runs the tests, by a line in a .pth file: what is installed in
the kernel's own environment goes before it, so only the notebook's stack is another.

`python -m tests.environments NAME` makes one and prints its Python.
"""

import os
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("AUTOFIX_NB_ENVIRONMENTS", Path.home() / ".cache" / "autofix_nb" / "environments"))
"""Where they are kept, about 150 MB each, and 500 MB for that of the browser tests."""

STACKS = {
    # What Colab's image of August 2026 holds (googlecolab/backend-info a724079).
    "colab": [
        "ipykernel==6.17.1", "ipywidgets==7.7.1", "ipython==7.34.0", "jupyter_client==7.4.9", "tornado==6.5.1",
        "traitlets==5.7.1", "setuptools",
    ],
    "ipykernel-6.31": ["ipykernel==6.31.0", "ipywidgets"],
    "ipykernel-7.3": ["ipykernel==7.3.0", "ipywidgets"],
    "newest": ["ipykernel", "ipywidgets"],
    "browser": ["jupyterlab>=4.4", "notebook>=7.4", "ipykernel", "ipywidgets", "playwright"],
}  # fmt: skip
"""What is installed in each; the rest is what pip finds for it."""

MINUTES = 10
"""Time that pip may take."""


def made(name: str) -> Path:
    """Return the Python of an environment, made if it is not there.

    Raises:
        OSError: when pip cannot install what is wanted; with what it said last.
    """
    folder = CACHE / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "made.txt"
    shared = str(Path(find_spec("torch").origin).parent.parent)  # the same, whichever of them runs the tests
    wanted = "\n".join([*STACKS[name], shared])
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *STACKS[name]]
    pip = subprocess.run(command, capture_output=True, text=True, timeout=60 * MINUTES, check=False)
    if pip.returncode:
        raise OSError(f"the environment {name!r} cannot be made: {pip.stderr.strip().splitlines()[-1:]}")
    # Only now: pip would take what it sees there for installed.
    path = next(folder.glob("lib/python*/site-packages")) / "shared.pth"
    path.write_text(f"{shared}\n", encoding="utf-8")
    done.write_text(wanted, encoding="utf-8")
    return python


def python_of(name: str) -> Path:
    """Return the Python of an environment; skips the test where it cannot be made."""
    try:
        return made(name)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(str(error))


if __name__ == "__main__":
    print(made(sys.argv[1]))
