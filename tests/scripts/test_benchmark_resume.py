"""The comparison of resumed trainings kills real processes; ours is the one that must come out unharmed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "benchmark_resume"


def compared(folder, *arms):
    """Return what was printed, and the numbers."""
    file = folder / "numbers.json"
    command = [sys.executable, str(SCRIPT), "--arms", *arms, "--json", str(file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text(encoding="utf-8"))["results"]


@pytest.mark.slow
def test_ours_is_the_same_training(tmp_path):
    """Order, augmentation and weights to the last bit, and no sample of the epoch is missed or seen twice."""
    printed, numbers = compared(tmp_path, "autofix_nb")

    ours = numbers["autofix_nb"]
    assert [True, True, True] == [ours[what] for what in ("order", "augmentation", "weights")]
    assert (0.0, 0, 0) == (ours["difference"], ours["missed"], ours["repeated"])
    assert 0 <= ours["lost"] <= 27
    assert any(line.split()[2:5] == ["yes", "yes", "yes"] for line in printed.splitlines() if line[:7] == "autofix")


@pytest.mark.slow
def test_a_plain_loop_is_another_training_and_who_is_not_installed_is_said(tmp_path):
    """The comparison can tell the difference: a plain loop draws other numbers after the kill."""
    printed, numbers = compared(tmp_path, "plain loop", "Lightning")

    assert [False, False] == [numbers["plain loop"][what] for what in ("augmentation", "weights")]
    assert 17 == numbers["plain loop"]["lost"]
    assert ("Lightning" in numbers) != ("Lightning is left out: not installed: lightning" in printed)
