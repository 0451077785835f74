"""When to draw again: so seldom that drawing takes less than a hundredth of the time, and never in a rush.

The server of a notebook takes 1 MB and 1,000 messages a second (jupyter_server's limits); four updates of at most
100 kB stay far below that.
"""

import time
from collections.abc import Callable

SHARE_OF_TIME = 0.01
"""Drawing takes at most this share of the time."""

LEAST_SECONDS = 0.25
"""Two drawings begin at least so far apart."""


class Throttle:
    """Says when the next drawing is due, by what the last one cost."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._next = self._began
        self.spent = 0.0
        """Seconds that all drawings took together."""

    @property
    def is_due(self) -> bool:
        """Whether it may be drawn now."""
        return self._clock() >= self._next

    @property
    def share(self) -> float:
        """Share of the time since the beginning that drawing took."""
        return self.spent / max(self._clock() - self._began, 1e-9)

    def run(self, draw: Callable[[], object]) -> None:
        """Draw now, and set the next date by what it cost."""
        began = self._clock()
        try:
            draw()
        finally:
            cost = self._clock() - began
            self.spent += cost
            self._next = began + cost + max(LEAST_SECONDS, cost / SHARE_OF_TIME)
