"""A training that ends in good order before its runtime does: `stop_after="11h"`."""

import math
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from autofix_nb.errors import ConfigurationError

SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_WORDS = re.compile(r"\s*".join(rf"(?:(?P<{unit}>{_NUMBER})\s*{unit})?" for unit in SECONDS))

SPARE_SHARE = 0.05
"""Share of the time that is kept for the last save and the report, at most `SPARE_SECONDS`."""

SPARE_SECONDS = 30.0

LONGEST_SPARE_SHARE = 0.2
"""However long the longest stretch without a look was (a validation, say), no more of the time is kept for one."""


def seconds_of(value: Any) -> float:
    """Return `11`, `"90m"`, `"1h30m"` or a `timedelta` in seconds.

    Raises:
        ConfigurationError: when it is no length of time, or none above 0.
    """
    seconds = math.nan
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        found = _WORDS.fullmatch(value.strip().lower())
        if found and any(found.groups()):
            seconds = sum(float(number) * SECONDS[unit] for unit, number in found.groupdict().items() if number)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ConfigurationError(
            f"`stop_after` must be a length of time above 0, got {value!r}; wanted seconds, a `timedelta`, or text "
            "like '11h', '90m' or '1h30m'"
        )
    return seconds


class TimeLimit:
    """Tells when it is time to end. Counted from when it was made; asked between two steps."""

    def __init__(self, stop_after: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`None` sets no limit.

        Raises:
            ConfigurationError: when it is no length of time.
        """
        self.asked = stop_after
        self.seconds = math.inf if stop_after is None else seconds_of(stop_after)
        self._clock = clock
        self._began = self._last = clock()
        self._longest = 0.0
        self.was_up = False
        """Whether it was said to be time."""

    def start(self) -> None:
        """Count from now."""
        self._began = self._last = self._clock()
        self._longest = 0.0

    def is_up(self, save_seconds: float = 0.0) -> bool:
        """Tell whether to end now, so that a stretch as long as the longest one and a save still fit in."""
        if self.seconds == math.inf:
            return False
        now = self._clock()
        self._longest, self._last = max(self._longest, now - self._last), now
        spare = min(SPARE_SECONDS, SPARE_SHARE * self.seconds) + self._longest + 2 * save_seconds
        spare = min(spare, LONGEST_SPARE_SHARE * self.seconds)
        self.was_up = now - self._began + spare >= self.seconds
        return self.was_up

    def __str__(self) -> str:
        return f"`stop_after={self.asked!r}` is reached"
