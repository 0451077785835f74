"""Drive in Colab: asked for once, never from a thread, and given back only on request."""

import errno
import threading
from pathlib import Path

import pytest

from autofix_nb.checkpoints import drive
from autofix_nb.errors import StoreError


class Colab:
    """A stand-in for `google.colab.drive`."""

    def __init__(self, error=None, makes=True):
        self.calls = []
        self.error, self.makes = error, makes

    def mount(self, mountpoint, force_remount=False, timeout_ms=0):
        self.calls.append(("mount", mountpoint, force_remount))
        if self.error:
            raise self.error
        if self.makes:
            Path(mountpoint, "MyDrive").mkdir(parents=True)

    def flush_and_unmount(self, timeout_ms=0):
        self.calls.append(("flush_and_unmount", timeout_ms))
        if self.error:
            raise self.error


@pytest.fixture
def at(tmp_path):
    return tmp_path / "drive"


def test_it_is_mounted_once(at):
    """The second time nobody is asked: `drive.mount` would ask for leave even then."""
    colab = Colab()

    assert at / "MyDrive" == drive.mount(at, colab) == drive.mount(at, colab)
    assert [("mount", str(at), False)] == colab.calls


def test_a_mount_that_has_died_is_mounted_by_force(at, monkeypatch):
    """Colab's own cure for `Transport endpoint is not connected`."""
    answers = [OSError(errno.ENOTCONN, "Transport endpoint is not connected"), None]

    def stat(_):
        answer = answers.pop(0)
        if answer:
            raise answer

    monkeypatch.setattr(drive.os, "stat", stat)
    drive.mount(at, colab := Colab(makes=False))

    assert [("mount", str(at), True)] == colab.calls


def test_a_thread_never_mounts(at):
    """The answer comes through the kernel's standard input, which is the main thread's."""
    caught = []

    def ask():
        try:
            drive.mount(at, colab)
        except StoreError as error:
            caught.append(str(error))

    colab = Colab()
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()

    assert [] == colab.calls
    assert "only the main thread may ask" in caught[0]


@pytest.mark.parametrize("error", [ValueError("mount failed"), NotImplementedError("no"), None])
def test_what_cannot_be_mounted_is_an_error_with_the_way_out(at, error):
    """What to run, and that another store is lost with the machine."""
    colab = Colab(error, makes=False)
    with pytest.raises(StoreError, match=r"drive\.mount\('/content/drive'\).*another `store=`"):
        drive.mount(at, colab)


def test_outside_of_colab_there_is_nothing_to_mount(at):
    """`google.colab` is asked for inside, and its absence is an error with the way out."""
    with pytest.raises(StoreError, match="could not be mounted"):
        drive.mount(at)


def test_flushing_gives_the_mount_back(at):
    """Only where one is."""
    colab = Colab()
    assert not drive.flush_and_unmount(at, colab)
    drive.mount(at, colab)
    assert drive.is_mounted(at)

    assert drive.flush_and_unmount(at, colab)
    assert ("flush_and_unmount", drive.FLUSH_MILLISECONDS) == colab.calls[-1]


def test_a_flush_that_fails_says_what_to_do(at):
    """The runtime still holds what was not uploaded."""
    drive.mount(at, Colab())

    with pytest.raises(StoreError, match="keep this runtime open"):
        drive.flush_and_unmount(at, Colab(ValueError("flush_and_unmount failed")))
