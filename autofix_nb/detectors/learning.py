"""Whether a run learns: the question that most detectors join to their symptom before they speak.

Asked of `gain` first: how much worse the loss is when the targets are paired with the wrong rows. Outputs that
know nothing of the targets have a gain of 0 whatever the loss, its unit and the balance of the classes, so a loss
that merely comes down to the level of chance is not taken for learning. Where there is no gain (a step of the user's
own, one row a batch), the newest losses are compared with the first ones.

Reference: the idea of comparing with wrongly paired targets is that of the permutation test, Ojala and Garriga (2010),
https://www.jmlr.org/papers/v11/ojala10a.html
"""

from dataclasses import dataclass
from math import hypot, inf, nan

import numpy as np

from autofix_nb.history import History

GAINS = 10
"""Newest measurements of the gain that are looked at."""

FEWEST_GAINS = 5
"""Measurements below which nothing is said."""

SURE = 3.0
"""Standard errors above 0 from which a gain, or a fall of the loss, is no accident."""

LEARNT = 0.02
"""Share of the loss of wrongly paired targets from which a gain counts as learning."""

LIFE = 0.002
"""Share from which it is a sign of life: too little to say that it learns, too much to say that it does not."""

FEWEST_LOSSES = 30
"""Losses below which their trend is not judged."""

FIRST_LOSSES = 10
"""Losses that make the beginning of a trend."""

FALL = 0.01
"""Share of its beginning by which a loss must have fallen."""

OVER_CHANCE = 1.1
"""How many times the loss of the best constant answer is clearly above it."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What the outputs know of the targets."""

    share: float
    """Mean gain as a share of the loss of wrongly paired targets."""

    errors: float
    """Mean gain in standard errors."""

    @property
    def is_sure(self) -> bool:
        """Whether it is above 0 by more than chance can make."""
        return self.errors > SURE


def gain_of(history: History, newest: int = GAINS) -> Gain | None:
    """Return the gain over the newest measurements of the present chapter; None where there are too few."""
    gains = _finite(history.now("gain", newest))
    levels = _finite(history.now("mispaired", newest))
    if len(gains) < FEWEST_GAINS or not len(levels):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        mean, level = float(np.mean(gains)), median(np.abs(levels))
        error = float(np.std(gains, ddof=1)) / len(gains) ** 0.5
    if not np.isfinite([mean, level, error]).all():
        return None
    return Gain(
        share=mean / level if level else (inf if mean > 0 else 0.0),
        errors=mean / error if error else (inf if mean > 0 else 0.0),
    )


def loss_falls(history: History, name: str = "loss") -> bool | None:
    """Tell whether the newest third of a loss lies below its first values by more than its noise; None: too short."""
    losses = _finite(history.now(name))
    if len(losses) < FEWEST_LOSSES:
        return None
    first, last = losses[:FIRST_LOSSES], losses[-(len(losses) // 3) :]
    before, after = median(first), median(last)
    noise = hypot(_error_of_median(first), _error_of_median(last))
    return before - after > max(SURE * noise, FALL * abs(before))


def is_learning(history: History) -> bool | None:
    """Tell whether the run learns, or has learnt and holds it; None where that cannot be told (yet).

    None too while a loss still comes down towards the level of chance, as it does when the outputs are far off in size.
    """
    gain = gain_of(history)
    if gain is None:
        return loss_falls(history)
    if gain.is_sure and gain.share > LEARNT:
        return True
    if gain.is_sure and gain.share > LIFE:
        return None
    if is_above_chance(history) and loss_falls(history):
        return None
    return False


def is_above_chance(history: History) -> bool:
    """Tell whether the newest losses are clearly above that of the best constant answer; False where unknown."""
    chance = history.last("chance")
    losses = _finite(history.now("loss", FIRST_LOSSES))
    if not len(losses) or not np.isfinite(chance) or chance <= 0:
        return False
    return median(losses) > OVER_CHANCE * chance


def median(values: np.ndarray) -> float:
    """Return the median of some finite values, without a warning where the largest numbers overflow; NaN of none."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.median(values)) if len(values) else nan


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _error_of_median(values: np.ndarray) -> float:
    """Return the standard error of a median, from the median absolute deviation; for Gaussian noise."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = 1.4826 * median(np.abs(values - median(values)))
    return 1.2533 * spread / len(values) ** 0.5
