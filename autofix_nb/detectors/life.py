"""Signs of life: what tells a slow start from a dead one, and a schedule that still rises from a rate too low.

A run may sit at the level of chance for hundreds of steps and then learn well: deep sigmoid networks, recurrent ones,
sparse parities, warm-ups. Before they do, something moves: outputs spread, gradients grow, the loss bends a little.

References: Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html (sigmoid networks leave their
plateau late); Mann (1945) for the trend test that is used here
"""

import numpy as np

from autofix_nb.detectors.learning import LIFE, gain_of
from autofix_nb.history import History

BLOCKS = 12
"""Pieces into which a stretch is cut; the trend is that of their medians."""

TREND = 2.5
"""Standard errors from which Mann's statistic is a trend: 1 in 160 by accident."""

GROWN = 1.3
"""How many times its level before a signal must reach to have grown."""

RISING_STEPS = 25
"""Steps over which a learning rate is compared with itself."""

RISING = 1.01
"""How many times its value before makes a rate that rises."""

RESTLESS_ROWS = 20
WINDOWS = 20
"""Rows of a window, and windows, over which the predicted shares are compared with one another."""

TOO_LITTLE = 0.6
"""Share of their size that the weights must be able to move in a whole run; healthy ones here moved 2 to 100."""

HIGH_DROPOUT = 0.65
"""Probability from which dropout holds a model back."""

HIGH_DECAY = 0.03
"""Weight decay added to the gradient from which it may hold a model back."""

HIGH_DECOUPLED_DECAY = 1.0
"""Weight decay of AdamW and its kin from which it may hold a model back."""

ABSURD_DROPOUT = 0.85
"""Probability from which dropout leaves next to nothing to learn by; 0.5 is the most that is usual."""

ABSURD_DECAY = 0.1
"""Weight decay added to the gradient of Adam and its kin, which divide both by their size, that drowns the gradient."""

DECOUPLED = frozenset({"AdamW", "NAdamW", "Lion"})
"""Optimizers whose weight decay is multiplied by the learning rate."""


FADES_WITHIN = 50.0
"""Steps within which a decay that is too strong takes most of the weights away, unless gradients build them again."""


def fades_within(history: History) -> float:
    """Return the steps in which the weight decay alone would shrink the weights to a third; infinite without one.

    Of the first parameter group's settings; decay is `1 / (lr * weight_decay)`, in either form of it for SGD, and for
    decoupled decay. Added to the gradient of Adam it is divided by its size, and says nothing by itself.
    """
    decay, rate = float(history.facts.get("weight_decay") or 0.0), history.last("lr")
    by_rate = history.facts.get("optimizer") in DECOUPLED | {"SGD"}
    return 1.0 / (decay * rate) if by_rate and decay * rate > 0 else float("inf")


def signs_of_life(history: History) -> tuple[str, ...]:
    """Return what moves in a run that seems not to learn, in words; empty when nothing does."""
    signs = []
    gain = gain_of(history, newest=20)
    gains = history.now("gain", 60)
    known = gain is not None and gain.is_sure and gain.share > LIFE / 2
    if known or trend(gains, blocks=min(BLOCKS, len(gains) // 2)) > TREND:
        signs.append("the outputs begin to know the targets")
    if trend(history.now("loss", 400)) < -TREND:
        signs.append("the loss falls a little")
    if grows(history.now("output_spread", 80)):
        signs.append("the outputs spread")
    if grows(history.now("grad_norm", 400)):
        signs.append("the gradients grow")
    if rate_rises(history):
        signs.append("the learning rate still rises")
    return tuple(signs)


def gain_bound(history: History, newest: int = 60) -> float:
    """Return how far from 0 the gain is at most, as a share of the loss of wrongly paired targets; NaN where unknown.

    Weak signals and small batches make noisy gains: "not learning" is said where they could have been seen.
    """
    gain = gain_of(history, newest)
    if gain is None:
        return float("nan")
    error = abs(gain.share / gain.errors) if gain.errors and np.isfinite(gain.errors) else 0.0
    return abs(gain.share) + 2 * error  # below 0, outputs know the targets too, and will turn


def trend(values: np.ndarray, blocks: int = BLOCKS) -> float:
    """Return Mann's trend of the medians of consecutive blocks, in standard errors; 0 when there are too few values."""
    values = values[np.isfinite(values)]
    size = len(values) // max(1, blocks)
    if blocks < 4 or size < 2:
        return 0.0
    medians = np.median(values[len(values) - blocks * size :].reshape(blocks, size), axis=1)
    earlier, later = np.triu_indices(blocks, 1)
    balance = np.sum((medians[later] > medians[earlier]).astype(int) - (medians[later] < medians[earlier]))
    return float(balance / np.sqrt(blocks * (blocks - 1) * (2 * blocks + 5) / 18))


def grows(values: np.ndarray) -> bool:
    """Tell whether the newest third of some values lies clearly above the third before, and the trend is upwards."""
    values = values[np.isfinite(values)]
    third = len(values) // 3
    if third < 3:
        return False
    before, newest = np.median(values[-2 * third : -third]), np.median(values[-third:])
    with np.errstate(over="ignore"):
        return bool(newest > GROWN * before) and trend(values, blocks=min(BLOCKS, len(values) // 2)) > TREND / 2


def rate_rises(history: History) -> bool:
    """Tell whether the learning rate still rises: a warm-up, or the way up of a cycle."""
    rates = history.now("lr", RISING_STEPS)
    return len(rates) > 1 and bool(rates[-1] > RISING * rates[0])


def steps_at_rate(history: History) -> int:
    """Return the steps since the learning rate was last below half of what it is: since the warm-up, roughly."""
    steps, rates = history.now_series("lr")
    if not len(rates):
        return 0
    low = np.flatnonzero(rates < rates[-1] / 2)
    begun = steps[low[-1]] if len(low) else steps[0] - 1
    return int(steps[-1] - begun)


def median_of(values: np.ndarray) -> float:
    """Return the median of the finite values; NaN when there are none."""
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float("nan")


def restlessness(history: History) -> float:
    """Return how many times more the predicted shares of the classes change than those of the targets; NaN if unknown.

    Rows are drawn at random, so that the targets of 20 rows vary as dice do, and so do the answers of a model that
    rests. Where every few steps another class is given to all, they vary many times more.
    """
    window = -(-RESTLESS_ROWS // int(history.facts.get("batch_size") or RESTLESS_ROWS))
    ratios = []
    for name in history.names():
        if name.startswith("share/"):
            pair = [history.now(kind + name, WINDOWS * window) for kind in ("", "target_")]
            if min(map(len, pair)) == WINDOWS * window:
                given, wanted = (np.var(values.reshape(WINDOWS, window).mean(axis=1)) for values in pair)
                if wanted > 0:
                    ratios.append(given / wanted)
    return float(np.median(ratios)) if ratios else float("nan")


def movement(history: History) -> float:
    """Return the share of their size that the weights can move in the whole run; NaN where unknown.

    Of the component that moves most, because frozen ones do not count, and at the largest step seen, because a
    model that died by steps too large makes small ones.
    """
    largest = [history.now(name) for name in history.names() if name.startswith("update_ratio")]
    largest = [np.max(values[np.isfinite(values)], initial=0.0) for values in largest if len(values)]
    planned = history.facts.get("planned_steps")
    return float(max(largest)) * float(planned) if largest and planned else float("nan")


def largest_update(history: History) -> float:
    """Return the largest share of the weights that one step changed in the present chapter; NaN where unknown."""
    ratios = history.now("update_ratio")
    ratios = ratios[np.isfinite(ratios)]
    return float(ratios.max()) if len(ratios) else float("nan")


def held_back(history: History) -> tuple[str, ...]:
    """Return the regularisation that is strong enough to keep a model from learning, in words."""
    held = []
    highest = max((history.facts.get("dropout") or {}).values(), default=0.0)
    if highest >= HIGH_DROPOUT:
        held.append(f"dropout is {highest:g}")
    decay = float(history.facts.get("weight_decay") or 0.0)
    decoupled = history.facts.get("optimizer") in DECOUPLED
    if decay >= (HIGH_DECOUPLED_DECAY if decoupled else HIGH_DECAY) or fades_within(history) < FADES_WITHIN:
        held.append(f"weight decay is {decay:g}")
    return tuple(held)


def absurdly_held_back(history: History) -> tuple[str, ...]:
    """Return the regularisation of a strength that nobody means, in words: it need not be waited for what it does."""
    held = []
    highest = max((history.facts.get("dropout") or {}).values(), default=0.0)
    if highest >= ABSURD_DROPOUT:
        held.append(f"dropout is {highest:g}")
    decay, kind = float(history.facts.get("weight_decay") or 0.0), history.facts.get("optimizer")
    added = kind not in DECOUPLED | {"SGD"} and decay >= ABSURD_DECAY
    if added or fades_within(history) < FADES_WITHIN:
        held.append(f"weight decay is {decay:g}")
    return tuple(held)


def update_ratio(history: History, looks: int = 3) -> float:
    """Return the usual share of the weights that one step changed in the newest close looks; NaN where unknown.

    The first step is left out: there Adam changes every weight by its whole rate.
    """
    steps, ratios = history.now_series("update_ratio", looks + 1)
    if len(steps) and steps[0] <= history.since + 2:
        ratios = ratios[1:]
    return median_of(ratios[-looks:])
