"""Which learning rate learns fastest without diverging: tried on the side, from tiny to huge, on real batches.

The rate grows by a factor from step to step (Smith 2017, Cyclical Learning Rates), by a larger one as long as it does
nothing at all. Finders that look at the loss of each step's own batch see the noise of the batches: with a batch of a
few rows, or wrong labels, they suggest anything. Here the loss is measured before and after each step on the same few
rows, so that what changes is due to the steps alone. The rate at which it has fallen most is a landmark that hardly
moves from seed to seed: beyond it steps are too large; the steepest fall lies a little below. A rate that one step
bears is not one that a thousand bear, hence the margins.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np

FEWEST_STEPS = 30
"""With fewer, the rates lie too far apart to tell one from the next."""

SHARE = 0.03
"""Share of the run's steps that the test takes where that is more."""

LOWEST, HIGHEST = 1e-6, 10.0
"""Rates of plain gradient descent; those of optimizers that divide by the gradients' size lie lower."""

BELOW_STEEPEST = 4.0
"""The suggestion lies by this factor below the rate of the steepest fall."""

BELOW_LOWEST = 10.0
"""And by this factor below the rate at which the loss was lowest."""

BELOW_DIVERGENCE = 4.0
"""And never nearer to divergence than this factor."""

LEAST_FALL = 0.003
"""Share of the first loss by which it must fall for the test to mean anything."""

IDLE = 1e-4
"""As long as the loss moves by less than this share of the first one, the rate grows in strides."""

STRIDE = 3
"""Steps that a stride is long."""

DIVERGED = 0.25
"""A loss above the first one by this share of it, and by more than it had fallen, is one of a rate too high."""


SPOILT = 0.1
"""Once the loss lies above the first one by this share of it, what it does at still higher rates is luck."""


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What a range test saw, and the rate that it suggests."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    """Loss on the same rows after the step at each rate; the last one may be not finite."""

    suggestion: float | None
    """None where no rate made the loss fall."""

    says: str
    """One sentence without a full stop."""


def steps_for(planned: int) -> int:
    """Return how many steps a range test takes before a run of so many."""
    return max(FEWEST_STEPS, round(SHARE * planned))


def bounds_for(optimizer: Any) -> tuple[float, float]:
    """Return the lowest and highest rate worth a try with an optimizer: those of Adam and its like are unit-free."""
    adaptive = any("betas" in group or "rho" in group or "alpha" in group for group in optimizer.param_groups)
    return (LOWEST, HIGHEST / 10) if adaptive else (LOWEST, HIGHEST)


def range_test(
    step: Callable[[float, Any], float],
    measure: Callable[[], float],
    batches: Iterable[Any],
    *,
    steps: int,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> RangeTest:
    """Try rates from `lowest` to `highest`, one a step, and suggest one.

    `step(rate, batch)` takes one step and returns its loss; `measure()` returns the loss on rows that are the same each
    time. Weights, moments, statistics and random streams change: the caller keeps them, and puts them back.
    """
    first = measure()
    rates: list[float] = []
    losses: list[float] = []
    if not isfinite(first):
        return RangeTest(rates=(), losses=(), suggestion=None, says=f"the loss is {first:g} before any step")
    rate, lowest_loss, diverged = lowest, first, None
    for taken, batch in enumerate(islice(batches, steps), start=1):
        fine = isfinite(step(rate, batch))
        rates.append(rate)
        losses.append(float(measure()) if fine else float("nan"))
        if not _is_sound(losses[-1], first, lowest_loss):
            diverged = rate
            break
        lowest_loss = min(lowest_loss, losses[-1])
        idle = max(abs(losses[-1] - first), first - lowest_loss) < IDLE * abs(first)
        # What strides save at the lower end is spent on smaller steps above; the highest rate is reached either way.
        stride = STRIDE if idle else 1
        rate = min(highest, rate * (highest / rate) ** (stride / max(stride, steps - taken)))
    return _judged(rates, losses, first, diverged)


def _is_sound(loss: float, first: float, lowest_loss: float) -> bool:
    return isfinite(loss) and loss - first <= DIVERGED * abs(first) + (first - lowest_loss)


def _judged(rates: list[float], losses: list[float], first: float, diverged: float | None) -> RangeTest:
    sound = losses if diverged is None else losses[:-1]
    path = _smooth(np.array([first, *sound]))
    spoilt = np.flatnonzero(path > first + SPOILT * abs(first))
    path = path[: spoilt[0]] if len(spoilt) else path
    place = int(path.argmin())
    fall = first - float(path[place])
    plain = {"rates": tuple(rates), "losses": tuple(losses)}
    if place == 0 or fall < LEAST_FALL * abs(first):
        end = f" up to {rates[-1]:.2g}" if rates else ""
        return RangeTest(**plain, suggestion=None, says=f"no rate{end} made the loss fall from {first:.4g}")
    steepest = rates[_steepest(path[: place + 1])]
    if len(spoilt) and diverged is None:
        diverged = rates[spoilt[0] - 1]
    limits = [steepest / BELOW_STEEPEST, rates[place - 1] / BELOW_LOWEST]
    if diverged is not None:
        limits.append(diverged / BELOW_DIVERGENCE)
    suggestion = min(limits)
    says = (
        f"the loss fell from {first:.4g} to {path[place]:.4g} at a rate of {rates[place - 1]:.2g}, fastest at "
        f"{steepest:.2g}{f', and diverged at {diverged:.2g}' if diverged is not None else ''}; suggested is "
        f"{suggestion:.2g}"
    )
    return RangeTest(**plain, suggestion=suggestion, says=says)


def _smooth(path: np.ndarray) -> np.ndarray:
    """Return the median of each loss and its neighbours: one lucky or unlucky step is none that lasts."""
    if len(path) < 3:
        return path
    padded = np.concatenate([path[:1], path, path[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _steepest(path: np.ndarray) -> int:
    """Return the place of the rate in the middle of the steepest fall over three steps."""
    width = min(3, len(path) - 1)
    falls = path[:-width] - path[width:]
    return min(len(path) - 2, int(falls.argmax()) + (width - 1) // 2)
