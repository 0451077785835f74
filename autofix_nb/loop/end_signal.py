"""SIGTERM: a system that shuts down, a scheduler whose time is up, a kernel that is restarted. Some seconds are left.

The training ends after the step and is saved; then the signal does what it did before. A handler of the user's own is
called at once, and may end the training its own way. Jupyter's server sends SIGTERM half of its five seconds before
SIGKILL (`KernelManager.shutdown_wait_time`).
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class EndSignal:
    """Context that turns the first SIGTERM into a call of `on_signal`; outside of the main thread it does nothing."""

    def __init__(self, on_signal: Callable[[], None]) -> None:
        self._on_signal = on_signal
        self._before: Any = None
        self._installed = False
        self._owner = os.getpid()
        self.came = False

    def __enter__(self) -> "EndSignal":
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGTERM)
            # One that is ignored stays ignored; one that was not made in Python could not be put back.
            if before is not None and before is not signal.SIG_IGN:
                self._before = signal.signal(signal.SIGTERM, self._handle)
                self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        """Put back the handler from before. `pass_on` then does what is left."""
        if self._installed:
            signal.signal(signal.SIGTERM, self._before)
            self._installed = False

    def pass_on(self) -> None:
        """End the process if that was asked for, now that everything is saved and the handler is as it was."""
        if self.came and not callable(self._before):
            os.kill(os.getpid(), signal.SIGTERM)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner or self.came:  # a process that was forked off must be ended by it as ever
            if not callable(self._before):
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTERM)
                return
        else:
            self.came = True
            self._on_signal()
        if callable(self._before):
            self._before(number, frame)
