"""A rate far too high that still learns a little: nothing diverges, and yet it ends far from where it could.

Two signs, each beside a loss that is well above 0 after a good part of the run. Rates of Adam and its kin have no unit,
since they divide by the size of the gradients: ten times what is usual for nets is seldom meant. Those of SGD have, and
a hundred times what is usual is, where they are counted with what momentum makes of them. Elsewhere it is steps that go
on changing much of the weights while the loss stands, or has risen again. Each may be right now and then
(a linear model whose targets are in the thousands wants a rate of 50), so this is a suspicion: what comes of smaller
steps is found out on the side, and only where that is decisively better is anything done.

Measured over the healthy runs of the gauntlet and over hot ones of conv, recurrent, attention and dense nets: after a
fifth of the run no healthy one with such a rate had a loss above 0.04 of a constant answer's, and none whose loss stood
changed more than 0.02 of its weights in a step.
"""

from dataclasses import dataclass

import numpy as np

from autofix_nb.detectors.life import median_of, rate_rises, update_ratio
from autofix_nb.history import History

UNITLESS = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop"})
"""Optimizers that divide each gradient by its usual size, so that their rates can be compared."""

USUAL = 3e-3
"""A rate of theirs that is usual for nets."""

TIMES = 10.0
"""How many times that a rate must be to be suspected."""

USUAL_SGD, TIMES_SGD = 0.1, 100.0
"""The same for SGD, whose momentum sums up `1 / (1 - momentum)` steps: embeddings are trained at 4 and learn well."""

SOONEST = 40
"""Steps in the present chapter before anything is suspected."""

SHARE = 0.15
"""The same as a share of the planned steps, where that is more."""

AT_ONCE = 20
"""Steps after which such a rate is suspected where the loss is that of a constant answer still: it is early then, and
beginning again costs little."""

AT_CHANCE = 0.9
"""Share of that loss from which it is."""

HIGH = 0.1
"""Share of the loss of a constant answer from which a loss at such a rate is well above 0."""

NEWEST = 10
"""Losses whose median is the present level, at least."""

SHARE_NEWEST = 0.05
"""The same as a share of the planned steps."""

STANDS_HIGH = 0.25
"""The share where the steps are what is suspected."""

LARGE = 0.03
"""Share of the weights that a step changes, looked at for a while, from which they are large for a loss that stands."""

FELL = 0.97
"""Share of the level a third of the run before below which the loss still falls."""


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """What says that the rate is far too high."""

    says: str
    measured: float
    limit: float
    judged: str
    """Name of the signal in whose unit both are."""


def suspected(history: History) -> Suspicion | None:
    """Return what says that the rate is far too high; None where nothing does."""
    planned, (chance, what_it_is) = float(history.facts.get("planned_steps") or 0), yardstick(history)
    losses = history.now("loss")
    losses = losses[np.isfinite(losses)]
    if not planned or len(losses) < AT_ONCE or not chance > 0:
        return None
    late = len(losses) >= max(SOONEST, SHARE * planned)
    level = median_of(losses[-max(NEWEST, int(SHARE_NEWEST * planned) if late else 0) :])
    where = f"after {len(losses)} steps the loss is {level:.4g}, {level / chance:.0%} of {what_it_is}"
    rate, limit, what = _rate(history)
    if rate >= limit and level > (HIGH if late else AT_CHANCE) * chance:
        return Suspicion(says=f"{what}, and {where}", measured=rate, limit=limit, judged="lr")
    if not late:
        return None
    third = len(losses) // 3
    before, newest = median_of(losses[-2 * third : -third]), median_of(losses[-third:])
    thrown = update_ratio(history, looks=5)
    stands = min(newest, level) > max(FELL * before, STANDS_HIGH * chance) and third >= SOONEST // 2
    if not stands or not thrown > LARGE or rate_rises(history):
        return None
    says = f"a step changes {thrown:.2g} of the weights (limit {LARGE:g}), the loss does not fall, and {where}"
    return Suspicion(says=says, measured=thrown, limit=LARGE, judged="update_ratio")


def yardstick(history: History) -> tuple[float, str]:
    """Return the loss of a model that knows nothing, and what it is: of a constant answer, else that of the beginning.

    What a `step` of the user's own computes, and most losses of their own, is known by how it began alone.
    """
    chance = history.last("chance")
    if np.isfinite(chance):
        return chance, "that of a constant answer"
    losses = history.now("loss")
    losses = losses[np.isfinite(losses)]
    return (median_of(losses[:NEWEST]) if len(losses) >= AT_ONCE else float("nan")), "what it began with"


def _rate(history: History) -> tuple[float, float, str]:
    """Return the rate, from which on one is suspected, and what is said of it; infinite where none is suspected."""
    rate, kind, momentum = history.last("lr"), history.facts.get("optimizer"), history.facts.get("momentum") or 0.0
    if kind == "SGD" and 0 <= momentum < 1:
        summed = rate / (1 - momentum)
        beside = f" with a momentum of {momentum:g}" if momentum else ""
        says = f"the rate of {rate:.3g}{beside} is {summed / USUAL_SGD:.0f} times what is usual for SGD ({USUAL_SGD:g})"
        return summed, TIMES_SGD * USUAL_SGD, says
    says = f"the rate of {rate:.3g} is {rate / USUAL:.0f} times what is usual for {kind} ({USUAL:g})"
    return rate, TIMES * USUAL if kind in UNITLESS else float("inf"), says
