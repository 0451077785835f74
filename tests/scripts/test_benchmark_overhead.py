"""The benchmark of the overhead runs, and prints and writes what it promises. Its numbers are not judged here."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "benchmark_overhead"
ARMS = ("bare loop", "notebook loop", "autofix_nb", "bare loop, own Dataset", "autofix_nb, own Dataset")
RIVALS = ("Lightning", "Accelerate", "ignite")


def test_quick_run_prints_all_ratios(tmp_path):
    """Each arm has a line with its ratio on both networks; a rival has one, or a sentence says it is left out."""
    file = tmp_path / "numbers.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ), check=False)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    left_out = {name for name in RIVALS if any(line.startswith(f"{name} is not installed") for line in lines)}
    expected = {*ARMS, *RIVALS} - left_out
    results = json.loads(file.read_text(encoding="utf-8"))["results"]

    assert list(results) == ["MLP", "conv net"]
    for network in results.values():
        assert set(network) == expected
    for name in expected:
        rows = [line for line in lines if re.match(rf"{re.escape(name)} +\d+ +[+-]\d+ \[.*\] +\d+\.\d{{3}} \[", line)]

        assert len(rows) == 2, f"{name}: {done.stdout}"
    assert sum(bool(re.search(r": (not )?met$", line)) for line in lines) == 4
    assert not list(tmp_path.glob("runs*")), "the store is a temporary folder"
