"""A few real kills: each is resumed from the newest checkpoint, and the run ends as if never killed, bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "prove_resume"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_runs_end_as_the_one_that_nobody_killed(tmp_path):
    """Kills inside of saves, of a trial, of a replayed change: no run is lost, none is another one afterwards."""
    file = tmp_path / "table.json"
    command = [sys.executable, str(SCRIPT), "--kills", "3", "--only", "mended on the way", "--json", str(file)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
    (row,) = json.loads(file.read_text())["training"].values()
    assert 3 == row["kills"] == row["resumed"]
    assert row["runs"] == row["identical"] > 0
    assert not row["failures"]
