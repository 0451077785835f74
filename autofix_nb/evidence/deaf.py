"""Whether a loss is deaf to part of the answers: to most rows, to whole columns, or to all rows of one target, 0 or 1.

Asked by the gradient that it sends back to made-up answers: where that is exactly 0 whatever the answers are, nothing
can be learnt. The first row alone (`loss(outputs[0], targets[0])`), one column of several, a mask that takes out what
matters, a likelihood without its "no" are written quickly, raise nothing, and fall. A part that is left out by its
value (a margin that is kept, a class that is ignored) is another matter.
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch

from autofix_nb.evidence.chance import are_log_probabilities, quietly, sums_to_one
from autofix_nb.objective import total_loss

Deaf = Literal["to_rows", "to_columns", "to_one_side", ""]

FEWEST_ROWS = 8
"""Rows below which nothing is said."""

MOST_HEARD = 0.25
"""Share of the rows that are heard at most where a loss is deaf to rows: half a batch may be left out on purpose."""

SIZES = (-3.0, -0.5, 0.5, 3.0)
"""Answers that are made up: sure and half sure, of no and of yes."""

BOUNDED = (0.1, 0.4, 0.6, 0.9)
"""The same for a model that answers with probabilities."""


def deaf_to(loss: Any, outputs: Any, targets: Any, *, bounded: bool = False) -> Deaf:
    """Return what `loss` is deaf to of outputs like these; empty where it hears all, or cannot be asked.

    `bounded` says that the outputs are probabilities.
    """
    if not (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)):
        return ""
    if not outputs.is_floating_point() or outputs.dim() not in (1, 2) or len(outputs) != len(targets):
        return ""
    if len(outputs) < FEWEST_ROWS or bool((targets == targets[:1]).all()):
        return ""
    try:
        heard = torch.stack([_heard(loss, made, targets) for made in _made_up(outputs, bounded)]).any(0)
        if not bool(heard.any()):
            return ""
        rows = heard.reshape(len(heard), -1).any(1)
        if _is_one_end(rows) and rows.float().mean() <= MOST_HEARD:
            others = targets.roll(len(targets) // 2, 0)
            again = torch.stack([_heard(loss, made, others) for made in _made_up(outputs, bounded)]).any(0)
            return "to_rows" if torch.equal(again.reshape(len(heard), -1).any(1), rows) else ""
    except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
        return ""
    if targets.numel() != outputs.numel() or targets.dim() == 0:
        return ""
    wanted = targets.reshape(outputs.shape)
    if outputs.dim() == 2 and outputs.shape[1] > 1:
        unheard = ~heard.any(0)
        if bool(unheard.any()):
            varies = bool((wanted[:, unheard] != wanted[:1, unheard]).any())
            return "to_columns" if varies and targets.is_floating_point() else ""
        # Shares of a row say no to all others by saying yes to one.
        if sums_to_one(outputs) == 1 or are_log_probabilities(outputs) or bool((wanted.sum(1) == 1).all()):
            return ""
    if not bool(((wanted == 0) | (wanted == 1)).all()):
        return ""
    yes, no = heard[wanted == 1], heard[wanted == 0]
    return "to_one_side" if bool(yes.any()) != bool(no.any()) else ""


def _made_up(outputs: torch.Tensor, bounded: bool) -> Iterator[torch.Tensor]:
    """Yield answers of several sizes, each row and column another one, in turn."""
    sizes = BOUNDED if bounded else SIZES
    places = torch.arange(outputs.numel(), device=outputs.device).reshape(outputs.shape)
    if outputs.dim() == 2:
        places = places + torch.arange(len(outputs), device=outputs.device)[:, None]
    for shift in range(len(sizes)):
        yield torch.tensor(sizes, device=outputs.device, dtype=outputs.dtype)[(places + shift) % len(sizes)]


def _heard(loss: Any, made: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return where the loss changes with the answers, in the shape of these."""
    with quietly(), torch.enable_grad():
        made = made.clone().requires_grad_()
        value = total_loss(loss(made, targets))[0]
        gradient = torch.autograd.grad(value, made)[0]
    return gradient != 0


def _is_one_end(rows: torch.Tensor) -> bool:
    """Tell whether the rows that are heard are the first of the batch, or its last."""
    count = int(rows.sum())
    return bool(rows[:count].all()) or bool(rows[-count:].all())
