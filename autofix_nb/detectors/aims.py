"""Which parts of a loss a training is for, and which are means: penalties, wishes about the answers, runaways.

The user says it where the goal is a part of the loss. Where it is the whole loss, a part that is the same for any
rows, or for any targets, cannot be what is learnt from the data (see `loop/part_knowledge.py`), and neither can one
that falls without end: it has no best value. What is left is the aim.
"""

import numpy as np

from autofix_nb.history import History

GOAL = "val/loss"

WITHOUT_END = 1000.0
"""How many times below 0 the size of all parts at the first step makes a part one that falls without end."""

WISH_LOOKS = 3
"""Looks at what the other parts explain, at least, before a wish is called in the way."""

BEGINNING = 0.12
"""Share of the planned steps that they must reach through."""

NOTHING = 0.1
"""Share of their loss with targets of other rows that the other parts explain less than, where nothing is learnt."""

BLOWN_UP = 100.0
"""Times the gradient norm of the first step that it comes to where a part falls without end."""


def parts_of(history: History) -> list[str]:
    """Return the names of the parts of the loss."""
    return [name.removeprefix("loss/") for name in history.names() if name.startswith("loss/")]


def aims_of(history: History) -> tuple[str, ...]:
    """Return the parts that the training is for; empty where all are, or none is known to be a means."""
    goal, parts = str(history.facts.get("goal") or ""), parts_of(history)
    if goal.startswith(f"{GOAL}/"):
        part = goal.removeprefix(f"{GOAL}/")
        return (part,) if part in parts and len(parts) > 1 else ()
    blind = history.facts.get("blind_parts") or ()
    means = {*blind, *runaways(history), *wishes_in_the_way(history)} if goal == GOAL else set()
    aims = tuple(part for part in parts if part not in means)
    return aims if means.intersection(parts) else ()


def runaways(history: History, *, now: bool = False) -> list[str]:
    """Return the parts that have fallen below 0 by far more than all parts were large at the first step of the run.

    Gradients must have grown with them: what a critic gives is negative by design, and has no unit.
    `now` asks the present chapter alone: what was turned off stays a runaway, and does not run any more.
    """
    parts = parts_of(history)
    if len(parts) < 2 or not _has_blown_up(history.values("grad_norm")):
        return []
    values = {part: _finite(history.values(f"loss/{part}")) for part in parts}
    size = sum(abs(float(known[0])) for known in values.values() if len(known))
    seen = {part: _finite(history.now(f"loss/{part}")) for part in parts} if now else values
    return [part for part, known in seen.items() if len(known) and float(known.min()) < -WITHOUT_END * size < 0]


def wishes_in_the_way(history: History) -> list[str]:
    """Return the wishes about the answers (see `loop/part_knowledge.py`) beside which nothing was learnt at first.

    A wish is a part of what is wanted, as the divergence of a variational autoencoder is, and its weight is the user's
    business; one that leaves nothing learnt all through the beginning of a run is no wish any more. Said of a run once
    it is that far, the same is said ever after.
    """
    wishes, planned = history.facts.get("wishes") or (), float(history.facts.get("planned_steps") or 0)
    others = [part for part in parts_of(history) if part not in wishes]
    if not wishes or not others:
        return []
    until = BEGINNING * planned
    for part in others:
        steps, gains = history.series(f"part_gain/{part}")
        steps, gains = steps[np.isfinite(gains)], gains[np.isfinite(gains)]
        if len(gains) < WISH_LOOKS or not steps[-1] >= until:
            return []
        early = max(WISH_LOOKS, int((steps <= until).sum()))
        if not (gains[:early] < NOTHING).all():
            return []
    return [part for part in wishes if part in parts_of(history)]


def aimed_losses(history: History, aims: tuple[str, ...]) -> np.ndarray:
    """Return the sum of the aims at each step of the present chapter, as the user computes them; shape (steps,)."""
    series = [history.now(f"loss/{part}") for part in aims]
    count = min((len(one) for one in series), default=0)
    with np.errstate(all="ignore"):
        return np.sum([one[len(one) - count :] for one in series], axis=0) if count else np.zeros(0)


def aimed_gains(history: History, aims: tuple[str, ...]) -> np.ndarray:
    """Return, look by look of the present chapter, the largest share that an aim explains; empty where unknown."""
    series = [history.now(f"part_gain/{part}") for part in aims]
    series = [one for one in series if len(one)]
    count = min((len(one) for one in series), default=0)
    gains = np.max([one[len(one) - count :] for one in series], axis=0) if count else np.zeros(0)
    return gains[np.isfinite(gains)]


def _has_blown_up(norms: np.ndarray) -> bool:
    """Tell whether gradients have grown as they do where there is no bottom; those of a critic held back do not."""
    first = norms[np.isfinite(norms)][:1]
    return bool(len(first)) and (not np.isfinite(norms).all() or bool(norms.max() > BLOWN_UP * first[0]))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]
