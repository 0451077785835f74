"""What a person asks of a training that runs. Asking sets a flag, from any thread; the loop looks between steps."""

import threading
from collections import deque
from enum import StrEnum


class Wish(StrEnum):
    """What is answered once, between two steps."""

    SAVE = "save"
    LOWER_RATE = "lower the rate"
    UNDO_FIX = "undo the last fix"


class Requests:
    """Flags of one run. Nothing here waits for a lock of the loop's, or calls it."""

    def __init__(self) -> None:
        self.stop_reason: str | None = None
        """Why the training should end after this step; None goes on."""

        self.is_paused = False
        """Whether it should wait, or waits, between two steps."""

        self.go_on_asked = False
        """Whether somebody let it go on since the last pause began, whatever had asked for that."""

        self._wishes: deque[Wish] = deque()
        self._news = threading.Event()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be answered. Asked after every step."""
        return not (self._wishes or self.is_paused or self.stop_reason)

    def pause(self) -> None:
        """Let it wait after this step, saved."""
        self.is_paused, self.go_on_asked = True, False
        self._news.set()

    def go_on(self) -> None:
        """Let what waits go on."""
        self.is_paused, self.go_on_asked = False, True
        self._news.set()

    def stop(self, reason: str = "the Stop button of the panel was pressed") -> None:
        """End it after this step, saved; the same cell goes on later."""
        self.stop_reason = reason
        self._news.set()

    def save(self) -> None:
        """Save it after this step."""
        self._wish(Wish.SAVE)

    def lower_rate(self) -> None:
        """Halve the learning rate from the next step on."""
        self._wish(Wish.LOWER_RATE)

    def undo_fix(self) -> None:
        """Undo the newest change that is in force and can be undone."""
        self._wish(Wish.UNDO_FIX)

    def taken(self) -> list[Wish]:
        """Return what waits for an answer, oldest first; it is taken off the list."""
        wishes = []
        while self._wishes:
            wishes.append(self._wishes.popleft())
        return wishes

    def wait(self, seconds: float) -> None:
        """Wait so long, or until something is asked."""
        self._news.wait(seconds)
        self._news.clear()

    def _wish(self, wish: Wish) -> None:
        if wish not in self._wishes:  # pressed twice in one step, it was meant once
            self._wishes.append(wish)
        self._news.set()
