"""What answers a loss of the user's own is made for, told by asking it about answers that no model bounds.

A likelihood of log-probabilities falls by the same amount for each number that is added to all scores of a row: given
raw scores, it falls without end. A loss of overlap (dice, IoU) is meant for shares: outside of 0 to 1 its fraction has
a pole, beyond which wrong answers cost less than right ones. The logarithm of a rate is no number below 0. And a loss
that is lowest beyond what the model's last activation can give cannot be brought there. None of them is known by name:
each is told by what the loss gives for answers that are made up.
"""

from collections.abc import Callable
from math import inf, isclose, isfinite
from typing import Any, Literal

import torch

from autofix_nb.evidence.chance import quietly
from autofix_nb.evidence.far_start import lies_beyond
from autofix_nb.objective import total_loss

Link = Literal["log_softmax", "log_softmax_last", "softmax", "sigmoid", "softplus", ""]
"""The last activation that a loss is made for; `_last` is over the last dimension, else over the second."""

SAYS: dict[Link, str] = {
    "log_softmax": "the loss takes log-probabilities, and the model gives raw scores: it falls by the same amount for "
    "each number that is added to all scores of a row, without end, and teaches nothing by that",
    "sigmoid": "the loss takes shares from 0 to 1, and the model gives numbers without bounds: outside of 0 to 1 wrong "
    "answers cost less than right ones, or nothing that is a number",
    "softmax": "the loss takes probabilities that sum to 1, and the model gives raw scores: outside of 0 to 1 wrong "
    "answers cost less than right ones, or nothing that is a number",
    "softplus": "the loss takes rates above 0, and the model gives numbers of either sign: below 0 the loss is none",
}
"""What is said of a model that lacks it."""

LINES: dict[Link, str] = {
    "log_softmax": "return scores.log_softmax(1)  # at the end of `forward`",
    "log_softmax_last": "return scores.log_softmax(-1)  # at the end of `forward`",
    "softmax": "return scores.softmax(1)  # at the end of `forward`",
    "sigmoid": "return scores.sigmoid()  # at the end of `forward`",
    "softplus": "return nn.functional.softplus(rates)  # at the end of `forward`",
}
"""What to type."""

SAYS["log_softmax_last"] = SAYS["log_softmax"]

HELD = (
    "the loss is clearly lower for answers that the model's last activation cannot give: it ends in {ends_in}, which "
    "gives {low:g} to {high:g}"
)
"""What is said where the last activation holds answers back."""

OF_SHARES: dict[str, Link] = {"yes-or-no probabilities": "sigmoid", "probabilities": "softmax"}
"""What losses that are known to take shares want."""

FEWEST_ROWS = 4
"""Rows below which nothing is said."""

MOST_NUMBERS = 50_000
"""Numbers of an answer beyond which it is not asked about: it is asked hundreds of times."""

SAME = 1e-3
"""Share by which two changes of a loss may differ to count as one."""

TIMES_THE_GAP = 10.0
"""How far below the loss of right answers it must fall outside of 0 to 1, in units of what half-sure answers cost more
than right ones. A loss of logits falls to a half of that at most."""

NEARLY = 0.01
"""How near to 0 and 1 right answers are asked about."""

EVEN = (0.01, 0.99, 0.5)
"""The same answer for all, which must cost more than right ones; half-sure answers are the last."""

SCALES = 300
"""Answers asked about on the way out of 0 to 1: near enough to each other to meet a pole."""

FARTHEST = 30.0
"""The last of them."""

DESCENT_STEPS, RATE = 150, 0.1
"""Steps and rate (Adam) by which free answers look for the lowest loss."""

LOWER = 0.2
"""Share of what the loss can fall by that the last activation must keep it from, to be said."""

SETTLED = 0.05
"""Share of the whole fall that the last third of a descent may bring: else it has no end that is known."""


def wanted_link(loss: Any, outputs: Any, targets: Any, takes: str = "unknown") -> Link:
    """Return the activation that raw outputs lack for this loss; empty where none is missing, or nobody can tell.

    Only for outputs that nothing bounds. `takes` is what `chance.expectation` says of the loss.
    """
    if takes in OF_SHARES:
        within = isinstance(outputs, torch.Tensor) and bool(((outputs >= 0) & (outputs <= 1)).all())
        return "" if within else OF_SHARES[takes]
    if takes != "unknown" or not _can_be_asked(outputs, targets):
        return ""
    outputs = outputs.detach().float()

    def ask(made_up: torch.Tensor, wanted: torch.Tensor = targets) -> float:
        return float(total_loss(loss(made_up, wanted))[0])

    with quietly(), torch.random.fork_rng(devices=[]):
        try:
            dimension = _of_log_probabilities(ask, outputs, targets)
            if dimension is not None:
                return "log_softmax" if dimension == 1 else "log_softmax_last"
            if targets.numel() != outputs.numel() or not targets.is_floating_point():
                return ""
            right = targets.reshape(outputs.shape).to(outputs.dtype)
            if bool(((right == 0) | (right == 1)).all()):
                if not _of_shares(ask, right):
                    return ""
                return "softmax" if _one_of_many(right) else "sigmoid"
            return "softplus" if _of_rates(ask, outputs, right) else ""
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return ""


def is_held_back(loss: Any, outputs: Any, targets: Any, low: float, high: float) -> bool:
    """Tell whether a loss is clearly lower, and settles, for answers beyond `low` to `high`, where the model's end."""
    if not _can_be_asked(outputs, targets):
        return False
    with torch.random.fork_rng(devices=[]):
        try:
            free = _descent(loss, outputs, targets, -inf, inf)
            bound = _descent(loss, outputs, targets, low, high)
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return False
    if not all(map(isfinite, (*free, *bound))):
        return False
    (start, late, end), held = free, bound[-1]
    fall = start - end
    settles = fall > 0 and late - end <= SETTLED * fall
    return (settles and held - end > LOWER * fall) or lies_beyond(loss, outputs, targets, low, high)


def _can_be_asked(outputs: Any, targets: Any) -> bool:
    tensors = isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)
    if not tensors or not outputs.is_floating_point() or outputs.dim() < 1 or not targets.dim():
        return False
    return FEWEST_ROWS <= len(outputs) == len(targets) and outputs.numel() <= MOST_NUMBERS


def _of_log_probabilities(ask: Callable[..., float], outputs: torch.Tensor, targets: torch.Tensor) -> int | None:
    """Return the dimension over which a number added to all scores of a place lowers the loss by its share of them."""
    for dimension in dict.fromkeys((1, outputs.dim() - 1)):
        if not 0 < dimension < outputs.dim() or outputs.shape[dimension] < 2:
            continue
        torch.manual_seed(0)
        size = [1 if place == dimension else length for place, length in enumerate(outputs.shape)]
        for _ in range(2):
            scores = torch.randn_like(outputs)
            here, *moved = (ask(scores + added) for added in (0.0, 1.0, 3.0))
            one = here - moved[0]
            if not (one > SAME and isclose(here - moved[1], 3 * one, rel_tol=SAME)):
                break
            by_place = torch.randn(size, device=outputs.device)
            there, twice = (ask(scores + times * by_place) for times in (1.0, 2.0))
            # Linear in each place by itself, and not in the scores of one place among themselves.
            if not isclose(there - twice, here - there, rel_tol=10 * SAME, abs_tol=SAME * one):
                break
            ends = [ask((times * scores).log_softmax(dimension)) for times in (0.0, 30.0, 90.0)]
            if not all(map(isfinite, ends)) or min(ends) < -SAME or ends[0] <= SAME:
                break
            if isclose(ask(scores, targets.roll(1, 0)), here, rel_tol=1e-6):
                break  # it does not read its targets
        else:
            return dimension
    return None


def _of_shares(ask: Callable[..., float], right: torch.Tensor) -> bool:
    if bool((right == right.flatten()[0]).all()):
        return False
    surely = NEARLY + (1 - 2 * NEARLY) * right  # a logarithm has no value at the ends
    best, *others = (ask(made_up) for made_up in (surely, 1 - surely, *(torch.full_like(right, each) for each in EVEN)))
    if not all(map(isfinite, (best, *others))) or not best < min(others):
        return False
    half = others[-1]
    limit = best - TIMES_THE_GAP * (half - best)
    signs = 2 * right - 1
    for scale in torch.logspace(-2, torch.log10(torch.tensor(FARTHEST)), SCALES).tolist():
        value = ask(scale * signs)
        if not isfinite(value) or value < limit:
            return True
    return False


def _one_of_many(right: torch.Tensor) -> bool:
    """Tell whether each place has a single yes among several: its shares are to sum to 1."""
    return right.dim() > 1 and right.shape[1] > 1 and bool((right.sum(1) == 1).all())


def _of_rates(ask: Callable[..., float], outputs: torch.Tensor, right: torch.Tensor) -> bool:
    """Tell whether the loss is a number for all rates above 0, lowest at the right ones, and none for these outputs."""
    if bool((right < 0).any()) or isfinite(ask(outputs)):
        return False
    rates = right.clamp_min(1e-3)
    best, more, less = (ask(times * rates) for times in (1.0, 1.5, 0.6))
    same = ask(rates.mean().expand_as(rates))
    return all(map(isfinite, (best, more, less, same))) and best < min(more, less, same)


def _descent(loss: Any, outputs: Any, targets: Any, low: float, high: float) -> list[float]:
    """Return the loss at first, after two thirds, and at the end of a descent of the answers themselves."""
    with torch.enable_grad():
        answers = outputs.detach().float().clamp(low, high).requires_grad_()
        optimizer = torch.optim.Adam([answers], lr=RATE)
        values = []
        for step in range(DESCENT_STEPS + 1):
            value = total_loss(loss(answers, targets))[0]
            if step in (0, DESCENT_STEPS * 2 // 3, DESCENT_STEPS):
                values.append(float(value.detach()))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            with torch.no_grad():
                answers.clamp_(low, high)
    return values
