"""Where a folder is mounted: what must be there before anything is read from it, written to it or made in it.

An unmounted network drive leaves an empty folder behind. What is written there lies on this machine's own disk, and is
hidden once the drive is back (mount(8)). `/etc/fstab` tells of drives that are away at this moment, fstab(5).
"""

import os
from pathlib import Path

FSTAB = Path("/etc/fstab")


def mount_point(folder: Path) -> Path | None:
    """Return the mount that holds an absolute folder, there or away; None where that is the system's own disk."""
    away = [point for point in _configured() if point in (folder, *folder.parents)]
    around = (folder, *folder.parents)
    now = next((place for place in around if place.exists() and os.path.ismount(place)), Path(folder.anchor))
    found = max((now, *away), key=lambda point: len(point.parts))
    return None if found == Path(folder.anchor) else found


def _configured() -> list[Path]:
    """Return the mounts that the system is told of; octal escapes stand for spaces in their names."""
    try:
        lines = FSTAB.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines if not line.lstrip().startswith("#")]
    return [Path(one[1].replace("\\040", " ")) for one in fields if len(one) > 2 and one[1].startswith("/")]
