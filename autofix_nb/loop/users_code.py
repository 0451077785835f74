"""Errors that are a slip in the user's model, loss or step, and no matter of samples: known by who gives them."""

import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

from autofix_nb.data import Fault

SLIPS = (TypeError, NameError, AttributeError, ImportError, NotImplementedError)
"""What Python raises for code that cannot run as it is written; other errors may pass by themselves."""

FEWEST_ROWS = 2
"""Samples that must give the same error: one alone may be a bad one."""

INSTALLED = tuple(
    str(Path(place).resolve())
    for place in (
        *(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib")),
        Path(__file__).parents[1],
    )
)
"""Folders whose code is not the user's: Python's own, installed packages, this one."""


def is_of_the_code(error: Exception, faults: Sequence[Fault], rows: int) -> bool:
    """Tell whether an error is such a slip, as far as one batch of so many rows shows: each gives it, word for word."""
    said = {fault.reason for fault in faults}
    return isinstance(error, SLIPS) and len(faults) == rows >= FEWEST_ROWS and len(said) == 1


def place_in_code(error: Exception) -> str:
    """Return ` in line 12 of 'train.py' (in `loss`)`: the user's innermost line; nothing where there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith("<frozen") and not _is_installed(frame.filename):
            return f" in line {frame.lineno} of {Path(frame.filename).name!r} (in `{frame.name}`)"
    return ""


def _is_installed(file: str) -> bool:
    path = Path(file)
    return path.is_absolute() and any(path.resolve().is_relative_to(place) for place in INSTALLED)
