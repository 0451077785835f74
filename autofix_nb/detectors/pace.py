"""Where the loss will end at its present pace: what is left of the run, counted in sums of rates, and the noise of it.

A slow training is not dead, and at most points looks like a healthy one at its beginning. What tells them apart is
where it will be when the run is over. The fall of the loss is taken per sum of learning rates, so that a schedule
that comes down is thought on: a rate that was halved and halved again has less than one more such stretch before it.
Where anything could make the projection too dark, nothing is projected: a rate that rises, a fall that quickens.
"""

from dataclasses import dataclass
from math import exp, hypot, log

import numpy as np

from autofix_nb.detectors.life import median_of, rate_rises
from autofix_nb.history import History

FEWEST = 36
"""Losses below which nothing is projected."""

ERRORS = 2.0
"""Standard errors by which the fall is taken for larger than it seems: the projection is to err on the bright side."""

QUICKENS = 1.3
"""How many times as fast as before the loss falls when it has just begun to learn: too soon for a projection."""

HALVES = 0.7
"""Share of its height to which a rate must have come for its way down to be thought on."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What the loss is, and where it will be at the end of the run."""

    now: float
    end: float
    """Thought on in a line: lower than it will be, since losses fall ever more slowly."""

    falls: bool
    """Whether it falls at all, beyond its noise: what stands is another illness, or none."""

    share: float
    """Thought on by the share that it loses in equal stretches, as measured: losses that come down well fall so."""


def pace_of(history: History) -> Pace | None:
    """Return the loss and its projection; None where there is too little, or where the fall quickens."""
    planned = float(history.facts.get("ends_at") or history.facts.get("planned_steps") or 0)
    steps, losses = history.now_series("loss")
    known = np.isfinite(losses)
    steps, losses = steps[known], losses[known]
    left = planned - history.step("loss")
    if len(losses) < FEWEST or left <= 0 or rate_rises(history):
        return None
    moved = _moved(history, steps)
    thirds = np.array_split(np.arange(len(losses)), 3)
    first, middle, last = (median_of(losses[own]) for own in thirds)
    begin, half, end = (float(moved[own].mean()) for own in thirds)
    if not begin < half < end:
        return None
    early, late = (first - middle) / (half - begin), (middle - last) / (end - half)
    errors = [error_of_median(losses[own]) for own in thirds]
    noise = ERRORS * hypot(errors[0], errors[2]) / (end - begin)
    if late > max(QUICKENS * early, 0.0) + ERRORS * hypot(*errors[1:]) / (end - half):
        return None
    fall = max(early, late, (first - last) / (end - begin)) + noise
    ahead = float(moved[-1]) - end + _sum_left(history, left)
    share = 0.0
    if first > 0 and last > 0:
        share = last * exp(min(0.0, log(last / first)) * ahead / (end - begin))
    falls = first - last > noise * (end - begin)
    return Pace(now=last, end=last - fall * ahead, falls=falls, share=share)


def error_of_median(losses: np.ndarray) -> float:
    """Return the standard error of the median of some losses; of their noise from step to step, not of their fall."""
    return 1.2533 * float(np.diff(losses).std()) / 2**0.5 / len(losses) ** 0.5


def _moved(history: History, steps: np.ndarray) -> np.ndarray:
    """Return the sum of rates up to each of these steps; the steps themselves where rates are unknown."""
    at, rates = history.now_series("lr")
    known = np.isfinite(rates)
    at, rates = at[known], rates[known]
    if not len(rates) or not rates.max() > 0:
        return steps.astype(float)
    sums = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(at))])
    return np.interp(steps, at, sums)


def _sum_left(history: History, left: float) -> float:
    """Return the sum of the rates of the steps left, at most: at the height at hand, or on its way down as it came."""
    at, rates = history.now_series("lr")
    known = np.isfinite(rates)
    at, rates = at[known], rates[known]
    if not len(rates) or not rates.max() > 0:
        return left
    top = int(np.flatnonzero(rates == rates.max())[-1])
    down = rates[top:]
    if rates[-1] > HALVES * rates.max() or (np.diff(down) > 0).any():
        return left * float(rates[-1] if not (np.diff(down) > 0).any() else rates.max())
    decay = log(rates.max() / rates[-1]) / max(1, at[-1] - at[top])
    return float(rates[-1] / decay) * (1 - exp(-decay * left))
