"""A few rows that judge: what a training has come to, by the loss and the metrics as the user gave them."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from autofix_nb.data import structure
from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.detectors.aims import aims_of
from autofix_nb.detectors.uneven import uneven_parts
from autofix_nb.errors import StoreError
from autofix_nb.loop.part_knowledge import held_pair
from autofix_nb.loop.thresholds import answers, even_goal
from autofix_nb.objective import evaluating, total_loss
from autofix_nb.objective.treatment import Treatment, treated
from autofix_nb.policy import Score
from autofix_nb.signals import Pairing

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

BATCHES = 16
"""Judging batches, at most."""

ROWS = 2048
"""Rows in them, at most; the batch that passes this number is the last."""

PIECES = 10
"""Pieces of the rows in which is asked what the outputs know of the targets."""


class Judge:
    """Judges the model of a guard on the same batches each time. Nothing of the training is changed by it."""

    def __init__(self, guard: "Guard", batches: Sequence[Any], *, as_it_trains: bool = False) -> None:
        """`as_it_trains` judges in training mode, with the same random numbers each time: running statistics lag."""
        self._guard = guard
        self._batches = list(batches)
        self._as_it_trains = as_it_trains

    def __call__(self) -> Score:
        if not self._as_it_trains:
            with evaluating(self._guard.model):
                return self._judged()
        before = self._guard.stepper.before.again()
        with LoadingRandomness(0):
            score = self._judged()
        before.restore()
        return score

    @torch.no_grad()
    def _judged(self) -> Score:
        guard = self._guard
        objective = guard.objective
        losses, sizes, outputs, targets = [], [], [], []
        named = guard.goal.removeprefix("val/loss/")  # before the first step it is not known yet what the parts are
        aims = (named,) if named != guard.goal else aims_of(guard.history)
        began = uneven_parts(guard.history) if named == guard.goal else {}
        try:
            with guard.stepper.autocast():
                for data in self._batches:
                    guard.heed()
                    losses.append(_wanted(*total_loss(objective(data)), aims, began))
                    sizes.append(_rows(data))
                    if isinstance(getattr(objective, "outputs", None), torch.Tensor):
                        outputs.append(objective.outputs.detach().float().cpu())
                        targets.append(structure.to_device(objective.targets, torch.device("cpu")))
        except StoreError:  # another kernel has taken the run over
            raise
        except Exception as error:  # noqa: BLE001 - a change that does not fit the model is no better than no change
            return Score(failed=f"{type(error).__name__}: {error}")
        loss = float(np.average(losses, weights=sizes)) if losses else math.nan
        if getattr(objective, "task", None) is None and getattr(objective, "step", None) is not None:
            pairs = [held_pair(guard.model, objective, data, aims) for data in self._batches]
            gains, mispaired = _of_pairs([pair for pair in pairs if pair is not None])
        else:
            gains, mispaired = _gains(objective, outputs, targets)
        even = bool(guard.history.facts.get("even_goal"))
        if even:
            goal, rows = _even(getattr(objective, "task", None), outputs, targets)
        else:
            goal, rows = _goal(guard.metrics, guard.goal, outputs, targets), sum(sizes)
        return Score(
            loss=loss,
            losses=tuple(losses),
            gains=gains,
            mispaired=mispaired,
            goal=goal,
            higher_is_better=guard.higher_is_better,
            rows=rows,
            failed="" if math.isfinite(loss) else f"the loss is {loss}",
        )


def _gains(objective: Any, outputs: list[torch.Tensor], targets: list[Any]) -> tuple[tuple[float, ...], float]:
    """Return how far the loss lies below that with targets of other rows, in pieces of the rows, and that loss.

    Nothing where rows and targets do not go together, or the loss may not be asked twice.
    """
    task, treatment = getattr(objective, "task", None), getattr(objective, "treatment", None)
    pairs_of = zip(outputs, targets, strict=False)
    fit = outputs and all(isinstance(one, torch.Tensor) and len(one) == len(its) for its, one in pairs_of)
    if task is None or not fit or not (_have_one_shape(outputs) and _have_one_shape(targets)):
        return (), math.nan
    loss = task.loss if treatment is None else treated(task, Treatment(loss=treatment.loss))
    every, wanted, pairing, pairs = torch.cat(outputs), torch.cat(targets), Pairing(), []
    with pairing.asking(loss) as may:
        # Rows far apart make a piece: validation data may be sorted.
        for piece in range(PIECES if may else 0):
            pair = pairing.pair(loss, every[piece::PIECES], wanted[piece::PIECES])
            if pair is None or not bool(torch.isfinite(pair).all()):
                return (), math.nan
            pairs.append(pair.tolist())
    return _of_pairs(pairs)


def _of_pairs(pairs: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], float]:
    """Return the differences of losses with right and wrong targets, and the mean of the latter."""
    if not pairs or not np.isfinite(pairs).all():
        return (), math.nan
    right, wrong = np.array(pairs).T
    return tuple((wrong - right).tolist()), float(wrong.mean())


def _have_one_shape(parts: Sequence[torch.Tensor]) -> bool:
    """Tell whether these batches can lie in one table."""
    return all(part.dim() and part.shape[1:] == parts[0].shape[1:] for part in parts)


def _goal(metrics: Mapping[str, Any], goal: str, outputs: list[Any], targets: list[Any]) -> float:
    """Return the goal on these rows; NaN where it is the loss, or cannot be computed of them."""
    metric = metrics.get(goal.removeprefix("val/"))
    if metric is None or not outputs:
        return math.nan
    try:
        if isinstance(targets[0], torch.Tensor):
            return float(metric(torch.cat(outputs), torch.cat(targets)))
        return float(np.mean([float(metric(*pair)) for pair in zip(outputs, targets, strict=True)]))
    except Exception:  # noqa: BLE001 - the loss judges alone then
        return math.nan


def _even(task: Any, outputs: list[torch.Tensor], targets: list[Any]) -> tuple[float, int]:
    """Return the goal in which a rare class counts as much as a frequent one, and how many rows speak for it."""
    try:
        row = answers(task, list(zip(outputs, targets, strict=True)))
        every = torch.cat(targets)
        if every.is_floating_point() and every.dim() > 1 and every.shape[1] > 1 and task.kind == "classification":
            every = every.argmax(1)
    except Exception:  # noqa: BLE001 - the loss judges alone then
        return math.nan, 0
    name = even_goal(row)
    _, counts = every.flatten().unique(return_counts=True)
    return (math.nan, 0) if name is None else (row[name], len(counts) * int(counts.min()))


def _wanted(
    loss: torch.Tensor, parts: Mapping[str, torch.Tensor], aims: Sequence[str], began: Mapping[str, float]
) -> float:
    """Return what the training is for, where that is known: of the whole loss, another part may be nearly all.

    Parts of which one drowns the others count in shares of what each `began` with, all the same.
    """
    if began and all(part in parts for part in began) and bool(torch.isfinite(loss)):
        return float(sum(float(parts[part]) / level for part, level in began.items())) / len(began)
    if not aims or not all(part in parts for part in aims) or not bool(torch.isfinite(loss)):
        return float(loss)
    return float(sum(parts[part] for part in aims))


def _rows(data: Any) -> int:
    try:
        return structure.rows(data)
    except structure.NotSliceable:
        return 1
