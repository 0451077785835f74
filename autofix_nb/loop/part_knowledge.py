"""What each part of a loss knows of the data and of the targets: asked on the side, in eval mode, without gradients.

A part that is the same for any rows (a penalty on the weights), or that acts on the answers and is the same for any
targets (a wish for small answers), is a means and no end: nothing can be learnt from data by it. How far a part lies
below its value with the targets of other rows says whether it has learnt anything (the idea of a permutation test,
Good, "Permutation Tests", 2000), also where a `step` of the user's own computes it.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.objective import evaluating
from autofix_nb.signals import Pairing

LEAST_ROWS = 4
"""Rows from which a batch is halved, and targets are exchanged."""

SAME = 1e-6
"""Share of its size by which a part may differ, by rounding, and is still the same."""


@torch.no_grad()
def part_knowledge(model: nn.Module, objective: Callable[[Any], Any], data: Any) -> tuple[dict[str, float], list[str]]:
    """Return `part_gain/<part>`, and the names of the parts that know nothing of the data or of the targets.

    `data` is one batch on the device. The gain is the share of a part's loss with targets of other rows that it lies
    below that. Buffers move as in any forward pass, and the caller puts them back; random numbers are left alone.
    """
    wrong: dict[str, float] = {}
    halves: list[dict[str, float]] = []
    of_answers = False
    with evaluating(model):
        right = _parts(objective, data)
        with suppress(Exception):  # the user's own may take no other rows, or no other targets
            wrong, of_answers = _with_other_targets(objective, data)
        with suppress(Exception):
            # With other random numbers: what is drawn and judged, as a generator's pictures are, is no penalty.
            halves = [_parts(objective, half, seed) for seed, half in enumerate(_halves(data), start=1)]
    gains, blind = {}, []
    for name, value in right.items():
        other = wrong.get(name)
        if other is not None and other != 0 and isfinite(other - value):
            gains[f"part_gain/{name}"] = (other - value) / abs(other)
        alike = len(halves) == 2 and all(_are_same(half.get(name), value) for half in halves)
        if value and isfinite(value) and (alike or (of_answers and _are_same(other, value))):
            blind.append(name)
    return gains, blind


def _parts(objective: Callable[[Any], Any], data: Any, seed: int = 0) -> dict[str, float]:
    with LoadingRandomness(seed):
        return _numbers(objective(data))


def _numbers(result: Any) -> dict[str, float]:
    parts = result.items() if isinstance(result, Mapping) else ()
    return {
        str(name): float(part)
        for name, part in parts
        if name != "loss" and isinstance(part, torch.Tensor) and part.numel() == 1
    }


def _with_other_targets(objective: Any, data: Any) -> tuple[dict[str, float], bool]:
    """Return the parts with targets of other rows, and whether all of them are computed of the same answers.

    Nothing where the targets are not known by their place.
    """
    outputs, targets = getattr(objective, "outputs", None), getattr(objective, "targets", None)
    task = getattr(objective, "task", None)
    if task is not None and isinstance(outputs, torch.Tensor) and _can_be_exchanged(targets):
        with Pairing().asking(task.loss) as may, LoadingRandomness(0):
            return (_numbers(task.loss(outputs, _exchanged(targets))) if may else {}), True
    if type(data) in (tuple, list) and len(data) > 1 and _can_be_exchanged(data[-1]):
        return _parts(objective, type(data)([*data[:-1], _exchanged(data[-1])])), False
    return {}, False


def _can_be_exchanged(targets: Any) -> bool:
    return isinstance(targets, torch.Tensor) and targets.dim() > 0 and len(targets) >= LEAST_ROWS


def _exchanged(targets: torch.Tensor) -> torch.Tensor:
    return targets.roll(len(targets) // 2, 0)


def _halves(data: Any) -> list[Any]:
    """Return two halves of a batch; none where its rows cannot be told apart, or are too few."""
    try:
        size = structure.rows(data)
        if size < LEAST_ROWS:
            return []
        middle = size // 2
        return [structure.take(data, list(range(*ends)), size) for ends in ((0, middle), (middle, size))]
    except structure.NotSliceable:
        return []


def _are_same(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= SAME * max(abs(one), abs(other))
