"""The benchmark of the overhead runs, and prints and writes what it promises. Its numbers are not judged here."""

import json
import re

from tests.scripts.here import run_here

ARMS = ("bare loop", "notebook loop", "autofix_nb", "bare loop, own Dataset", "autofix_nb, own Dataset")
RIVALS = ("Lightning", "Accelerate", "ignite")


def test_quick_run_prints_all_ratios(capsys, monkeypatch, tmp_path):
    """Each arm has a line with its ratio on both networks; a rival has one, or a sentence says it is left out."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "numbers.json"
    done = run_here(capsys, "benchmark_overhead", "--quick", "--json", file)

    assert done.status == 0, done.err
    lines = done.out.splitlines()
    left_out = {name for name in RIVALS if any(line.startswith(f"{name} is not installed") for line in lines)}
    expected = {*ARMS, *RIVALS} - left_out
    results = json.loads(file.read_text(encoding="utf-8"))["results"]

    assert list(results) == ["MLP", "conv net"]
    for network in results.values():
        assert set(network) == expected
    for name in expected:
        rows = [line for line in lines if re.match(rf"{re.escape(name)} +\d+ +[+-]\d+ \[.*\] +\d+\.\d{{3}} \[", line)]

        assert len(rows) == 2, f"{name}: {done.out}"
    assert sum(bool(re.search(r": (not )?met$", line)) for line in lines) == 4
    assert not list(tmp_path.glob("runs*")), "the store is a temporary folder"
