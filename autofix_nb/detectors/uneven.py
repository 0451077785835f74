"""Parts of a loss that are all learnt from the targets, and of which one is not heard: thousands of times too quiet.

A penalty may be as small as one likes. A part that changes when the rows get the targets of others is there to be
learnt from, and nobody gives it a ten-thousandth of the weight on purpose: its unit is another one (millimetres beside
kilometres, a sum over pixels beside a mean), or a factor was mistyped. It is the first looks that tell, before one part
is learnt and another is not. Such parts are judged in shares of what each began with, as their sum is that of the
loudest.

Reference: Kendall, Gal and Cipolla (2018), Multi-Task Learning Using Uncertainty to Weigh Losses, where the units of
the parts are what weights have to make up for, https://arxiv.org/abs/1705.07115
"""

import numpy as np

from autofix_nb.detectors.aims import aims_of, parts_of
from autofix_nb.history import History

LOOKS = 2
"""Looks, the first of the run, that must agree."""

TIMES = 3000.0
"""How many times as long the gradient of the loudest part is in each of them; on purpose it is a hundred times."""

TOLD = 1e-6
"""Share of its size by which a part changes with the targets of other rows at some look, to be learnt from them."""

FIRST_LOSSES = 10
"""Losses whose median is what a part began with."""


def uneven_parts(history: History) -> dict[str, float]:
    """Return what each part that is learnt from the targets began with, where one drowns another; else nothing.

    The same all through a run, also when the parts have been weighed since.
    """
    parts = [part for part in aims_of(history) or parts_of(history) if _is_told(history, part)]
    pulls = {part: history.values(f"part_norm/{part}")[:LOOKS] for part in parts}
    pulls = {part: own for part, own in pulls.items() if len(own) == LOOKS and bool((own > 0).all())}
    if len(pulls) < 2 or not all(np.isfinite(own).all() for own in pulls.values()):
        return {}
    every = np.array(list(pulls.values()))
    if not any((every > TIMES * own).any(0).all() for own in pulls.values()):
        return {}
    levels = {part: _first(history.values(f"loss/{part}")) for part in pulls}
    return levels if all(level > 0 for level in levels.values()) else {}


def drowned_parts(history: History) -> tuple[list[str], str]:
    """Return the uneven parts that are not heard, quietest first, and the loudest; empty where all are."""
    parts = uneven_parts(history)
    pulls = {part: np.median(history.values(f"part_norm/{part}")[:LOOKS]) for part in parts}
    loudest = max(pulls, key=pulls.__getitem__, default="")
    quiet = [part for part in pulls if pulls[loudest] > TIMES * pulls[part]]
    return sorted(quiet, key=pulls.__getitem__), loudest


def _is_told(history: History, part: str) -> bool:
    gains = history.values(f"part_gain/{part}")
    return bool((np.abs(gains[np.isfinite(gains)]) > TOLD).any())


def _first(losses: np.ndarray) -> float:
    losses = np.abs(losses[np.isfinite(losses)][:FIRST_LOSSES])
    return float(np.median(losses)) if len(losses) else 0.0
