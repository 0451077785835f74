"""Signals that come to nothing on their way forward: through a sequence, through weights far too small, or a depth.

What does not come through forward brings no gradient back. Each of these is common at the start of healthy trainings,
too: an LSTM as it is usually drawn forgets within a dozen steps, deep nets begin with answers that are the same for all
rows, and all of them wake up. So each must last, must not be growing, and nothing may be learnt beside it; where the
weights themselves are far outside of all usual sizes, less patience is needed.
"""

from dataclasses import dataclass

import numpy as np

from autofix_nb.detectors.learning import gain_of, is_learning, median
from autofix_nb.detectors.life import grows, rate_rises
from autofix_nb.history import History

LOOKS = 3
"""Close looks, the first one among them, in all of which a layer must hear nothing of the beginning."""

HEARD = 1e-3
"""Change of the last state by the beginning of a sequence, over that by its end, below which it is not heard."""

FASTER = 3.0
"""How many times its first value it must reach to be coming to life."""

PATIENCE = 0.3
"""Share of the planned steps that is left alone, where the weights are of a usual size."""

LEAST = 60
"""Steps that are left alone then at least."""

SMALL = 1.0
"""Times the usual size below which an odd weight is too small."""

FEW_STEPS = 25
"""Steps after which a run with odd weights is judged at the soonest."""

FEW_SHARE = 0.1
"""The same as a share of the planned steps, where that is more."""

KNOWS = 0.3
"""Share of the loss of wrongly paired targets from which a run has learnt well whatever its weights are."""

MUTED = 0.03
"""Spread of the answers across rows, over their size, below which rows hardly differ; 0.19 and more at the start of
healthy trainings (measured on 85), also of slow ones."""

BEHIND = 0.03
"""Gradient norm of the first layers over that of the last ones below which they hardly hear; there 0.07 and more."""

ANSWERS = 6
"""Newest measurements of the spread, in all of which it must be so."""

SOON = 40
"""Steps before that is said at least."""

SOON_SHARE = 0.1
"""The same as a share of the planned steps, where that is more."""


def small_weights(history: History) -> dict[str, float]:
    """Return the weights that are many times too small, with how many times the usual size they have."""
    return {name: times for name, times in (history.facts.get("odd_weights") or {}).items() if times < SMALL}


def deaf_layer(history: History) -> tuple[str, float, list[str]] | None:
    """Return a recurrent layer that hears nothing of the beginning of its sequences, its reach, and its odd weights.

    None where there is none, where it has not lasted, or where something is learnt.
    """
    for name in history.facts.get("recurrent", ()):
        reach = history.now(f"reach/{name}")
        reach = reach[np.isfinite(reach)]
        if len(reach) < LOOKS or not reach.max() < HEARD or reach[-1] > FASTER * max(reach[0], 1e-9):
            continue
        odd = [one for one in small_weights(history) if one.startswith(f"{name}.")]
        planned = float(history.facts.get("planned_steps") or 0)
        steps = history.step("loss") - max(0, history.since)
        if is_learning(history) is True or (not odd and steps < max(LEAST, PATIENCE * planned)):
            continue
        return name, float(reach.max()), odd
    return None


def spoilt_by_its_weights(history: History) -> tuple[str, float] | None:
    """Return the oddest of the weights that no rule draws, with how many times the usual size it has.

    None where there is none, or the run has learnt well. None of 85 healthy trainings had such weights.
    """
    equal = history.facts.get("equal_weights") or ()  # dead or alike units show those
    odd = {name: times for name, times in (history.facts.get("odd_weights") or {}).items() if name not in equal}
    planned = float(history.facts.get("planned_steps") or 0)
    steps = history.step("loss") - max(0, history.since)
    gain = gain_of(history)
    if not odd or gain is None or steps < max(FEW_STEPS, FEW_SHARE * planned) or rate_rises(history):
        return None
    if gain.is_sure and gain.share > KNOWS:
        return None
    return max(odd.items(), key=lambda one: max(one[1], 1 / max(one[1], 1e-9)))


def is_high(history: History, share: float, newest: int = 10) -> bool:
    """Tell whether the newest losses are above this share of a constant answer's, else of the run's start."""
    losses = history.now("loss")
    losses = losses[np.isfinite(losses)]
    if not len(losses):
        return False
    chance, level = history.last("chance"), median(losses[-newest:])
    ceiling = chance if np.isfinite(chance) and chance > 0 else median(losses[:newest])
    return level > share * ceiling > 0


@dataclass(frozen=True, kw_only=True)
class Muted:
    """Answers that hardly hang on the inputs, and first layers that hardly hear of the loss."""

    spread: float
    ratio: float
    where: str
    """The first component."""


def muted(history: History, norms: dict[str, float]) -> Muted | None:
    """Return that signals come to nothing forward and backward; None where either does not, or something is learnt.

    `norms` are the usual gradient norms of the components, in the model's order. Each of the two is met alone in
    healthy runs: targets far from 0 have answers that are nearly the same, and transformers small gradients in front.
    """
    spreads = history.now("output_spread", ANSWERS)
    planned = float(history.facts.get("planned_steps") or 0)
    steps = history.step("loss") - max(0, history.since)
    if len(spreads) < ANSWERS or not 0 < spreads.max() < MUTED or steps < max(SOON, SOON_SHARE * planned):
        return None
    names = [name for name, norm in norms.items() if norm > 0]
    last = max((norms[name] for name in names[len(names) // 2 :]), default=0.0)
    if len(names) < 2 or not norms[names[0]] < BEHIND * last:
        return None
    if is_learning(history) is not False or grows(history.now("output_spread", 80)) or rate_rises(history):
        return None
    return Muted(spread=float(spreads.max()), ratio=norms[names[0]] / last, where=names[0])
