"""Google Drive as Colab mounts it: whether it is there, answers, takes a file, and has room.

A mount that has died answers every look with `Transport endpoint is not connected` (googlecolab/colabtools#3441), or
not at all; what is over the quota is kept on the machine and never uploaded, which only Drive's log tells
(googlecolab/colabtools#1428).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MOUNTED_AT = Path("/content/drive/MyDrive")
LOG = Path.home() / ".config/Google/DriveFS/Logs/drive_fs.txt"
LOG_BYTES = 2**16
PATIENCE_SECONDS = 5.0
"""A mount that has not answered for so long is taken for dead."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """What was found where Drive is mounted."""

    state: Literal["absent", "dead", "read-only", "writable"]
    error: str = ""
    free_bytes: int | None = None
    over_quota: bool = False


def look_at_drive(folder: Path = MOUNTED_AT, log: Path = LOG, patience_seconds: float = PATIENCE_SECONDS) -> Drive:
    """Look whether Drive is mounted at `folder`, and write and delete a tiny file there."""
    found: list[Drive] = []
    answered = _within(patience_seconds, lambda: found.append(_look(folder)))
    if not answered or not found:
        return Drive(state="dead", error=f"it did not answer within {patience_seconds:g} s")
    if found[0].state == "absent":
        return found[0]
    return Drive(
        state=found[0].state, error=found[0].error, free_bytes=found[0].free_bytes, over_quota=_over_quota(log)
    )


def _look(folder: Path) -> Drive:
    try:
        os.stat(folder)
    except OSError as error:
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR)
        return Drive(state="absent") if absent else Drive(state="dead", error=_words(error))
    free_bytes = None
    with contextlib.suppress(OSError):
        free_bytes = shutil.disk_usage(folder).free
    trial = folder / f".autofix_nb_can_write_{os.getpid()}"
    try:
        trial.write_bytes(b"1")
        trial.unlink()
    except OSError as error:
        dead = error.errno in (errno.ENOTCONN, errno.EIO)
        return Drive(state="dead" if dead else "read-only", error=_words(error), free_bytes=free_bytes)
    return Drive(state="writable", free_bytes=free_bytes)


def _within(seconds: float, look: Callable[[], object]) -> bool:
    """Whether this came to its end in time; a dead mount holds whoever asks, so the asking is left behind."""
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def _over_quota(log: Path) -> bool:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_BYTES))
            return b"QUOTA_EXCEEDED" in file.read()
    except OSError:
        return False


def _words(error: OSError) -> str:
    return error.strerror or str(error)
