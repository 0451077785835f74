"""E05: whether Drive would keep what a run on Colab saves."""

import pytest
from torch import nn

from autofix_nb.checks.drive import MOUNT, REMOUNT, Drive
from autofix_nb.environment.drive import Drive as State
from autofix_nb.evidence import Machine
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, subject, why_not

MODEL = nn.Linear(4096, 4096, bias=False)  # 64 MB of weights, a checkpoint of 192 MB


def machine(state: str, *, wanted: bool = False, **fields) -> Machine:
    """A machine of Colab's with Drive in this state."""
    return Machine(host="colab", drive=State(state=state, **fields), drive_wanted=wanted)


@pytest.mark.parametrize("host", ["kaggle", "vscode", "jupyter", "terminal"])
def test_elsewhere_it_is_not_asked(host):
    """And nothing is written."""
    assert f"Drive is mounted on Colab only, this is `{host}`" == why_not(Drive(), subject(machine=Machine(host=host)))


@pytest.mark.parametrize(("severity", "wanted"), [(Severity.NOTE, False), (Severity.WARNING, True)])
def test_not_mounted(severity, wanted):
    """A note, unless the run is to be kept there."""
    finding = answer_of(Drive(), subject(machine=machine("absent", wanted=wanted))).findings[0]

    assert (severity, MOUNT) == (finding.severity, finding.to_type)


@pytest.mark.parametrize(
    ("words", "state", "error"),
    [
        ("has ceased to answer (Transport endpoint is not connected)", "dead", "Transport endpoint is not connected"),
        ("0 of 1 files could be written there (Read-only file system)", "read-only", "Read-only file system"),
    ],
)
def test_a_mount_that_does_not_work(words, state, error):
    """It must be forced to be made anew."""
    finding = answer_of(Drive(), subject(machine=machine(state, error=error))).findings[0]

    assert (Severity.WARNING, REMOUNT) == (finding.severity, finding.to_type)
    assert words in finding.says


@pytest.mark.parametrize(
    ("expected", "model", "megabytes"),
    [
        pytest.param([Severity.WARNING], None, 511, id="low"),
        pytest.param([], None, 512, id="enough"),
        pytest.param([Severity.WARNING], MODEL, 2687, id="too-low-for-the-checkpoints"),
        pytest.param([], MODEL, 2688, id="twice-the-checkpoints"),
    ],
)
def test_nearly_full(expected, model, megabytes):
    """The checkpoints of this model must fit twice."""
    told = machine("writable", free_bytes=megabytes * 2**20)

    findings = answer_of(Drive(), subject(model, machine=told)).findings

    assert expected == [finding.severity for finding in findings]


def test_over_the_quota():
    """Drive's log knows, whatever the file system says is free."""
    told = machine("writable", free_bytes=2**40, over_quota=True)

    assert "QUOTA_EXCEEDED" in answer_of(Drive(), subject(machine=told)).findings[0].says


def test_mounted_and_writable():
    """Fine, with what is free."""
    told = machine("writable", free_bytes=12 * 2**30)

    assert "Drive is mounted and took a file, 12 GB free" == answer_of(Drive(), subject(machine=told)).says
