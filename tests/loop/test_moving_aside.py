"""A run that begins anew moves the earlier one aside, and never takes the folder from under another kernel."""

import pytest

from autofix_nb.environment.process import lock
from autofix_nb.errors import StoreError
from autofix_nb.loop import moving_aside
from autofix_nb.loop.lease import LOCK_FILE
from autofix_nb.loop.moving_aside import move_aside
from tests.loop.test_lease import of_process, process, write  # noqa: F401 - `process` is a fixture


@pytest.fixture
def folder(tmp_path):
    """Return the folder of an earlier run."""
    made = tmp_path / "run"
    (made / "checkpoints").mkdir(parents=True)
    return made


def test_each_gets_a_name_of_its_own(folder, tmp_path):
    """Nothing is deleted, however often it begins anew."""
    first = move_aside(folder)
    (folder / "checkpoints").mkdir(parents=True)
    second = move_aside(folder)

    assert [tmp_path / "run.before-1", tmp_path / "run.before-2"] == [first, second]
    assert all((one / "checkpoints").exists() for one in (first, second))
    assert not folder.exists()


def test_a_folder_that_a_live_kernel_holds_stays(folder, process):  # noqa: F811
    """Also when it began after the caller had looked last."""
    write(folder, of_process(process))

    with pytest.raises(StoreError, match="in another kernel's hands"):
        move_aside(folder)

    assert folder.exists()


def test_while_another_kernel_is_at_the_lease_nothing_is_moved(folder, monkeypatch):
    """It may be taking it at this moment: who moves the folder holds the same lock."""
    monkeypatch.setattr(moving_aside, "LOCK_SECONDS", 0.0)

    with lock(folder / LOCK_FILE, 0.0), pytest.raises(StoreError, match="just beginning the run"):
        move_aside(folder)

    assert folder.exists()


def test_where_no_lock_can_be_written_it_is_moved_all_the_same(folder, monkeypatch):
    """A disk that is full takes no file, and lets a folder be renamed."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(moving_aside, "lock", full)

    assert move_aside(folder).exists()
    assert not folder.exists()
