"""Several numbers to one row in units of their own: each counts in the loss by its own spread.

Of a price in thousands and a share below 1 the squares differ by a million, and a net learns the loud one alone. The
name of such a loss says the spread of each column, so that it can be saved and made again.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

PREFIX = "columns"
"""How the names of these losses begin."""

APART = 30.0
"""Times that the widest column must be as wide as the narrowest: its squares are 900 times as large."""

MOST = 64
"""Columns above which the name would be too long."""


def name_of(spreads: Sequence[float]) -> str:
    """Return the name of the loss that divides each column by its spread; empty where they are much alike, or many."""
    apart = 1 < len(spreads) <= MOST and max(spreads) > APART * min(spreads) > 0
    return f"{PREFIX} in units of {' '.join(f'{spread:.6g}' for spread in spreads)}" if apart else ""


def in_own_units(name: str, loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the same loss, given answers and targets (N, C) of which each column is divided by its spread."""
    spreads = [float(word) for word in name.split()[4:]]

    def mended(outputs: Any, targets: torch.Tensor) -> Any:
        units = outputs.new_tensor(spreads)
        return loss(outputs / units, targets.reshape(outputs.shape).to(outputs.dtype) / units)

    return mended
