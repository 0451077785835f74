"""Where a number stands on an axis, which round numbers are written beside it, and how short a number can be read."""

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Any

LOG_RANGE = (1e-150, 1e150)
"""Numbers that have a place on a log scale: with the room around them they stay within what a computer counts with."""


def number(value: float) -> str:
    """Return a number as short as it can be read: `0.25`, `1,500`, `3e-05`."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def on_log(values: Any) -> Any:
    """Tell whether a number, or each of an array, has a place on a log scale."""
    return (values > LOG_RANGE[0]) & (values < LOG_RANGE[1])


@dataclass(frozen=True)
class Scale:
    """Brings numbers from `low` to `high` onto the way from `start` to `stop`."""

    low: float
    """In powers of ten where `log`."""

    high: float
    start: float
    stop: float
    log: bool = False

    @classmethod
    def padded(cls, low: float, high: float, start: float, stop: float, *, log: bool) -> "Scale":
        """Leave a little room at both ends."""
        if log:
            low, high = log10(low), log10(high)
        room = 0.06 * (high - low) or 0.06 * abs(high) or 0.5
        # Half of both, as the difference of the largest numbers is more than the largest number.
        room = room if isfinite(room) else 0.0
        return cls(low - room, high + room, start, stop, log)

    def __call__(self, value: float) -> float:
        value = log10(value) if self.log else value
        width = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / width if width else 0.5
        return self.start + min(max(share, -1.0), 2.0) * (self.stop - self.start)

    def ticks(self, about: int) -> list[float]:
        """Return round numbers on the way."""
        if self.log:
            first, last = ceil(self.low - 1e-9), floor(self.high + 1e-9)
            every = max(1, ceil((last - first + 1) / about))
            decades = [10.0**power for power in range(first, last + 1, every)]
            if len(decades) > 1:
                return decades
            ends = (10**self.low, 10**self.high)
            return [one for one in _round_between(*ends, about) if one > 0]
        return _round_between(self.low, self.high, about)


def _round_between(low: float, high: float, about: int) -> list[float]:
    width = high / about - low / about
    if not isfinite(width) or width <= 0:
        return [low]
    unit = 10.0 ** floor(log10(width))
    step = next((times * unit for times in (1, 2, 5, 10) if times * unit >= width), width)
    if not step or not isfinite(low / step) or not isfinite(high / step):
        return [low]
    places = range(ceil(low / step), floor(high / step) + 1)
    return [round(place * step, 12) if step > 1e-9 else place * step for place in places]
