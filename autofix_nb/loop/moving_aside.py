"""A run that begins anew gives the earlier one of its name another: only where nobody trains in that folder."""

import os
from contextlib import ExitStack
from pathlib import Path

from autofix_nb.environment.process import lock
from autofix_nb.errors import StoreError
from autofix_nb.loop.lease import LOCK_FILE, LOCK_SECONDS, is_beginning, refuse_if_held


def move_aside(folder: Path) -> Path:
    """Give an earlier run another name, which is returned; nothing is deleted, and nobody can begin there meanwhile.

    Raises:
        StoreError: when a live kernel holds the folder, is just beginning in it, or it cannot be renamed.
    """
    with ExitStack() as until_moved:
        if os.name == "posix":  # elsewhere a folder with an open file in it cannot be renamed
            try:
                until_moved.enter_context(lock(folder / LOCK_FILE, LOCK_SECONDS))
            except TimeoutError as error:
                raise is_beginning(folder) from error
            except OSError:
                pass  # where no lock can be written, no lease can be either
        refuse_if_held(folder)
        return _renamed(folder)


def _renamed(folder: Path) -> Path:
    number = 1
    while (target := folder.with_name(f"{folder.name}.before-{number}")).exists():
        number += 1
    try:
        folder.rename(target)
    except OSError as error:
        raise StoreError(f"`store`: {str(folder)!r} cannot be renamed ({error}); give another `name=`") from error
    return target
