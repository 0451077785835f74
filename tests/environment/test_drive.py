"""Drive is looked at where it is mounted, and a mount that is dead does not stop the look."""

import errno
import os
import threading

import pytest

from autofix_nb.environment import drive
from autofix_nb.environment.drive import look_at_drive


def test_writable(tmp_path):
    """A file is written, and deleted again."""
    found = look_at_drive(tmp_path, tmp_path / "no log")

    assert ("writable", "", False) == (found.state, found.error, found.over_quota)
    assert found.free_bytes > 0
    assert [] == list(tmp_path.iterdir())


def test_not_mounted(tmp_path):
    """Without an error."""
    assert "absent" == look_at_drive(tmp_path / "MyDrive").state


@pytest.mark.parametrize(
    ("expected", "number"), [("dead", errno.ENOTCONN), ("dead", errno.EIO), ("absent", errno.ENOENT)]
)
def test_a_mount_that_answers_with_an_error(expected, number, tmp_path, monkeypatch):
    """It is dead, unless it is not there."""

    def fail(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(drive.os, "stat", fail)

    assert expected == look_at_drive(tmp_path).state


def test_a_mount_that_takes_no_file(tmp_path, monkeypatch):
    """It is there, and read only."""

    def refuse(self, data):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(drive.Path, "write_bytes", refuse)

    found = look_at_drive(tmp_path)

    assert ("read-only", "Read-only file system") == (found.state, found.error)


def test_a_mount_that_does_not_answer(tmp_path, monkeypatch):
    """It is given up."""
    answer = threading.Event()
    monkeypatch.setattr(drive, "_look", lambda folder: answer.wait())

    found = look_at_drive(tmp_path, patience_seconds=0.01)
    answer.set()

    assert ("dead", "it did not answer within 0.01 s") == (found.state, found.error)


def test_the_quota_is_read_from_the_log(tmp_path):
    """From its end."""
    log = tmp_path / "drive_fs.txt"
    log.write_text("x" * drive.LOG_BYTES + "\nerror: QUOTA_EXCEEDED\n")

    assert look_at_drive(tmp_path, log).over_quota
