"""What each part of a loss knows of the data and of the targets: asked on the side, in eval mode, without gradients.

A part that is the same for any rows (a penalty on the weights), or that acts on the answers and is the same for any
targets (a wish for small answers), is a means and no end: nothing can be learnt from data by it. Not so one that asks
the model at places of its own, as the edges of a differential equation are. How far a part lies
below its value with the targets of other rows says whether it has learnt anything (the idea of a permutation test,
Good, "Permutation Tests", 2000), also where a `step` of the user's own computes it.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.objective import Shifted, evaluating, held, overheard
from autofix_nb.signals import Pairing

LEAST_ROWS = 4
"""Rows from which a batch is halved, and targets are exchanged."""

SAME = 1e-6
"""Share of its size by which a part may differ, by rounding, and is still the same."""


@torch.no_grad()
def part_knowledge(
    model: nn.Module, objective: Callable[[Any], Any], data: Any
) -> tuple[dict[str, float], list[str], list[str]]:
    """Return `part_gain/<part>`, the parts that know nothing of the data or of the targets, and mere wishes.

    `data` is one batch on the device. The gain is the share of a part's loss with targets of other rows that it lies
    below that. Wishes are the parts of a `step` that hear of nothing but the answers, as a divergence does; here an
    autoencoder's inputs are targets. Buffers move as in any forward pass, and the caller puts them back; random numbers
    are left alone.
    """
    wrong: dict[str, float] = {}
    wishes: list[str] = []
    halves: list[dict[str, float]] = []
    of_answers = False
    with evaluating(model):
        right = _parts(objective, data)
        with suppress(Exception):  # the user's own may take no other rows, or no other targets
            wrong, of_answers = _with_other_targets(objective, data)
        if getattr(objective, "step", None) is not None:
            of_answers = False
            with suppress(Exception):
                heard = _with_held_answers(model, objective, data, right)
                wishes = [name for name, value in right.items() if _are_same(heard.get(name), value)]
                wishes = wishes if len(wishes) < len(right) else []
                wrong = heard or wrong
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
    if blind and getattr(objective, "step", None) is not None:
        with suppress(Exception), evaluating(model):
            shifted = _numbers(objective.step(Shifted(model), data))
            blind = [name for name in blind if _are_same(shifted.get(name), right[name])]
    return gains, blind, [name for name in wishes if name not in blind]


@torch.no_grad()
def held_pair(model: nn.Module, objective: Any, data: Any, aims: Collection[str]) -> tuple[float, float] | None:
    """Return what a step's aims (its loss, where there are none) come to, and that with targets of other rows.

    The answers are held. None where the model is not asked once, or a part is drawn and not computed.
    """
    with suppress(Exception):
        right = _parts(objective, data)
        wrong = _with_held_answers(model, objective, data, right)
        wanted = [name for name in right if name in aims or not aims]
        if wrong and wanted:
            return sum(right[name] for name in wanted), sum(wrong[name] for name in wanted)
    return None


def _parts(objective: Callable[[Any], Any], data: Any, seed: int = 0) -> dict[str, float]:
    with LoadingRandomness(seed):
        return _numbers(objective(data))


def _numbers(result: Any) -> dict[str, float]:
    parts = result.items() if isinstance(result, Mapping) else [("the loss", result)]
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


def _with_held_answers(model: nn.Module, objective: Any, data: Any, right: dict[str, float]) -> dict[str, float]:
    """Return the parts of a step with a piece of the batch of other rows and the answers held: the farthest off of all.

    Nothing where the model is not asked once, or a part is drawn and not computed.
    """
    with overheard(model) as calls:
        _parts(objective, data)
    answers, pieces = calls.only, data if type(data) in (tuple, list) else []

    def parts(batch: Any, seed: int = 0) -> dict[str, float]:
        with LoadingRandomness(seed):
            return _numbers(held(objective.step, model, answers, batch))

    again = [parts(data, seed) for seed in (0, 1)] if answers is not None else [{}]
    if not all(_are_same(one.get(name), value) for one in again for name, value in right.items()):
        return {}
    found = dict(right)
    for place, piece in enumerate(pieces):
        if _can_be_exchanged(piece):
            other = parts(type(data)([*data[:place], _exchanged(piece), *data[place + 1 :]]))
            found |= {one: it for one, it in other.items() if abs(it - right[one]) > abs(found[one] - right[one])}
    return found


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
