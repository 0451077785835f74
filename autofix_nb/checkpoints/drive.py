"""Google Drive in Colab: mounted once, in the thread that may ask, and given back at the end only on request.

`drive.mount` asks the front end for leave before it looks whether Drive is mounted already, and reads the answer from
the kernel's standard input; so it is called only where nothing is mounted, and never from another thread. A mount that
has died is mounted anew by force, which is Colab's own cure. `flush_and_unmount` alone makes sure that what was written
has left the machine, and takes the mount away with it (google/colab/drive.py, `mount` and `flush_and_unmount`).
"""

import errno
import os
import threading
from pathlib import Path
from typing import Any

from autofix_nb.errors import StoreError

MOUNT_AT = Path("/content/drive")
"""Where Colab's own notebooks mount Drive."""

MY_DRIVE = "MyDrive"
"""The folder in it that is the user's own."""

MOUNT_MILLISECONDS = 300_000
"""Time that mounting may take: large drives need more than Colab's two minutes (googlecolab/colabtools#5028)."""

FLUSH_MILLISECONDS = 30 * 60 * 1000
"""Time that the last upload may take."""

DEAD = {errno.ENOTCONN, errno.EIO, errno.ESTALE}
"""Errors of a mount whose program has died."""


def mount(mount_at: Path = MOUNT_AT, colab_drive: Any = None) -> Path:
    """Return the user's folder on Drive, mounted if it is not yet. `colab_drive` stands in for `google.colab.drive`.

    Raises:
        StoreError: when it cannot be mounted, or may not be from here; the message says what to run.
    """
    folder = mount_at / MY_DRIVE
    state = _state(folder)
    if state == "mounted":
        return folder
    way_out = (
        "run `from google.colab import drive; drive.mount('/content/drive')` in a cell and then this one again, or "
        "give another `store=`: what lies on this machine alone is gone with it"
    )
    if threading.current_thread() is not threading.main_thread():
        raise StoreError(f"`store='drive'`: Drive is not mounted, and only the main thread may ask for it; {way_out}")
    try:
        if colab_drive is None:
            from google.colab import drive as colab_drive
        colab_drive.mount(str(mount_at), force_remount=state == "dead", timeout_ms=MOUNT_MILLISECONDS)
    except Exception as error:  # Colab raises its own kinds besides ValueError and NotImplementedError
        raise StoreError(f"`store='drive'`: Drive could not be mounted ({error}); {way_out}") from error
    if _state(folder) != "mounted":
        raise StoreError(f"`store='drive'`: after mounting, {str(folder)!r} is not there; {way_out}")
    return folder


def is_mounted(mount_at: Path = MOUNT_AT) -> bool:
    """Tell whether the user's folder on Drive answers."""
    return _state(mount_at / MY_DRIVE) == "mounted"


def flush_and_unmount(mount_at: Path = MOUNT_AT, colab_drive: Any = None) -> bool:
    """Have Drive upload everything, and take the mount away; False where nothing is mounted.

    Raises:
        StoreError: when Drive did not get through with it.
    """
    if not is_mounted(mount_at):
        return False
    try:
        if colab_drive is None:
            from google.colab import drive as colab_drive
        colab_drive.flush_and_unmount(timeout_ms=FLUSH_MILLISECONDS)
    except Exception as error:  # as above
        raise StoreError(
            f"Drive did not finish its upload ({error}): keep this runtime open, look at drive.google.com whether the "
            "newest files are there, and try `run.flush()` again"
        ) from error
    return True


def _state(folder: Path) -> str:
    try:
        os.stat(folder)
    except OSError as error:
        return "dead" if error.errno in DEAD else "absent"
    return "mounted"
