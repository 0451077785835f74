"""One axis of a plot: its range, whether it is logarithmic, its few round ticks, and where a value lies on it.

Ticks are 1, 2 or 5 times a power of ten (Heckbert, Nice Numbers for Graph Labels, 1990).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from autofix_nb.report.numbers import short

LOG_FROM = 8.0
"""A positive quantity whose largest value is so many times its smallest is drawn on a logarithmic scale."""

LONE_SPIKE = 6.0
"""On a linear scale, what lies so many times the usual spread beyond the usual values is cut off, and marked."""

MARGIN = 0.06
"""Room above and below the values, as a share of the axis."""

LEAST, MOST = 1e-100, 1e100
"""Sizes beyond these are drawn as these: ratios of them would be no numbers any more."""

TICKS = 4
"""Ticks are at most so many."""


@dataclass(frozen=True)
class Axis:
    """A range of values, in the order of the axis, `low` below `high`."""

    low: float
    high: float
    is_log: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie: 0 at the lower end, 1 at the upper one; what lies beyond is put to the end."""
        values = np.minimum(np.maximum(values, self.low), self.high)
        low, high = self.low, self.high
        if self.is_log:
            values, low, high = np.log(values), math.log(low), math.log(high)
        return (values - low) / (high - low)

    def at(self, value: float) -> float:
        """Return the same of one value."""
        value = min(max(value, self.low), self.high)
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, write: Callable[[float], str] = short, most: int = TICKS) -> list[tuple[float, str]]:
        """Return the values of the ticks, lowest first, about `most`, with what is written beside them."""
        values = _log_ticks(self.low, self.high) if self.is_log else _linear_ticks(self.low, self.high, most)
        values = [value for value in values if self.low <= value <= self.high]
        pairs = list(itertools.pairwise(values))
        apart = min(((high - low) / max(abs(low), abs(high)) for low, high in pairs), default=1.0)
        if apart < 0.005:  # three digits would not tell them apart
            return [(value, _exactly(value, pairs[0][1] - pairs[0][0])) for value in values]
        return [(value, write(value)) for value in values]


def axis_of(
    lows: Sequence[np.ndarray], highs: Sequence[np.ndarray], *, log: bool | None = None, is_whole: bool = False
) -> Axis:
    """Return the axis for finite values; each array has shape (points,). `log` None decides by the values.

    With `is_whole` nothing is cut off. Values that are all without a logarithm have a linear axis, whatever `log` says.
    """
    low_values = np.clip(np.concatenate([*lows, np.empty(0)]), -MOST, MOST)
    high_values = np.clip(np.concatenate([*highs, np.empty(0)]), -MOST, MOST)
    if log and len(high_values):
        log = bool(high_values.max() > LEAST)
    if log:
        high_values = high_values[high_values > LEAST]
        low_values = np.append(low_values[low_values > LEAST], high_values[:1])
    if not len(low_values) or not len(high_values):
        return Axis(0.0, 1.0) if not log else Axis(0.1, 10.0, True)
    low, high = float(low_values.min()), float(high_values.max())
    if log is None:
        log = low > LEAST and high / low >= LOG_FROM
    if log:
        factor = max((high / low) ** MARGIN, 1.15) if high / low > 1.02 else 3.0
        return Axis(low / factor, high * factor, True)
    if not is_whole:
        low, high = _without_lone_spikes(low, high, low_values, high_values)
    size = max(abs(low), abs(high))
    if size <= LEAST:
        return Axis(-0.5, 0.5)
    room = MARGIN * (high - low) if high - low > 1e-9 * size else 0.5 * size
    return Axis(low - room, high + room)


def _without_lone_spikes(low: float, high: float, lows: np.ndarray, highs: np.ndarray) -> tuple[float, float]:
    if len(lows) < 20:
        return low, high
    few = len(lows) * 3 // 100
    bottom, top = float(np.partition(lows, few)[few]), float(np.partition(highs, -few - 1)[-few - 1])
    spread = max(top - bottom, 1e-12 * max(abs(top), abs(bottom)))
    if high > top + LONE_SPIKE * spread:
        high = top + spread / 2
    if low < bottom - LONE_SPIKE * spread:
        low = bottom - spread / 2
    return low, high


def _exactly(value: float, apart: float) -> str:
    """Return a number with the digits that tell it from one so far away."""
    if 1e-6 < apart and abs(value) < 1e9:
        return f"{value:,.{max(0, -math.floor(math.log10(apart) + 1e-9))}f}"
    return f"{value:.{math.ceil(-math.log10(apart / abs(value))) + 1}g}" if value else "0"


def _linear_ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power * nice for nice in (1, 2, 5, 10)):
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first < most:
            break
    return [number * step if number else 0.0 for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = last - first + 1
    if decades >= 2:
        every = -(-decades // TICKS)
        return [10.0**power for power in range(first, last + 1, every)]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for nice in ((1, 3), (1, 2, 5)):
        found = [one for power in powers for one in (10.0**power * factor for factor in nice) if low <= one <= high]
        if 2 <= len(found) <= TICKS:
            return found
    return _linear_ticks(low, high)
