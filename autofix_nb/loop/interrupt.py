"""The stop button: the first interrupt ends the training after the step, the second acts as usual.

The second one waits where it would leave half of something behind: weights of which some were updated, an epoch that is
in the table and not counted yet. While the run is being saved at its end, one more is needed to break that off.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class StopButton:
    """Context that turns the first SIGINT into a call of `on_first`; outside of the main thread it does nothing."""

    def __init__(self, on_first: Callable[[], None], on_closing: Callable[[], None] = lambda: None) -> None:
        """`on_closing` is called when it is pressed while the run is being saved at its end."""
        self._on_first = on_first
        self._on_closing = on_closing
        self._before: Any = None
        self._owner = os.getpid()
        self._held = False
        self._waits = False
        self._closing = False
        self.pressed = False

    def __enter__(self) -> "StopButton":
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in a process that the shell put aside
        if threading.current_thread() is threading.main_thread() and not ignored:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    @property
    def is_held(self) -> bool:
        """Whether the second interrupt waits now."""
        return self._held

    def hold(self) -> None:
        """From here on something must not be left half done: let the second interrupt wait."""
        self._held = True

    def let_go(self) -> None:
        """It is whole again; what waited acts now."""
        self._held = False
        if self._waits:
            self._waits = False
            self._as_before(signal.SIGINT, None)

    def close(self) -> None:
        """The loop is over and the run is being saved: the next interrupt is only answered."""
        self._held = self._waits = False
        self._closing = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a worker process: Jupyter interrupts the whole group, and the owner answers for all
        if self._closing:
            self._closing = False
            self.pressed = True
            self._on_closing()
        elif not self.pressed:
            self.pressed = True
            self._on_first()
        elif self._held:
            self._waits = True
        else:
            self._as_before(number, frame)

    def _as_before(self, number: int, frame: FrameType | None) -> None:
        if callable(self._before):
            self._before(number, frame)
        else:
            raise KeyboardInterrupt
