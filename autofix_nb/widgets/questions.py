"""Progress while the checks are asked: which question is at hand. Nothing of it stays."""

import sys
import time
from html import escape
from types import TracebackType
from typing import Any

from tqdm import tqdm

from autofix_nb.errors import ConfigurationError
from autofix_nb.widgets.showing import in_notebook

SHOWN_AFTER_SECONDS = 0.5
"""Shorter looks need no progress."""


class Questions:
    """Counts the questions, and shows the count where a look takes longer than a moment."""

    def __init__(self, total: int, place: Any = None) -> None:
        """`place` shows it: something with `show(done, total, title)` and `end()`; None shows nothing."""
        self._total = total
        self._place = place
        self._done = -1
        self._began = time.monotonic()
        self._is_shown = False

    def __enter__(self) -> "Questions":
        return self

    def ask(self, title: str) -> None:
        """The next question is asked."""
        self._done += 1
        if self._place is not None and time.monotonic() - self._began >= SHOWN_AFTER_SECONDS:
            self._is_shown = True
            self._place.show(self._done, self._total, title)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._place.end()


class Terminal:
    """A bar on standard error, where it mixes with no report."""

    def __init__(self, file: Any = None) -> None:
        self._file = file
        self._bar: tqdm | None = None

    def show(self, done: int, total: int, title: str) -> None:
        """Move the bar."""
        if self._bar is None:
            form = "preflight {n_fmt}/{total_fmt} |{bar}| {desc}"
            self._bar = tqdm(total=total, leave=False, file=self._file or sys.stderr, ncols=88, bar_format=form)
        self._bar.n = done
        self._bar.set_description_str(title)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


class Notebook:
    """One live output. It needs no widget, and is empty in the saved notebook."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, done: int, total: int, title: str) -> None:
        """Renew the output."""
        text = f"preflight {done}/{total}: {title}"
        page = f'<progress max="{total}" value="{done}"></progress> <small>{escape(text)}</small>'
        self._put({"text/plain": text, "text/html": page})

    def end(self) -> None:
        """Leave an output with nothing in it."""
        self._put({"text/plain": "", "text/html": ""})

    def _put(self, bundle: dict[str, str]) -> None:
        from IPython.display import display  # there is one, since a notebook runs this

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def make_questions(show: Any, total: int) -> Questions:
    """Return what `show` asks for: `auto`, `live` and `text` show progress, `none` (or False) nothing.

    One that was made already is taken as it is: a training that looks before it begins has a place of its own.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(show, Questions):
        return show
    if show in ("none", False):
        return Questions(total)
    if show not in ("auto", "live", "text", True):
        raise ConfigurationError(f"`show` must be 'auto', 'live', 'text' or 'none', got {show!r}")
    return Questions(total, Notebook() if show != "text" and in_notebook() else Terminal())
