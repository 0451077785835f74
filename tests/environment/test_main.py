"""The command starts by its path, with the standard library alone."""

import os
import subprocess
import sys
from pathlib import Path

import autofix_nb

START = Path(autofix_nb.__file__).parent / "environment" / "__main__.py"


def test_nothing_need_be_installed(tmp_path):
    """Without site-packages, and with a torch that does not import, the plan is to install the project."""
    (tmp_path / "torch.py").write_text("raise ImportError('none yet')\n", "utf-8")
    around = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", "-S", str(START), "plan"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=around)

    assert (0, "") == (done.returncode, done.stderr)
    assert "change\tautofix_nb is not installed" in done.stdout
    assert "pip\tinstall\t--editable\t.\n" in done.stdout


def test_nothing_stands_in_for_the_package_afterwards():
    """What the command imports later under the package's name is the package."""
    code = (
        "import runpy, sys; "
        f"runpy.run_path({str(START)!r})['load_command'](); "
        "print([name for name in sys.modules if name.startswith('autofix_nb')])"
    )

    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
