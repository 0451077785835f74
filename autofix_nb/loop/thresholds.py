"""What a model answers on validation data, beside the user's metrics: one class for all, and "yes" from where on.

The best threshold is the one with the largest F1, in the middle of where F1 is about as large. It is found on each
half of the rows and judged on the other one. Where it is not better on both halves, than 0.5 and than always "yes",
0.5 stays: scores that know nothing of the targets have their largest F1 where all is "yes" (Lipton, Elkan,
Naryanaswamy 2014, https://arxiv.org/abs/1402.1892), and a threshold fitted to few rows is worth nothing on others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from autofix_nb.objective import Task

LEAST = 30
"""Rows of each class below which no threshold is looked for."""

MOST = 1_000_000
"""Answers that are sorted; of more, evenly spaced ones."""

FLAT = 0.005
"""F1 so little below the best is as good: the threshold stands in the middle of all that are."""

HALF = 0.5

Gathered = Sequence[tuple[torch.Tensor, Any]]
"""Outputs and targets, batch by batch, on the CPU."""


def answers(task: Task | None, gathered: Gathered) -> dict[str, float]:
    """Return columns for the epoch table; those that cannot be had are left out.

    `val/top_share` and `val/majority` are the largest shares of one class among the predictions and the targets, and
    `val/mean_recall` is the mean of the shares of the classes that are answered rightly;
    `val/threshold` is the best one for "yes", with its F1 (`val/f1_at_threshold`), and that of 0.5
    (`val/f1_at_half`).
    """
    if task is None or not gathered:
        return {}
    if task.kind == "classification":
        return _shares(*_classes(task, gathered))
    if task.kind not in ("binary", "multi-label"):
        return {}
    yes = _yes(task, gathered)
    if yes is None:
        return {}
    scores, wanted = yes
    row = _shares((scores > HALF).long(), wanted.long()) if task.kind == "binary" else {}
    return row | _threshold(scores, wanted)


def even_goal(row: Mapping[str, float]) -> str | None:
    """Return the column in which a rare class counts as much as a frequent one; None where there is none.

    Of yes or no it is F1 at the best threshold, since that is found without training; else the mean recall.
    """
    names = ("val/f1_at_threshold", "val/mean_recall")
    return next((name for name in names if name in row), None)


def f1(scores: torch.Tensor, wanted: torch.Tensor, threshold: float) -> float:
    """Return F1 when "yes" is said above a threshold; 0 where nothing is right."""
    said = scores > threshold
    right = int((said & wanted).sum())
    return 2 * right / max(1, int(said.sum()) + int(wanted.sum()))


def best_threshold(scores: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the threshold in the middle of the stretch around the largest F1 where it is about as large.

    `scores` are probabilities of "yes" and `wanted` whether it is right, both of shape (answers,). It is 0.5 where
    that lies in the stretch.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    ranked_N, right_N = scores[order].double(), wanted[order].long().cumsum(0)
    said_N = torch.arange(1, len(ranked_N) + 1)
    f1_N = 2 * right_N / (said_N + right_N[-1])
    # A threshold lies between two different scores: all rows of one score are said together.
    below_N = torch.cat([ranked_N[1:], ranked_N.new_zeros(1)])
    f1_N = torch.where(ranked_N > below_N, f1_N, -1.0)
    best = int(torch.argmax(f1_N))
    poor_N = (f1_N >= 0) & (f1_N < f1_N[best] - FLAT)
    before, after = poor_N[:best].nonzero(), poor_N[best:].nonzero()
    # Where the first poor one is still said, or where only it was: between them lies the stretch.
    highest = float(ranked_N[int(before[-1]) + 1]) if len(before) else float(ranked_N[0])
    lowest = float(ranked_N[best + int(after[0])]) if len(after) else 0.0
    return HALF if lowest <= HALF < highest else (lowest + highest) / 2


def _threshold(scores: torch.Tensor, wanted: torch.Tensor) -> dict[str, float]:
    yes = int(wanted.sum())
    if min(yes, len(wanted) - yes) < LEAST:
        return {}
    at_half = f1(scores, wanted, HALF)
    halves = (scores[::2], wanted[::2]), (scores[1::2], wanted[1::2])
    if any(bool(half.all()) or not bool(half.any()) for _, half in halves):
        return {}
    tuned = [(*judged, best_threshold(*fitted)) for fitted, judged in (halves, halves[::-1])]
    row = {"val/f1_at_half": at_half, "val/threshold": HALF, "val/f1_at_threshold": at_half}
    if not all(f1(*one) > max(f1(*one[:2], HALF), f1(*one[:2], -1.0)) for one in tuned):
        return row
    said = [part > threshold for part, _, threshold in tuned]
    right = sum(int((one & part[1]).sum()) for one, part in zip(said, tuned, strict=True))
    row["val/f1_at_threshold"] = 2 * right / max(1, sum(int(one.sum()) for one in said) + yes)
    row["val/threshold"] = best_threshold(scores, wanted)
    return row


def _yes(task: Task, gathered: Gathered) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the probability of each "yes" and whether it is right, shape (answers,); None where they do not fit."""
    if not all(isinstance(targets, torch.Tensor) and targets.numel() == one.numel() for one, targets in gathered):
        return None
    outputs = torch.cat([one.flatten() for one, _ in gathered])
    wanted = torch.cat([targets.flatten() for _, targets in gathered]) > HALF
    apart = -(-len(outputs) // MOST)
    outputs, wanted = outputs[::apart], wanted[::apart]
    if not len(outputs) or not bool(torch.isfinite(outputs).all()):
        return None
    return (outputs if task.boundary else torch.sigmoid(outputs)), wanted


def _classes(task: Task, gathered: Gathered) -> tuple[torch.Tensor, torch.Tensor]:
    """Return predicted and true classes, shape (rows,) each; empty where they do not fit each other."""
    predicted, true = [], []
    for outputs, targets in gathered:
        classes = task.predict(outputs)
        if classes is None or not isinstance(targets, torch.Tensor):
            continue
        if targets.shape == outputs.shape and targets.is_floating_point():  # one-hot
            targets = targets.argmax(1)
        if targets.numel() != classes.numel():
            continue
        wanted = targets.flatten().long()
        counted = wanted >= 0  # -100 marks what is not to be predicted
        predicted.append(classes.flatten()[counted])
        true.append(wanted[counted])
    nothing = torch.zeros(0, dtype=torch.long)
    return torch.cat([nothing, *predicted]), torch.cat([nothing, *true])


def _shares(predicted: torch.Tensor, true: torch.Tensor) -> dict[str, float]:
    if not len(predicted):
        return {}
    names = ("val/top_share", "val/majority")
    shares = {
        name: float(torch.bincount(one).max()) / len(one) for name, one in zip(names, (predicted, true), strict=True)
    }
    wanted = torch.bincount(true).double()
    right = torch.bincount(true[predicted == true], minlength=len(wanted)).double()
    return shares | {"val/mean_recall": float((right / wanted)[wanted > 0].mean())}
