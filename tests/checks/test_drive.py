"""E05: whether Drive would keep what a run on Colab saves."""

import pytest
from torch import nn
from torch.utils.data import DataLoader, Dataset

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


class Pictures(Dataset):
    """Samples that are files; reading one would fail, as none is there."""

    def __init__(self, folder, count):
        self.files = [str(folder / f"{index:04d}.png") for index in range(count)]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        raise AssertionError("only the paths are to be looked at")


def on_drive(tmp_path, folder, count):
    """The answer about `count` files in a folder, where Drive is mounted at `tmp_path / "drive"`."""
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    data = Pictures(place, count)
    for file in data.files:
        (tmp_path / file).touch()
    told = Machine(host="colab", drive=State(state="writable", free_bytes=2**40), drive_folder=tmp_path / "drive")
    return answer_of(Drive(), subject(None, DataLoader(data), machine=told))


@pytest.mark.parametrize(
    ("expected", "folder", "count"),
    [
        pytest.param(1, "drive/MyDrive/my leaves", 100, id="on-drive"),
        pytest.param(1, "drive/Shareddrives/team/leaves", 100, id="on-a-shared-drive"),
        pytest.param(0, "drive/MyDrive/leaves", 99, id="so-few-that-it-is-quick"),
        pytest.param(0, "data/leaves", 100, id="on-the-disk"),
    ],
)
def test_data_on_drive(expected, folder, count, tmp_path):
    """Samples that are files on Drive are a warning, unless there are few."""
    assert expected == len(on_drive(tmp_path, folder, count).findings)


def test_what_to_type_about_data_on_drive(tmp_path):
    """The folder that all files have in common is copied, quoted as a shell wants it."""
    finding = on_drive(tmp_path, "drive/MyDrive/my leaves", 100).findings[0]

    assert Severity.WARNING == finding.severity
    assert "20 of 20 samples of `train` looked at are files on Drive" in finding.says
    assert f"cp -r '{tmp_path}/drive/MyDrive/my leaves' /content/data/" in finding.to_type
    assert 'folder = "/content/data/my leaves"' in finding.to_type


def test_a_link_to_drive_is_on_drive(tmp_path):
    """A folder on the disk that only points there is as slow."""
    (tmp_path / "drive" / "MyDrive" / "leaves").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "drive" / "MyDrive")

    assert 1 == len(on_drive(tmp_path, "data/leaves", 100).findings)


def test_all_of_drive_is_not_copied(tmp_path):
    """Where the files have no folder of their own, it is said and nothing is proposed to be typed."""
    assert "" == on_drive(tmp_path, "drive/MyDrive", 100).findings[0].to_type
