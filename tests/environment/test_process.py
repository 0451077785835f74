"""Processes told apart: a number alone proves nothing."""

import os
import subprocess
import sys

import pytest

from autofix_nb.environment import process
from autofix_nb.environment.process import is_alive, lock, machine, start_time

LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="there is no /proc")


def sleeper():
    return subprocess.Popen([sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip


def test_this_process_is_alive_and_no_other_start_time_is_its_own():
    """The number is right, the start time another's: that process is gone, and its number was given out again."""
    assert is_alive(os.getpid(), start_time(os.getpid()))
    assert not is_alive(os.getpid(), "1")
    assert is_alive(os.getpid(), "")


@LINUX
def test_a_killed_process_is_dead_before_its_parent_has_asked():
    """A zombie answers to its number, and trains nothing."""
    child = sleeper()
    child.stdout.readline()
    started = start_time(child.pid)
    before = is_alive(child.pid, started)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped
    zombie = is_alive(child.pid, started)
    child.communicate()

    assert before
    assert not zombie
    assert not is_alive(child.pid, started)


def test_without_proc_the_start_time_is_asked_of_ps(monkeypatch, tmp_path):
    """macOS has no /proc; where there is no `ps` either, the number alone has to do."""
    monkeypatch.setattr(process, "PROC", tmp_path)
    asked = []

    def answer(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="Sat Nov 21 14:00:00 2026\n")

    monkeypatch.setattr(process.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(process.subprocess, "run", answer)

    assert "Sat Nov 21 14:00:00 2026" == start_time(os.getpid())
    assert ["/bin/ps", "-o", "lstart=", "-p", str(os.getpid())] == asked[0]
    assert not is_alive(os.getpid(), "Fri Nov 20 14:00:00 2026")

    monkeypatch.setattr(process.shutil, "which", lambda name: None)

    assert "" == start_time(os.getpid())
    assert is_alive(os.getpid(), "Fri Nov 20 14:00:00 2026")


def test_where_a_signal_cannot_ask_nothing_is_claimed(monkeypatch):
    """On Windows a signal ends the process: the system's functions are asked, and where there are none, nobody."""
    monkeypatch.setattr(process.sys, "platform", "win32")

    assert is_alive(os.getpid(), "") is None


def test_numbers_that_are_none_are_not_asked_for():
    """0 and below mean groups of processes to the system, and huge ones are no numbers at all."""
    assert is_alive(0, "") is None
    assert is_alive(-1, "") is None


def test_two_boots_or_containers_are_two_machines(monkeypatch, tmp_path):
    """The boot's number and the container's name for its processes are both in it."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("1bb1809b\n")
    (tmp_path / "self/ns/pid").symlink_to("pid:[4026531836]")
    monkeypatch.setattr(process, "PROC", tmp_path)
    machine.cache_clear()
    try:
        assert "1bb1809b pid:[4026531836]" == machine()
    finally:
        machine.cache_clear()


def test_a_lock_keeps_others_out_until_it_is_let_go(tmp_path):
    """Also within one process, as each opening of the file is a holder of its own."""
    path = tmp_path / "lock"
    with lock(path, 0.0) as is_locked:
        assert is_locked
        with pytest.raises(TimeoutError, match="locked by another process"), lock(path, 0.0):
            pass
    with lock(path, 0.0) as is_locked:
        assert is_locked


def test_a_lock_in_a_folder_that_was_renamed_meanwhile_is_asked_for_anew(tmp_path, monkeypatch):
    """Who waited holds the file that has the name now, and not the one that went away with the folder."""
    folder, real, waits = tmp_path / "run", process._locked, []
    folder.mkdir()

    def locked(descriptor, path, seconds):
        if not waits:
            folder.rename(tmp_path / "run.before-1")
            folder.mkdir()
        waits.append(seconds)
        return real(descriptor, path, seconds)

    monkeypatch.setattr(process, "_locked", locked)
    with (
        lock(folder / "lock", 1.0) as is_locked,
        pytest.raises(TimeoutError, match="locked by another process"),
        lock(folder / "lock", 0.0),
    ):
        pytest.fail("two hold it")

    assert is_locked
    assert 3 == len(waits)


def test_a_file_system_that_gives_out_other_numbers_each_time_is_locked_too(tmp_path, monkeypatch):
    """It looks as if the folder were renamed without end: the lock is taken for good after a few times."""
    monkeypatch.setattr(process.os.path, "samestat", lambda *_: False)

    with lock(tmp_path / "lock", 1.0) as is_locked:
        assert is_locked


def test_a_file_system_without_locks_says_so(tmp_path, monkeypatch):
    """Some network mounts answer with an error: the caller is told that nobody was kept out."""
    fcntl = pytest.importorskip("fcntl")

    def refused(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refused)

    with lock(tmp_path / "lock", 0.0) as is_locked:
        assert not is_locked


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_forked_meanwhile_does_not_keep_the_lock(tmp_path):
    """A loader's worker has every open file of its parent: the lock is let go of in so many words."""
    path = tmp_path / "lock"
    with lock(path, 0.0):
        reading, writing = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.read(reading, 1)
            os._exit(0)
    try:
        with lock(path, 0.0) as is_locked:
            assert is_locked
    finally:
        os.write(writing, b"x")
        os.waitpid(worker, 0)
        os.close(reading)
        os.close(writing)
