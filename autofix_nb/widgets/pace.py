"""How fast a run goes, and how long it will still take: by its last one or two epochs, validation and all."""

import time
from collections.abc import Callable

MARKS_A_RUN = 40
"""Where an epoch is long or the only one, the pace is that since about so small a part of the run (1/40) ago."""

LEAST_SECONDS = 2.0
"""Before so much time has gone by, nothing is said of how long it takes."""


class Pace:
    """Follows how much of the run is done. Time for trainings on the side is left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._points: list[tuple[float, float, int]] = []
        """(seconds, share done, steps), oldest first; the last one is now."""

        self._aside_since: float | None = None
        self._left_out = 0.0
        self.share = 0.0
        """Share of the run that is done."""

    def note(self, share: float, steps: int, *, epochs: int) -> None:
        """So much of the run is done, of which so many epochs are planned."""
        self.back()
        now = self._clock() - self._left_out
        self.share = share
        points = self._points
        apart = min(1.0 / max(epochs, 1), 1.0 / MARKS_A_RUN)
        if len(points) > 1 and points[-1][1] - points[-2][1] < apart:
            points[-1] = now, share, steps
        else:
            points.append((now, share, steps))
        window = 2.0 / max(epochs, 1)
        while len(points) > 2 and share - points[1][1] >= min(window, 0.5):
            del points[0]

    def aside(self) -> None:
        """What happens now is no step of the run."""
        if self._aside_since is None:
            self._aside_since = self._clock()

    def back(self) -> None:
        """The run goes on."""
        if self._aside_since is not None:
            self._left_out += self._clock() - self._aside_since
            self._aside_since = None

    @property
    def seconds_left(self) -> float | None:
        """How long it will take from here; None while that cannot be told."""
        done = self._done()
        if done is None or done[1] <= 0:
            return None
        return (1.0 - self.share) * done[0] / done[1]

    @property
    def steps_a_second(self) -> float | None:
        """Steps in a second, validation and saving included; None while that cannot be told."""
        done = self._done()
        return None if done is None or done[2] <= 0 else done[2] / done[0]

    def _done(self) -> tuple[float, float, int] | None:
        if len(self._points) < 2:
            return None
        (began, share, steps), (now, share_now, steps_now) = self._points[0], self._points[-1]
        if now - began < LEAST_SECONDS:
            return None
        return now - began, share_now - share, steps_now - steps
