"""How far a simple model gets on the same rows, by the loss of the training: known before the first step.

A net that learns a little and stops looks like one whose task is hard. A ridge regression on a few hundred of the rows
tells them apart: what that one reaches on rows it has not seen is there to be learnt.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from autofix_nb.data import structure
from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.evidence.batches import first_batches, length_of
from autofix_nb.evidence.chance import expectation, quietly
from autofix_nb.evidence.simple_model import answers_of_simple_models
from autofix_nb.objective import Task, split_batch, total_loss

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

ROWS = 400
"""Rows that the simple models are fitted to, at most: their time grows with the third power."""

FEWEST = 60
"""Rows below which nothing is said."""

SECONDS = 5.0
"""Time that loading them may take; where it takes longer nothing is said, as fewer rows would say something else."""

MOST_NUMBERS = 2048
"""Numbers to a row; of more, as many are taken evenly. Larger pictures are made smaller before."""

SIDE = 16
"""Pixels to which the sides of larger pictures are brought."""

FEW_TOKENS = 8
"""Whole numbers to a row up to which each place has a meaning of its own; of more, it is counted how often each is
there."""

MOST_WANTED = 64
"""Classes, or numbers to a row, up to which anything is fitted."""

SURENESS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""What answers between 0 and 1 are multiplied by to make scores of them; that with the lowest loss counts."""

_SEED = 0x5E1F


def reference_of(guard: "Guard", train: Any) -> dict[str, float]:
    """Return the `loss` of the best simple model on rows that it has not seen, and that of a `constant` answer.

    Both by the loss that is trained with; empty where there are no rows of numbers, or the loss takes other answers.
    """
    task = guard.task
    if task is None or not isinstance(train, DataLoader):
        return {}
    try:
        with LoadingRandomness(_SEED):
            inputs, targets, size = _rows(train)
        wanted = _wanted(task, targets)
        if wanted is None or len(wanted) < FEWEST:
            return {}
        return _losses(task, inputs, targets, wanted, size)
    except Exception:  # noqa: BLE001 - a loader or loss that will not be asked is not known, and no harm done
        return {}


def _rows(train: DataLoader) -> tuple[np.ndarray, torch.Tensor, int]:
    """Return inputs (n, d), targets (n, ...) and the rows of a batch."""
    until, found, targets, count = time.monotonic() + SECONDS, [], [], 0
    for batch in first_batches(train, length_of(train) or 0):
        given, wanted = split_batch(batch.data)
        found.append([part for _, part in structure.tensors(given)])
        targets.append(wanted)
        count += len(wanted)
        if time.monotonic() > until:
            raise TimeoutError
        if count >= ROWS:
            break
    columns = [_flat(torch.cat(own)[:ROWS]) for own in zip(*found, strict=True)]
    return np.concatenate(columns, 1), torch.cat(targets)[:ROWS], max(map(len, targets))


def _flat(values: torch.Tensor) -> np.ndarray:
    """Return one row of numbers to each sample."""
    if not values.is_floating_point() and values.dim() == 2 and values.dtype != torch.uint8:
        return _counted(values)
    values = values.detach().cpu().float()
    if values.dim() == 4 and min(values.shape[2:]) > SIDE:
        values = functional.adaptive_avg_pool2d(values, SIDE)
    flat = values.reshape(len(values), -1)
    if flat.shape[1] > MOST_NUMBERS:
        flat = flat[:, torch.linspace(0, flat.shape[1] - 1, MOST_NUMBERS).long()]
    return flat.double().numpy()


def _counted(values: torch.Tensor) -> np.ndarray:
    """Return how often each of the most frequent whole numbers is in a row; by place, where there are few places."""
    numbers = values.cpu().numpy().astype(np.int64)
    if numbers.shape[1] <= FEW_TOKENS:
        numbers = numbers * numbers.shape[1] + np.arange(numbers.shape[1])
    kinds, places = np.unique(numbers, return_inverse=True)
    counts = np.zeros((len(numbers), len(kinds)))
    np.add.at(counts, (np.repeat(np.arange(len(numbers)), numbers.shape[1]), places.reshape(-1)), 1.0)
    return counts[:, np.argsort(-counts.sum(0), kind="stable")[:MOST_NUMBERS]]


def _wanted(task: Task, targets: torch.Tensor) -> np.ndarray | None:
    """Return what a model of squared errors is to answer, shape (n, k); None where targets are of another kind."""
    if targets.is_floating_point():
        flat = targets.detach().cpu().double().reshape(len(targets), -1).numpy()
        return flat if flat.shape[1] <= MOST_WANTED and np.isfinite(flat).all() else None
    if targets.dim() != 1 or not 1 < task.classes <= MOST_WANTED or task.kind != "classification":
        return None
    ids = targets.cpu().long()
    if bool(((ids < 0) | (ids >= task.classes)).any()):
        return None
    return functional.one_hot(ids, task.classes).double().numpy()


def _losses(task: Task, inputs: np.ndarray, targets: torch.Tensor, wanted: np.ndarray, size: int) -> dict[str, float]:
    like = torch.zeros(wanted.shape if not targets.is_floating_point() else targets.shape)
    takes = expectation(task.loss, like[:size], targets[:size]).takes
    into = _into(takes)
    if not into:
        return {}

    def loss_of(answers: np.ndarray) -> float:
        made = torch.tensor(answers, dtype=torch.float32).reshape(like.shape)
        return min(_by_batches(task.loss, one(made), targets, size) for one in into)

    constant = np.broadcast_to(wanted.mean(0), wanted.shape)
    simple = min(loss_of(answers) for answers in answers_of_simple_models(inputs, wanted))
    return {"loss": simple, "constant": loss_of(constant)}


def _into(takes: str) -> list[Callable[[torch.Tensor], torch.Tensor]]:
    """Return the ways to make of answers between 0 and 1, or of numbers, what the loss takes."""
    if takes == "numbers":
        return [lambda made: made]
    shares = {
        "logits": lambda made: made.clamp(1e-3, 1).log(),
        "probabilities": lambda made: _shares(made),
        "log-probabilities": lambda made: _shares(made).log(),
        "yes-or-no logits": lambda made: torch.logit(made.clamp(0.01, 0.99)),
        "yes-or-no probabilities": lambda made: made.clamp(0.01, 0.99),
    }
    scores: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "logits": lambda made: made,
        "probabilities": lambda made: made.softmax(-1),
        "log-probabilities": lambda made: made.log_softmax(-1),
        "yes-or-no logits": lambda made: made - made.new_tensor(0.5),
        "yes-or-no probabilities": lambda made: (made - 0.5).sigmoid(),
    }
    if takes not in shares:
        return []

    def at(sureness: float) -> Callable[[torch.Tensor], torch.Tensor]:
        middle = 0.5 if takes.startswith("yes") else 0.0
        return lambda made: scores[takes](sureness * (made - middle) + middle)

    return [shares[takes], *map(at, SURENESS)]


def _shares(made: torch.Tensor) -> torch.Tensor:
    positive = made.clamp_min(1e-3)
    return positive / positive.sum(-1, keepdim=True)


def _by_batches(loss: Callable[[Any, Any], Any], made: torch.Tensor, targets: torch.Tensor, size: int) -> float:
    """Return the mean loss of whole batches: one that is a sum over rows hangs on how many there are."""
    ends = range(size, len(made) + 1, size)
    with quietly():
        given = [float(total_loss(loss(made[end - size : end], targets[end - size : end]))[0]) for end in ends]
    return float(np.mean(given)) if given else float(total_loss(loss(made, targets))[0])
