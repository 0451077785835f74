"""The script runs cases in processes, prints its tables, keeps what it has, and goes on from it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gauntlet import pool
from tests.gauntlet.case import half
from tests.gauntlet.pool import Job, cases
from tests.scripts.here import run_here

ROOT = Path(__file__).resolve().parents[2]
HEALTHY = "a large batch and few steps"
ONE_CASE = ("--cases", HEALTHY, "--arms", "plain,careful", "--seeds", "1", "--jobs", "1", "--json", "rows.json")
COMMAND = [sys.executable, str(ROOT / "scripts" / "gauntlet")]


def start(folder: Path, *options: str) -> subprocess.Popen:
    """Start the script in an empty folder, where it must leave nothing but what it was told to write."""
    return subprocess.Popen(
        [*COMMAND, *options], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def run(folder: Path, *options: str) -> tuple[int, str, str]:
    """Run the script; return its exit status, and what it printed as result and as progress."""
    process = start(folder, *options)
    printed, told = process.communicate()
    return process.returncode, printed, told


def poor(job: Job) -> dict:
    """Stand in for the work of a process: one case kills it, one hangs, one raises."""
    if job.seed == 1:
        os._exit(3)
    if job.seed == 2:
        signal.pause()
    if job.seed == 3:
        raise ValueError("no such data")
    return pool._failed(job, "") | {"score": 50.0}


@pytest.mark.slow
def test_healthy_cases_are_run_and_judged(tmp_path):
    """A line for each arm, the bound on what is harmed, and all rows in a file."""
    status, printed, told = run(tmp_path, *ONE_CASE, "--detail")
    kept = json.loads((tmp_path / "rows.json").read_text())

    assert 0 == status, told
    assert re.search(r"^plain +all +- +- +- +0\.00 +0/1 +0/1 +0/1 +0\.0% +0% +\d+\.\d\d +0$", printed, re.MULTILINE)
    assert "careful: of 1 healthy runs harmed at most 95.0%, touched at most 95.0% (95 % confidence)" in printed
    assert [("plain", HEALTHY), ("careful", HEALTHY)] == [(row["arm"], row["case"]) for row in kept["rows"]]
    assert re.search(rf"^2/2  {HEALTHY}, \w+, seed 0: 9\d\.\d in ", told, re.MULTILINE)
    assert ["rows.json"] == [path.name for path in tmp_path.iterdir()], "nothing else is left behind"


@pytest.mark.slow
def test_what_a_file_has_already_is_not_run_again(tmp_path):
    """What it has beside the cases asked for stays in it."""
    run(tmp_path, *ONE_CASE)
    kept = (tmp_path / "rows.json").read_text()
    status, printed, told = run(tmp_path, *ONE_CASE, "--resume", "rows.json")

    assert (0, "") == (status, told)
    assert "careful: of 1 healthy runs" in printed
    assert kept == (tmp_path / "rows.json").read_text()


def test_the_quick_subset_never_holds_what_rules_must_not_be_tuned_with(capsys):
    """Eight healthy cases, and at most eight sick ones of the seen half."""
    ended = run_here(capsys, "gauntlet", "--quick", "--list")
    listed = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    sick = [part for part, aim, _ in listed if aim != "healthy"]

    assert 8 == len(listed) - len(sick)
    assert 1 <= len(sick) <= 8
    assert {"seen"} == set(sick)


@pytest.mark.slow
def test_what_does_not_exist_is_said(tmp_path):
    """With what there is."""
    unknown_arm = run(tmp_path, "--arms", "plain,nobody")
    unknown_case = run(tmp_path, "--cases", "no such case")

    assert (1, True) == (unknown_arm[0], "--arms names ['nobody'], there are ['plain'," in unknown_arm[2])
    assert (1, "no case fits --cases 'no such case'; --list prints them\n") == (unknown_case[0], unknown_case[2])


@pytest.mark.slow
def test_ctrl_c_ends_it_with_what_it_has(tmp_path):
    """The tables of the runs that were done are printed, and the file is written."""
    process = start(tmp_path, "--cases", HEALTHY, "--arms", "plain", "--seeds", "500", "--json", "rows.json")
    first = next(line for line in process.stderr if line.startswith("1/500"))
    process.send_signal(signal.SIGINT)
    printed, told = process.communicate()
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]

    assert HEALTHY in first
    assert 130 == process.returncode, told
    assert f"stopped after {len(rows)} of 500 runs" in told
    assert re.search(rf"^plain +all .* 0/{len(rows)} ", printed, re.MULTILINE)


@pytest.mark.slow
def test_a_run_that_dies_hangs_or_raises_costs_itself_alone():
    """Its row says why, and the others are run."""
    jobs = [Job(HEALTHY, "plain", seed) for seed in range(5)]
    rows = {row["seed"]: row for row in pool.rows(jobs, 2, most_seconds=2.0, work=poor)}

    assert {
        0: "", 1: "the process died with exit code 3", 2: "took over 2 s", 3: "ValueError: no such data", 4: "",
    } == {seed: row["error"] for seed, row in sorted(rows.items())}  # fmt: skip
    assert [50.0, 0.0, 0.0, 0.0, 50.0] == [rows[seed]["score"] for seed in range(5)]


@pytest.mark.slow
def test_the_quick_subset_runs(tmp_path):
    """Eight sick cases of the seen half and eight healthy ones, in the plain loop and with autofix_nb."""
    status, printed, told = run(tmp_path, "--quick", "--json", "rows.json", "--detail")
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]

    assert status in (0, 1), told
    assert {"plain", "twin", "autofix_nb"} == {row["arm"] for row in rows}
    assert {"seen"} == {half(row["case"]) for row in rows if row["aim"] != "healthy"}
    assert "took over" not in told
    assert re.search(r"^autofix_nb +all ", printed, re.MULTILINE)
    assert all(row["case"] in cases() for row in rows)
