"""How much room is left: memory, shared memory, disk.

Memory is what the system says can be had without swapping (`MemAvailable`), and in a container no more than its control
group leaves; files that the group merely keeps cached are given back when asked for, so they count as free.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

NO_LIMIT = 2**60
"""Control groups without a limit name a number near 2**63."""


def memory_available(root: Path = Path("/")) -> int | None:
    """Bytes of memory that this process can still have; None where that is not told."""
    found = []
    with contextlib.suppress(OSError):
        text = (root / "proc/meminfo").read_text("ascii")
        if line := re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE):
            found.append(int(line[1]) * 1024)
    found += [limit - used for limit, used in _groups(root)]
    if not found and root == Path("/"):
        with contextlib.suppress(Exception):  # no psutil, which comes with ipykernel alone
            return int(importlib.import_module("psutil").virtual_memory().available)
    return max(0, min(found)) if found else None


def shared_memory(folder: Path = Path("/dev/shm")) -> tuple[int, int] | None:  # noqa: S108 - it is only looked at
    """Bytes of shared memory that are free and that there are; None where it is no folder."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free, usage.total


def disk_free(folder: str | os.PathLike[str]) -> int | None:
    """Bytes free on the disk that holds this folder, or will hold it."""
    path = Path(folder).absolute()
    for place in (path, *path.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None


def size_text(count: float) -> str:
    """A number of bytes in words: `1.5 GB`, `64 MB`, `300 kB`."""
    for unit, power in (("TB", 40), ("GB", 30), ("MB", 20)):
        if count >= 2**power:
            value = count / 2**power
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{count / 1024:.0f} kB"


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each control group that this process is in."""
    paths = {"": "/", "memory": "/"}
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or "memory" in controllers.split(","):
                paths["memory" if controllers else ""] = path
    top = root / "sys/fs/cgroup"
    for base, path, names in (
        (top, paths[""], ("memory.max", "memory.current", "inactive_file")),
        (top / "memory", paths["memory"], ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
    ):
        own = base / path.strip("/")
        for folder in (own, *own.parents):
            with contextlib.suppress(OSError, ValueError):  # no such group, or the word `max`
                limit, used = (int((folder / name).read_text("ascii")) for name in names[:2])
                if limit < NO_LIMIT:
                    yield limit, used - _cached(folder / "memory.stat", names[2])
            if folder == base:
                break


def _cached(stat: Path, name: str) -> int:
    try:
        line = re.search(rf"^{name} (\d+)$", stat.read_text("ascii"), re.MULTILINE)
    except OSError:
        return 0
    return int(line[1]) if line else 0
