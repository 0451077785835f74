"""Processes and machines told apart: is that process still the one it was, is this still the same machine.

A process number alone proves nothing, as numbers are given out again: the start time belongs to it (proc(5), field 22
of `/proc/<pid>/stat`). A killed process that its parent has not asked about yet has its number still; it counts
as dead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from autofix_nb.environment import windows_process

PROC = Path("/proc")

DEAD_STATES = ("Z", "X", "x")
"""Ended, and only waiting to be asked about."""

PAUSE_SECONDS = 0.02
"""Time between two attempts at a lock."""

RENAMED = 3
"""Times a lock is asked for anew as its folder got another name; some file systems always seem to have done that."""


def here() -> str:
    """The name of this host."""
    return socket.gethostname()


@cache
def machine() -> str:
    """What tells this boot of this machine, and this container on it, from any other; empty where nothing does."""
    parts = []
    for read in (
        lambda: (PROC / "sys/kernel/random/boot_id").read_text().strip(),
        lambda: os.readlink(PROC / "self/ns/pid"),  # in two containers the same number is two processes
    ):
        with contextlib.suppress(OSError):
            parts.append(read())
    return " ".join(parts)


def start_time(pid: int) -> str:
    """When a process was started, in the system's own words; empty where it cannot be known, or there is none."""
    if sys.platform == "win32":
        return windows_process.start_time(pid)
    if PROC.joinpath("self/stat").exists():
        fields = _stat(pid)
        return "" if fields is None else fields[19]
    ps = shutil.which("ps")
    if ps is None:
        return ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(
            [ps, "-o", "lstart=", "-p", str(int(pid))],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={"LC_ALL": "C"},
        )
        return answer.stdout.strip()
    return ""


def is_alive(pid: int, started: str) -> bool | None:
    """Whether the process with this number and start time is there still; None where it cannot be asked for."""
    if pid <= 0:
        return None
    if sys.platform == "win32":
        return windows_process.is_alive(pid, started)  # a signal would not ask it there, but end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # it is there, and another user's
    fields = _stat(pid)
    if fields is not None and fields[0] in DEAD_STATES:
        return False
    now = start_time(pid)
    return not (started and now and now != started)


def _stat(pid: int) -> list[str] | None:
    """Fields of `/proc/<pid>/stat` from the third on, the state; the second is a name that may hold anything."""
    try:
        text = (PROC / str(int(pid)) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields if len(fields) > 19 else None


@contextlib.contextmanager
def lock(path: Path, seconds: float) -> Iterator[bool]:
    """Hold a lock on a file; the system lets go of it when the process dies. Yields whether there are locks there.

    Raises:
        TimeoutError: when another process holds it for so many seconds.
        OSError: when the file cannot be made.
    """
    until = time.monotonic() + seconds
    descriptor, is_locked = _opened_and_locked(path, seconds)
    for _ in range(RENAMED):
        if not is_locked or _is_still(path, descriptor):
            break
        os.close(descriptor)
        descriptor, is_locked = _opened_and_locked(path, max(0.0, until - time.monotonic()))
    try:
        try:
            yield is_locked
        finally:
            if is_locked:
                _let_go(descriptor)
    finally:
        os.close(descriptor)


def _opened_and_locked(path: Path, seconds: float) -> tuple[int, bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        return descriptor, _locked(descriptor, path, seconds)
    except BaseException:
        os.close(descriptor)
        raise


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether the file of this name is the one that was opened."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _let_go(descriptor: int) -> None:
    """Unlock in so many words: a worker process forked meanwhile has the file open, too, and would keep the lock."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _locked(descriptor: int, path: Path, seconds: float) -> bool:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        def attempt() -> None:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

        busy: tuple[type[OSError], ...] = (PermissionError, BlockingIOError)
    else:

        def attempt() -> None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

        busy = (BlockingIOError,)
    until = time.monotonic() + seconds
    while True:
        try:
            attempt()
            return True
        except busy:
            if time.monotonic() > until:
                raise TimeoutError(f"{path} has been locked by another process for {seconds:g} s") from None
            time.sleep(PAUSE_SECONDS)
        except OSError:
            return False  # a file system without locks, such as some that are mounted over a network
