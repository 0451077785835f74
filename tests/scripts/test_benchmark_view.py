"""The benchmark of the live output runs, and prints what it promises. Its numbers are not judged here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "benchmark_view"


@pytest.mark.slow
def test_it_prints_each_way_and_both_trainings():
    """Milliseconds, bytes and ratio of each way, or that it is left out; steps a second with and without the view."""
    command = [sys.executable, str(SCRIPT), "--steps", "100", "--times", "1", "--seconds", "1", "--turns", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    ways = re.findall(r"^ +100  (.+?) {2,}.*(?: x|left out)$", done.stdout, re.MULTILINE)
    assert ["live output", "matplotlib, figure kept", "livelossplot", "fastprogress"] == ways
    assert ["silent", "live"] == re.findall(r"^  (silent|live) +[\d.]+ +[\d.]+ ms$", done.stdout, re.MULTILINE)
    assert re.search(r"drawing took [\d.]+% of the last live one's time", done.stdout)
