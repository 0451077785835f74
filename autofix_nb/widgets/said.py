"""What is said goes to Python's `logging` too, under the name `autofix_nb`; nothing of it shows up twice in a cell.

Where logging was never set up, Python prints warnings to the error stream by itself, and Colab has a handler that does.
So a sentence, which the cell shows already or is not to show, is logged only where somebody listens: at a level that
lets `INFO` through, or by a handler that writes elsewhere than to the streams of this process.
"""

import logging
import sys

LOGGER = logging.getLogger("autofix_nb")
LOGGER.addHandler(logging.NullHandler())


def log(text: str, *, warning: bool = False) -> None:
    """Log one sentence, a finding or what was done about it as a warning."""
    if LOGGER.isEnabledFor(logging.INFO) or _someone_else_listens():
        LOGGER.log(logging.WARNING if warning else logging.INFO, "%s", text)


def _someone_else_listens() -> bool:
    here: logging.Logger | None = LOGGER
    while here is not None:
        for handler in here.handlers:
            stream = getattr(handler, "stream", None)
            if not isinstance(handler, logging.NullHandler) and stream not in (sys.stdout, sys.stderr):
                return True
        here = here.parent if here.propagate else None
    return False
