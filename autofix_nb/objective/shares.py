"""Yes and no that are written otherwise than 1 and 0: as 255 and 0, 100 and 0, 1 and -1, 2 and 1.

A cross-entropy of yes or no takes shares from 0 to 1 and does not complain of others: with masks as they lie on the
disk (0 and 255) it falls without end while all is answered yes. What is done about it has a name that says both ends,
so that it can be saved and made again.
"""

from collections.abc import Callable
from typing import Any

import torch

PREFIX = "shares"
"""How the names of these losses begin."""

WHOLE = (255.0, 100.0)
"""What counts as all of something where there are values in between: a byte, and per cent."""

OUTSIDE = 0.5
"""How far targets must lie outside of 0 to 1: labels that are smoothed a little too far mean something else."""


def name_of(targets: torch.Tensor) -> str:
    """Return the name of the loss that reads such targets as shares from 0 to 1; empty where that is not sure.

    Two values are no and yes, whatever they are; more than two must reach from 0 or more to a whole byte or 100.
    """
    low, high = float(targets.min()), float(targets.max())
    if not (low < -OUTSIDE or high > 1 + OUTSIDE) or low == high:
        return ""
    ends = bool(((targets == low) | (targets == high)).all())
    if ends:
        return f"{PREFIX} from {low:g} to {high:g}, ends"
    return f"{PREFIX} from 0 to {high:g}" if low >= 0 and high in WHOLE else ""


def read_as_shares(name: str, loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the same loss, given targets as shares from 0 to 1.

    A batch that fits 0 to 1 already is left alone: the other side of the data may be written rightly.
    """
    low, high = (float(word.rstrip(",")) for word in name.split()[2:5:2])
    ends = name.endswith("ends")

    def mended(outputs: Any, targets: torch.Tensor) -> Any:
        shares = (targets.to(outputs.dtype) - low) / (high - low)
        # Asked on the device: nobody waits for the answer.
        other = ~((targets == low) | (targets == high)).all() if ends else targets.max() <= 1
        return loss(outputs, torch.where(other, targets.to(outputs.dtype), shares))

    return mended


def says(name: str) -> str:
    """Return what such a loss does, in words."""
    low, high = (word.rstrip(",") for word in name.split()[2:5:2])
    return f"the loss reads the targets, {low} to {high}, as shares from 0 to 1"


def line(name: str) -> str:
    """Return what to type."""
    low, high = (word.rstrip(",") for word in name.split()[2:5:2])
    return f"targets = (targets - {low}) / ({high} - {low})" if low != "0" else f"targets = targets / {high}"
