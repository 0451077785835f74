"""A run whose steps are too faint for what is left to learn, although its weights moved well at first, or some do.

What the weights can still change is the size of the newest steps times the steps that are left. Steps die away where an
optimizer divides by all gradients it ever saw (Adagrad), halves its steps at each change of sign (Rprop, made for whole
batches: Riedmiller and Braun 1993), or where weights are averaged as they go; and a parameter group whose rate is
a slip of some powers of ten leaves its part as it was drawn. The largest step seen, by which a rate is judged that is
too low as a whole, shows none of these. A task may also be as good as it gets: so this is a suspicion, and what comes
of a usual optimizer is found out on the side.
"""

import numpy as np

from autofix_nb.detectors.behind import MARGIN_MENDED, limit_of
from autofix_nb.detectors.hot import TIMES, TIMES_SGD, UNITLESS, USUAL, USUAL_SGD, Suspicion
from autofix_nb.detectors.life import median_of, rate_rises
from autofix_nb.detectors.pace import pace_of
from autofix_nb.history import History

SOONEST = 40
"""Steps in the present chapter before anything is suspected."""

SHARE = 0.15
"""The same as a share of the planned steps, where that is more."""

LEFT = 0.2
"""Share of the planned steps that must be left."""

HIGH = 0.3
"""Share of the loss of a constant answer, else of the run's start, from which there is much left to learn."""

LITTLE = 0.4
"""Share of their size that the weights can change in the steps left, below which those are too faint."""

DIED = 0.4
"""Share of the largest step after the first look that the newest ones must be below to have died away."""

NOTHING = 0.01
"""The same of one component in the whole run, below which it stays as it was drawn."""

MOVES = 0.6
"""The same of a component that moves well."""

NEWEST = 10
"""Losses whose median is the present level, at least."""

SHARE_NEWEST = 0.05
"""The same as a share of the planned steps."""

ENDS = 0.4
"""Share of that loss at which the run is to end, thought on by shares, above which it may be too slow."""

SAME_ANSWER = 1e-6
"""Spread of the outputs across rows below which all rows get the same answer."""

LOOKS = 3
"""Close looks whose median is the present size of a step."""


def suspected(history: History) -> Suspicion | None:
    """Return what says that the steps are too faint; None where nothing does."""
    planned = float(history.facts.get("planned_steps") or 0)
    losses = history.now("loss")
    losses = losses[np.isfinite(losses)]
    if not planned or len(losses) < max(SOONEST, SHARE * planned) or rate_rises(history):
        return None
    left = float(history.facts.get("ends_at") or planned) - history.step("loss")
    level, chance = median_of(losses[-max(NEWEST, int(SHARE_NEWEST * planned)) :]), history.last("chance")
    ceiling = chance if chance > 0 else median_of(losses[:NEWEST])
    dead = history.last("output_spread") < SAME_ANSWER  # another illness
    if dead or left < LEFT * planned or not level > HIGH * ceiling > 0:
        return None
    limit, pace = limit_of(history, margin=MARGIN_MENDED), pace_of(history)
    if limit is not None and pace is not None and not pace.share > limit:
        return None  # it will come as far as a simple model: there is not much left to learn
    where = f"after {len(losses)} steps the loss is {level:.4g}"
    return _stays(history, planned, where) or _dies(history, left, where) or _ends_high(history, ceiling, where)


def _dies(history: History, left: float, where: str) -> Suspicion | None:
    """Return that the steps left can hardly change the component any more that moves most."""
    each_of_all = [history.now(name) for name in _components(history)]
    each = [values[-LOOKS:] for values in each_of_all]
    newest = max((median_of(values) for values in each if len(values) == LOOKS), default=float("nan"))
    largest = max((float(np.nanmax(values[1:])) for values in each_of_all if len(values) > LOOKS), default=0.0)
    if not newest * left < LITTLE or not newest < DIED * largest:
        return None  # what is left of a short run is little, and its steps are as they were
    says = f"a step changes {newest:.2g} of the weights by now, the {left:g} steps left can change {newest * left:.2g}"
    return Suspicion(says=f"{says} (limit {LITTLE:g}), and {where}", measured=newest * left, limit=LITTLE, judged="")


def _stays(history: History, planned: float, where: str) -> Suspicion | None:
    """Return that a component stays as it was drawn, while another moves well."""
    can = {}
    for name in _components(history):
        values = history.now(name)
        values = values[np.isfinite(values)]
        if len(values) >= LOOKS and "/" in name:
            can[name.partition("/")[2]] = float(values.max()) * planned
    if not can or max(can.values()) < MOVES:
        return None
    stays = min(can, key=can.__getitem__)
    if not 0 < can[stays] < NOTHING:  # what does not move at all is frozen, or another illness
        return None
    says = f"`{stays}` can change by {can[stays]:.2g} of its size in all {planned:g} steps (limit {NOTHING:g})"
    return Suspicion(says=f"{says}, others by much, and {where}", measured=can[stays], limit=NOTHING, judged="")


def _ends_high(history: History, ceiling: float, where: str) -> Suspicion | None:
    """Return that the loss falls and will be high at the end at this pace, at a rate neither usual nor high."""
    rates, kind = history.now("lr"), history.facts.get("optimizer")
    height = float(np.nanmax(rates)) if len(rates) else 0.0
    momentum = min(0.999, float(history.facts.get("momentum") or 0.0))
    hot = kind == "SGD" and height / (1 - momentum) > TIMES_SGD * USUAL_SGD
    if not kind or hot or (kind in UNITLESS and height >= USUAL / TIMES):
        return None  # a usual rate, or one that is too high rather
    pace = pace_of(history)
    if pace is None or not pace.falls or not pace.share > ENDS * ceiling:
        return None
    says = f"{where}, and at its pace it will be at {pace.share:.4g} in the end, {pace.share / ceiling:.0%} of"
    return Suspicion(
        says=f"{says} {ceiling:.4g} (limit {ENDS:.0%}), by {kind} at {height:.3g}",
        measured=pace.share,
        limit=ENDS * ceiling,
        judged="loss",
    )


def _components(history: History) -> list[str]:
    return [name for name in history.names() if name.startswith("update_ratio")]
