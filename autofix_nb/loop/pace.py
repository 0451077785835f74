"""When a run is saved: as often as costs next to nothing, never too often, and never too seldom."""

from collections.abc import Callable

SHARE_OF_TIME = 0.01
"""Copying and writing together take at most this share of the run's time (the last save and those at a stop aside)."""

LEAST_SECONDS = 1.0
"""Two saves lie at least this far apart."""

LEAST_STEPS = 50
"""Two saves lie at least so many steps apart, unless more were asked for."""

MOST_SECONDS = 600.0
"""Two saves lie at most this far apart, whatever they cost: more than that nobody should lose."""

RETRY_SECONDS = 30.0
"""After a save that failed, the next is tried so much later."""


class Pace:
    """Says when the next save is due. What a save cost puts the next one off."""

    def __init__(self, every: int, clock: Callable[[], float]) -> None:
        """`every` steps where that was asked for; 0 saves as often as it costs next to nothing."""
        self.every = every
        self._clock = clock
        self._step = 0
        """Step of the newest copy that was handed to the writer."""

        self._at = clock()
        self._next = clock() + LEAST_SECONDS

    @property
    def is_overdue(self) -> bool:
        """Whether a save must not wait for the next look any more."""
        return self._clock() - self._at >= MOST_SECONDS

    def is_due(self, step: int) -> bool:
        """Tell whether enough steps, or enough time, went by since the last one."""
        since = step - self._step
        if self.every:
            return since >= self.every
        return self.is_overdue or (since >= LEAST_STEPS and self._clock() >= self._next)

    def copied(self, step: int, at: float) -> None:
        """Take note that the state of this step was copied."""
        self._step, self._at = step, at

    def cost(self, began: float, seconds: float) -> None:
        """Take note of what the save that began then took, copy and all."""
        self._next = began + max(LEAST_SECONDS, seconds / SHARE_OF_TIME)

    def failed(self, last_saved: int) -> None:
        """Take note that a save failed: what there is on the disk is of step `last_saved`."""
        self.copied(last_saved, self._clock())
        self._next = self._clock() + RETRY_SECONDS
