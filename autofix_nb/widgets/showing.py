"""Which way a training is shown: the live output in a notebook, text elsewhere, or nothing."""

import sys
from typing import Any

from autofix_nb.environment import host
from autofix_nb.errors import ConfigurationError
from autofix_nb.widgets.live import Live
from autofix_nb.widgets.progress import Progress, Silent, Text


def in_notebook() -> bool:
    """Tell whether outputs can be shown and renewed here: a kernel runs this, also one without a front end."""
    return host() != "terminal" and "IPython" in sys.modules


def make_progress(show: Any) -> Progress:
    """Return the progress that `show` asks for.

    `auto` (or True) is the live output in a notebook and text elsewhere; `live` is that too, `text` is text
    everywhere, `none` (or False) is silent.

    Raises:
        ConfigurationError: for anything else.
    """
    if show in ("none", False):
        return Silent()
    if show == "text":
        return Text()
    if show in ("auto", "live", True):
        return Live() if in_notebook() else Text()
    raise ConfigurationError(f"`show` must be 'auto', 'live', 'text' or 'none', got {show!r}")
