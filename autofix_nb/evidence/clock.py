"""The time that looking may take, and what is left of it."""

import time
from collections.abc import Callable

from autofix_nb.finding import NotApplicable


class Clock:
    """A budget of seconds. What does not fit into the rest of it is not begun."""

    def __init__(self, budget_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.budget_seconds = budget_seconds
        self._now = now
        self._began = now()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._now() - self._began

    @property
    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.budget_seconds - self.spent)

    def need(self, seconds: float, what: str) -> None:
        """Return when so many seconds are left.

        Raises:
            NotApplicable: when they are not; `what` says what they are needed for.
        """
        if self.left < seconds:
            about = f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.1g}"
            raise NotApplicable(
                f"no time left: {what} takes about {about} s, {self.left:.0f} s of "
                f"`budget_seconds={self.budget_seconds:g}` are left"
            )
