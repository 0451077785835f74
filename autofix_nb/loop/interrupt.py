"""The stop button: the first interrupt ends the training after the step, the second acts as usual."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class StopButton:
    """Context that turns the first SIGINT into a call of `on_first`; outside of the main thread it does nothing."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._before: Any = None
        self._owner = os.getpid()
        self.pressed = False

    def __enter__(self) -> "StopButton":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a worker process: Jupyter interrupts the whole group, and the owner answers for all
        if not self.pressed:
            self.pressed = True
            self._on_first()
            return
        if callable(self._before):
            self._before(number, frame)
        else:
            raise KeyboardInterrupt
