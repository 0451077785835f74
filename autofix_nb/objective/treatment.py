"""What fixes change of a loss while training: its weights, its form, its scale. Validation stays with the user's own.

Class weights are those of torch: rows of class k count w_k, and the mean is taken over the sum of their weights. The
focal loss multiplies each row by (1 - p)^focal, where p is the probability of its target (Lin et al. 2017, Focal Loss
for Dense Object Detection). What the loss takes (scores, probabilities, their logarithms) is known by its name alone:
a loss of the user's own making is left as it is, unless `Treatment.loss` takes its place.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from autofix_nb.objective import columns, shares, tasks
from autofix_nb.objective.tasks import Loss, Task

Form = Literal["logits", "probabilities", "log-probabilities", "yes-or-no logits", "yes-or-no probabilities"]

SURE = 1e-6
"""Smallest share that a loss of shares is given, as its logarithm may be taken; and how far below 1 the largest is."""

LEAST = 1e-8
"""Smallest probability that a logarithm is taken of, as in `tasks`."""


@dataclass(slots=True)
class Treatment:
    """Settings of the loss, as plain values. A healthy run keeps these defaults to the end."""

    loss: str = ""
    """Name of one of `LOSSES`, or of one made by `shares` or `columns`, in the place of the task's own; empty keeps
    it."""

    loss_scale: float = 1.0
    """The loss is multiplied by this before going backward."""

    class_weights: list[float] | None = None
    """What each class counts in the loss, shape (classes,); for yes or no, what each "yes" counts against a "no"."""

    focal: float | None = None
    """Exponent of the focal loss (Lin et al. 2017); None is the plain loss."""

    mask_easy: float | None = None
    """Rows (or positions) whose target has at least this probability count nothing; None counts all."""

    part_weights: dict[str, float] = field(default_factory=dict)
    """What each named part of the loss counts; parts that are not named count 1."""


def treated(task: Task, treatment: Treatment) -> Callable[[Any, Any], torch.Tensor]:
    """Return the loss of a task under a treatment; the very `task.loss` where nothing is treated."""
    loss = replaced(treatment.loss, task.loss)
    if treatment.class_weights is None and treatment.focal is None and treatment.mask_easy is None:
        return loss
    form = form_of(loss)
    if form is None:
        return loss
    if form.startswith("yes-or-no"):
        return lambda outputs, targets: _yes_or_no(loss, form, treatment, outputs, targets)
    return lambda outputs, targets: _classes(loss, form, treatment, outputs, targets)


def replaced(name: str, loss: Loss) -> Loss:
    """Return the loss of this name, made from the task's own; the own where the name is empty."""
    if name.startswith(shares.PREFIX):
        return shares.read_as_shares(name, loss)
    if name.startswith(columns.PREFIX):
        return columns.in_own_units(name, loss)
    return LOSSES[name](loss) if name else loss


def form_of(loss: Loss) -> Form | None:
    """Return what a loss takes that can be weighed row by row; None for all others."""
    known: Form | None = _FORMS.get(loss) if callable(getattr(loss, "__hash__", None)) else None
    if known is None:
        known = _MODULES.get(type(loss))
    return known


def huber(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean Huber loss with its bend at 1; (N, 1) and (N,) fit each other."""
    return functional.smooth_l1_loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


def one_against_all(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy of probabilities; class numbers are yes for their own output and no for all others."""
    if targets.numel() != outputs.numel():
        targets = functional.one_hot(tasks._class_ids(targets, outputs), outputs.shape[1]).movedim(-1, 1)
    return tasks.binary_cross_entropy_of_probabilities(outputs, targets)


def _row_by_row(loss: Loss) -> Loss:
    """Return the mean of the loss of each row by itself: what compares each row with all others does so no more."""

    def mended(outputs: Any, targets: Any) -> Any:
        rows = [loss(outputs[row : row + 1], targets[row : row + 1]) for row in range(len(outputs))]
        return torch.stack([torch.as_tensor(value).mean() for value in rows]).mean()

    return mended


def _each_column(loss: Loss) -> Loss:
    """Return the mean of a loss over all turns of the columns: who hears the first alone hears each in its turn."""

    def mended(outputs: Any, targets: Any) -> Any:
        turns = [loss(outputs.roll(by, 1), targets.roll(by, 1)) for by in range(outputs.shape[1])]
        return torch.stack([torch.as_tensor(value).mean() for value in turns]).mean()

    return mended


def _swapped(loss: Loss) -> Loss:
    """Return the same loss, given its arguments the other way round."""
    return lambda outputs, targets: loss(targets.reshape(outputs.shape).to(outputs.dtype), outputs)


def _aligned(loss: Loss) -> Loss:
    """Return the same loss, given the targets in the shape of the outputs: nothing is broadcast."""
    return lambda outputs, targets: loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


def _of(link: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Loss], Loss]:
    """Return what lets a loss have the model's raw scores through the activation that it is made for."""
    return lambda loss: lambda outputs, targets: loss(link(outputs), targets)


def _turned(loss: Loss) -> Loss:
    """Return a loss with the other sign."""

    def mended(outputs: Any, targets: Any) -> Any:
        value = loss(outputs, targets)
        return {name: -part for name, part in value.items()} if isinstance(value, dict) else -value

    return mended


def _signs(loss: Loss) -> Loss:
    """Return the same loss, given -1 and 1 for targets that are 0 and 1."""
    return lambda outputs, targets: loss(outputs, 2 * targets - 1)


def _mean(loss: Loss) -> Loss:
    """Return the mean of a loss that sums over its rows: torch's own, or the sum over the number of targets."""
    if isinstance(loss, nn.Module) and getattr(loss, "reduction", "") == "sum":
        loss = copy.copy(loss)
        loss.reduction = "mean"
        return loss
    return lambda outputs, targets: loss(outputs, targets) / max(1, _count(outputs, targets))


def _count(outputs: Any, targets: Any) -> int:
    """Return how many numbers were added up: one for each class number, or one for each output."""
    if isinstance(targets, torch.Tensor) and targets.dim() and not targets.is_floating_point():
        return targets.numel()
    if isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor) and targets.numel() == outputs.numel():
        return outputs.numel()
    return len(outputs)


LOSSES: dict[str, Callable[[Loss], Loss]] = {
    "cross_entropy": lambda loss: tasks.cross_entropy,
    "cross_entropy_of_probabilities": lambda loss: tasks.cross_entropy_of_probabilities,
    "binary_cross_entropy": lambda loss: tasks.binary_cross_entropy,
    "binary_cross_entropy_of_probabilities": lambda loss: one_against_all,
    "mean_squared_error": lambda loss: tasks.mean_squared_error,
    "huber": lambda loss: huber,
    "mean": _mean,
    "aligned": _aligned,
    "row_by_row": _row_by_row,
    "turned": _turned,
    "signs": _signs,
    "each_column": _each_column,
    "swapped": _swapped,
    "log_softmax": _of(lambda scores: scores.log_softmax(1)),
    "log_softmax_last": _of(lambda scores: scores.log_softmax(-1)),
    "softmax": _of(lambda scores: scores.softmax(1).clamp_min(LEAST)),
    "sigmoid": _of(lambda scores: scores.sigmoid().clamp(SURE, 1 - SURE)),
}
"""By name, what makes a loss from the task's own: most take its place, from `mean` on they mend it."""

_FORMS: dict[Loss, Form] = {
    tasks.cross_entropy: "logits",
    functional.cross_entropy: "logits",
    tasks.cross_entropy_of_probabilities: "probabilities",
    tasks.negative_log_likelihood: "log-probabilities",
    functional.nll_loss: "log-probabilities",
    tasks.binary_cross_entropy: "yes-or-no logits",
    functional.binary_cross_entropy_with_logits: "yes-or-no logits",
    tasks.binary_cross_entropy_of_probabilities: "yes-or-no probabilities",
    functional.binary_cross_entropy: "yes-or-no probabilities",
    one_against_all: "yes-or-no probabilities",
}
_MODULES: dict[type, Form] = {
    nn.CrossEntropyLoss: "logits",
    nn.NLLLoss: "log-probabilities",
    nn.BCEWithLogitsLoss: "yes-or-no logits",
    nn.BCELoss: "yes-or-no probabilities",
}


def _classes(loss: Loss, form: Form, treatment: Treatment, outputs: torch.Tensor, targets: torch.Tensor) -> Any:
    """Return the treated cross-entropy of outputs (N, K, ...) and class numbers (N, ...), or shares of classes."""
    if form == "logits":
        logs = outputs.log_softmax(1)
    else:
        logs = outputs if form == "log-probabilities" else outputs.clamp_min(LEAST).log()
    weights = _weights(treatment.class_weights, getattr(loss, "weight", None), logs).expand(logs.shape[1])
    across = weights.reshape(1, -1, *(1,) * (logs.dim() - 2))
    smoothing = getattr(loss, "label_smoothing", 0.0)
    wanted = tasks._class_targets(targets, outputs)
    if wanted.is_floating_point():
        logs = logs.clamp_min(torch.finfo(logs.dtype).min)  # 0 times minus infinity is no number
        shares = wanted * (1 - smoothing) + smoothing / logs.shape[1]
        rows, counts = -(shares * logs * across).sum(1), (wanted * across).sum(1)
        chances = (wanted * logs.exp()).sum(1)
    else:
        counted = wanted != getattr(loss, "ignore_index", -100)
        wanted = wanted.where(counted, 0)
        own = logs.gather(1, wanted.unsqueeze(1)).squeeze(1)
        counts, chances = weights[wanted] * counted, own.exp()
        rows = (-own * counts).where(counted, 0)
        if smoothing:
            even = -(logs * across).mean(1) * counted
            rows = (1 - smoothing) * rows + smoothing * even
    return _reduced(loss, rows, counts, chances, treatment)


def _yes_or_no(loss: Loss, form: Form, treatment: Treatment, outputs: torch.Tensor, targets: torch.Tensor) -> Any:
    """Return the treated binary cross-entropy; every output is a row of its own."""
    if loss is one_against_all and targets.numel() != outputs.numel():
        targets = functional.one_hot(tasks._class_ids(targets, outputs), outputs.shape[1]).movedim(-1, 1)
    wanted = targets.reshape(outputs.shape).to(outputs.dtype)
    if form == "yes-or-no logits":
        yes, no = functional.logsigmoid(outputs), functional.logsigmoid(-outputs)
    else:
        yes, no = outputs.clamp_min(LEAST).log(), (1 - outputs).clamp_min(LEAST).log()
    yes_weights = _weights(treatment.class_weights, getattr(loss, "pos_weight", None), outputs)
    rows = -(yes_weights * wanted * yes + (1 - wanted) * no)
    own = getattr(loss, "weight", None)
    if own is not None:
        rows = rows * own
    chances = wanted * yes.exp() + (1 - wanted) * no.exp()
    return _reduced(loss, rows, torch.ones_like(rows), chances, treatment)


def _weights(ours: list[float] | None, own: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    """Return what classes count: our weights times those that the loss has already."""
    weights = like.new_ones(1) if ours is None else like.new_tensor(ours)
    return weights if own is None else weights * own.to(like)


def _reduced(
    loss: Loss, rows: torch.Tensor, counts: torch.Tensor, chances: torch.Tensor, treatment: Treatment
) -> torch.Tensor:
    """Return the mean of the rows that count, or their sum where the loss is one."""
    if treatment.focal is not None:
        rows = rows * (1 - chances).clamp_min(0) ** treatment.focal
    if treatment.mask_easy is not None:
        hard = chances.detach() < treatment.mask_easy
        rows, counts = rows * hard, counts * hard
    if getattr(loss, "reduction", "mean") == "sum":
        return rows.sum()
    return rows.sum() / counts.sum().clamp_min(LEAST)
