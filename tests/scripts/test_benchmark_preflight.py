"""The benchmark of preflight runs, and prints what it promises. What it counts is judged by its own exit status.

How long it takes is not judged here: it depends on what else the machine is doing.
"""

import re

import pytest

from tests.scripts.here import run_here


def run(capsys, *options):
    """Return what the script printed."""
    ended = run_here(capsys, "benchmark_preflight", *options)
    too_slow = re.search(r"^time, .* s: not met", ended.out, re.MULTILINE)
    assert ended.status == 0 or (ended.status == 1 and too_slow), ended.out + ended.err
    return ended.out


def test_a_small_run_prints_each_table(capsys, tmp_path, monkeypatch):
    """A row for each fault and healthy training, the sums, the random splits, and the time."""
    monkeypatch.chdir(tmp_path)
    printed = run(capsys, "--only", "wine", "--splits", "2", "--alone")

    rows = [
        r"autofix_nb \d+\.\d+\.\d+, torch ",
        r"planted fault +autofix_nb$",
        r"wine as it is measured +D02 +\d+\.\d s$",
        r"healthy training +autofix_nb$",
        r"wine, MLP +quiet +\d+\.\d s$",
        r"faults named, of 1 +1 of 1$",
        r"healthy trainings without an alarm, of 1 +1 of 1$",
        r"2 random splits 70/30, standardised; stated: D04 in fewer than 1%$",
        r"wine +0 +0\.0% +0$",
        r"breast cancer +0 +0\.0% +0$",
        r"digits +0 +0\.0% +0$",
        r"time, digits, MLP, quick +\d+\.\d s +at most 10 s: (?:not )?met, 1 threads$",
        r"time, digits, MLP, deep=True +\d+\.\d s +at most 10 s: (?:not )?met, 1 threads$",
        r" +slowest: \w\d\d \d+\.\d\d s, ",
    ]
    assert [] == [row for row in rows if not re.search(f"^{row}", printed, re.MULTILINE)]
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.mark.slow
def test_the_other_packages_have_a_column_or_are_said_to_be_left_out(capsys):
    """A fault of the machine is none that they could be asked about."""
    printed = run(capsys, "--only", "E05", "--splits", "0")

    heading = next(line for line in printed.splitlines() if line.startswith("planted fault"))
    for name in ("torchtest2", "preflight-ml", "torcheck"):
        assert (name in heading) != bool(re.search(rf"^not installed, left out: .*{name}", printed, re.MULTILINE))
    assert 4 == len(re.findall(r"^\S.* +E05( +n/a)* +\d+\.\d s$", printed, re.MULTILINE))
    assert "random splits" not in printed
