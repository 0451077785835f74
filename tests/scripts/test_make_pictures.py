"""`scripts/make_pictures`: what it needs is said, before anything is trained."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_pictures"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [([], 1, "pip install playwright"), (["nothing"], 2, "wanted some of live, live-dark, report, explore")],
    ids=["no-browser", "no-such-picture"],
)
def test_what_is_missing_is_said(arguments, status, said, tmp_path):
    """In a line, with the way out."""
    (tmp_path / "playwright.py").write_text("raise ImportError('it is not installed')")
    starter = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = {[str(SCRIPT), *arguments]!r}; "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=False, timeout=120)

    assert status == done.returncode
    assert said in done.stdout + done.stderr
