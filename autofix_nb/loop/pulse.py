"""Where the training is at this moment, in a file that outlives the process: 64 bytes mapped into memory.

What was written into a mapped file is there after a SIGKILL, as the system keeps its pages; after a power cut it may
not be, and nothing waits for the disk. Measured: 0.3 µs a write. A page that its file system cannot take back ends the
process (SIGBUS, mmap(2)), so there is no mapping on network mounts, nor where each write needs new room.
"""

import mmap
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

PULSE_FILE = "pulse"
SIZE = 64
MARK = b"beat"
LAYOUT = struct.Struct("<4sIqqqq")
"""Mark, phase, step, epoch, position, and a sum of these: a kill in mid-write is found out."""

MOST_TEXT = SIZE - LAYOUT.size
"""Bytes that are left to name what is done beside the training; more is cut off."""

_pack = LAYOUT.pack_into

PROC_MOUNTS = Path("/proc/mounts")

UNMAPPABLE = ("fuse", "nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "btrfs", "bcachefs", "drvfs", "vboxsf")
"""Beginnings of the names of file systems that may take a mapped page away: remote ones, and copy-on-write ones."""


class Phase(IntEnum):
    """What is being done with the batch at hand, or beside the training."""

    BETWEEN = 0
    """Nothing of these: saving, looking."""

    LOADING = 1
    STEP = 2
    OPENING = 3
    """Before anything was loaded or trained in this process."""

    LOOK = 4
    """The look before the first step."""

    RANGE_TEST = 5
    RACE = 6
    VERDICT = 7
    """The rows that judge, to tell whether a change stays."""

    VALIDATION = 8


@dataclass(frozen=True)
class Beat:
    """The last that was written."""

    phase: Phase
    step: int
    """Optimizer steps taken when it was written."""

    epoch: int
    position: int
    """Batch of the epoch, counted from 0."""

    what: str = ""
    """What was done beside the training; empty where nothing was."""


class Pulse:
    """Writes what is being done. Where the file cannot be had, it is kept in memory, and lost with the process."""

    def __init__(self, folder: Path) -> None:
        self._memory: mmap.mmap | bytearray = bytearray(SIZE)
        if may_be_mapped(folder):
            with suppress(OSError, ValueError):
                self._memory = _mapped(folder / PULSE_FILE)
        self.is_kept = not isinstance(self._memory, bytearray)
        """Whether it outlives the process."""

    def write(self, phase: int, step: int, epoch: int, position: int) -> None:
        """Write down what begins now."""
        _pack(self._memory, 0, MARK, phase, step, epoch, position, phase + step + epoch + position)

    def write_aside(self, phase: int, step: int, epoch: int, position: int, what: str) -> None:
        """Write down what begins beside the training now, and its name."""
        text = what.encode()[:MOST_TEXT]
        self._memory[LAYOUT.size :] = text.ljust(MOST_TEXT, b"\0")
        self.write(phase, step, epoch, position)

    def close(self) -> None:
        """Let go of the file; it stays. What is written afterwards goes nowhere."""
        memory, self._memory = self._memory, bytearray(SIZE)
        if not isinstance(memory, bytearray):
            memory.close()


def read_pulse(folder: Path) -> Beat | None:
    """Return what was written last in a run's folder; None where there is nothing whole."""
    try:
        raw = (folder / PULSE_FILE).read_bytes()
        mark, phase, *place, check = LAYOUT.unpack_from(raw)
        aside = raw[LAYOUT.size : SIZE] if phase >= Phase.LOOK else b""
        beat = Beat(Phase(phase), *place, aside.rstrip(b"\0").decode(errors="ignore"))
    except (OSError, ValueError, struct.error):
        return None
    return beat if mark == MARK and check == phase + sum(place) else None


def may_be_mapped(folder: Path) -> bool:
    """Tell whether a mapped file there is safe: its pages cannot be taken away while the disk is full or gone."""
    try:
        lines = PROC_MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return os.name == "posix" and not str(folder).startswith(("//", "/Volumes/"))
    resolved = os.path.realpath(folder)
    found = ("", "")
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ").rstrip("/")
        if (resolved + "/").startswith(place + "/") and len(place) >= len(found[0]):
            found = place, kind
    return not found[1].startswith(UNMAPPABLE)


def _mapped(path: Path) -> mmap.mmap:
    new = path.with_suffix(".new")  # another file: the one before may be mapped still, and must not be cut short
    with new.open("w+b") as file:
        file.write(bytes(SIZE))  # real bytes: a hole would ask for room later, and end the process on a full disk
        file.flush()
        os.fsync(file.fileno())
        memory = mmap.mmap(file.fileno(), SIZE)
    os.replace(new, path)
    return memory
