"""How far a model's first answers lie from the one answer that suits all rows best, for losses of no known kind.

A likelihood of the user's own (a mean and a variance, the scale and shape of a life time) says nothing of the units of
its targets: with times in days or prices in dollars the first loss is hundreds of times what one answer for all rows
would lose, and the last layer has a long way to go. That answer is searched for column by column, as nobody knows what
the columns mean; how wide each of them is, is told by how fast the loss rises around it.
"""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import torch

from autofix_nb.evidence.chance import quietly
from autofix_nb.objective import total_loss

MOST_COLUMNS = 8
"""Columns of an answer beyond which the search takes too long."""

FEWEST_ROWS = 8
"""Rows below which one answer for all of them is no measure."""

SWEEPS = 60
"""Times that all columns are moved."""

FINEST = 0.01
"""Move, in units of the widest of 1 and the column's value, below which a column has come to rest."""

FAR = 10.0
"""How many times what the best constant loses, and 1, the first answers must lose above that."""

BEYOND = 3.0
"""How many times what the best constant answer loses the best one within bounds must lose."""

RISE = 1.0
"""How much the loss may rise on either side within a column's width, above what it is at the best constant."""

WIDEST, HALVINGS = 2.0**20, 40
"""Width that is tried first, and how often it is halved."""


@dataclass(frozen=True, kw_only=True)
class FarStart:
    """The best constant answer, and what it is worth."""

    first: float
    """Loss of the first answers."""

    constant: float
    """Loss of the best constant one."""

    answer: list[float]
    """The constant, shape (K,)."""

    widths: list[float]
    """How far each column may move before the loss rises by `RISE`, shape (K,)."""


def far_start(loss: Any, outputs: Any, targets: Any) -> FarStart | None:
    """Return how far outputs (N, K) of a model without bounds are from a good start; None where they are not.

    Asked only of targets that are numbers.
    """
    tensors = isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)
    if not tensors or outputs.dim() != 2 or not outputs.is_floating_point() or not targets.is_floating_point():
        return None
    if not (outputs.shape[1] <= MOST_COLUMNS and FEWEST_ROWS <= len(outputs) == len(targets)):
        return None
    outputs = outputs.detach().float()

    def ask(answer: list[float]) -> float:
        made_up = outputs.new_tensor(answer).expand_as(outputs)
        value = float(total_loss(loss(made_up, targets))[0])
        return value if isfinite(value) else inf

    with quietly(), torch.random.fork_rng(devices=[]):
        try:
            first = float(total_loss(loss(outputs, targets))[0])
            answer = _best_constant(ask, outputs.mean(0).tolist())
            constant = ask(answer)
            if not isfinite(constant) or first - constant <= FAR * (1 + abs(constant)):
                return None
            widths = [_width(ask, answer, column, constant) for column in range(len(answer))]
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return None
    rests = all(width < WIDEST for width in widths)
    return FarStart(first=first, constant=constant, answer=answer, widths=widths) if rests else None


def lies_beyond(loss: Any, outputs: Any, targets: Any, low: float, high: float) -> bool:
    """Tell whether the best constant answer lies beyond bounds, and loses a `BEYOND` of what is lost within them."""
    if outputs.dim() != 2 or outputs.shape[1] > MOST_COLUMNS or not targets.is_floating_point():
        return False
    outputs = outputs.detach().float()

    def ask(answer: list[float]) -> float:
        value = float(total_loss(loss(outputs.new_tensor(answer).expand_as(outputs), targets))[0])
        return value if isfinite(value) else inf

    with quietly(), torch.random.fork_rng(devices=[]):
        try:
            answer = _best_constant(ask, outputs.mean(0).tolist())
            free, bound = ask(answer), ask([min(max(value, low), high) for value in answer])
            # A loss without a lowest value falls on, however far one goes.
            farther = ask([2 * value for value in answer])
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return False
    return 0 <= free < min(bound / BEYOND, farther)


def _best_constant(ask: Any, answer: list[float]) -> list[float]:
    """Return the lowest answer that moves of one column at a time find, longer after each that helped."""
    answer, moves = list(answer), [1.0] * len(answer)
    lowest = ask(answer)
    for _ in range(SWEEPS):
        for column in range(len(answer)):
            for sign in (1.0, -1.0):
                tried = list(answer)
                tried[column] += sign * moves[column]
                value = ask(tried)
                if value < lowest:
                    answer, lowest = tried, value
                    moves[column] *= 2
                    break
            else:
                moves[column] /= 2
        if all(move < FINEST * max(1.0, abs(value)) for move, value in zip(moves, answer, strict=True)):
            break
    return answer


def _width(ask: Any, answer: list[float], column: int, constant: float) -> float:
    width = WIDEST
    for _ in range(HALVINGS):
        ends = []
        for sign in (1.0, -1.0):
            tried = list(answer)
            tried[column] += sign * width
            ends.append(ask(tried))
        if max(ends) <= constant + RISE:
            return width
        width /= 2
    return width
