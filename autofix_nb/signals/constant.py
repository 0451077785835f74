"""`chance`: the loss of the best answer that is the same for every row, from the targets seen so far.

For cross-entropies it is the entropy of the targets (in nats, of the smoothed and weighted ones where the loss does
that), for the mean squared error their variance. A model that does not get below it has learnt no more than the
average (Karpathy, "A Recipe for Training Neural Networks", 2019: beat the baseline that ignores the inputs).
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from autofix_nb.objective import Task

MOST_COLUMNS = 4096
"""Numbers a row up to which each has an average of its own."""

_CLASSES = frozenset(
    {"CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss", "negative_log_likelihood"}
    | {"cross_entropy_of_probabilities"}
)
_YES_OR_NO = frozenset(
    {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits", "binary_cross_entropy", "BCELoss"}
    | {"binary_cross_entropy_of_probabilities"}
)
_NUMBERS = frozenset({"MSELoss", "mse_loss", "mean_squared_error"})


class ConstantAnswer:
    """Sums over the targets of a training, and the least loss that one answer for all of them can have."""

    def __init__(self) -> None:
        self._loss: Any = None
        self._rows = 0.0
        self._sums: np.ndarray | None = None
        self._squares: np.ndarray | None = None
        self._restored = ""
        """Name of the loss that sums from a checkpoint are of; empty where they are not, or were met by their loss."""

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays for a checkpoint."""
        name = self._restored or ("" if self._loss is None else _name(self._loss))
        return {"loss": name, "rows": self._rows, "sums": self._sums, "squares": self._squares}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` returned; the sums wait for a loss of that name."""
        self._loss, self._restored, self._rows = None, str(state["loss"]), float(state["rows"])
        sums, squares = state["sums"], state["squares"]
        self._sums, self._squares = (None if one is None else np.asarray(one) for one in (sums, squares))

    def add(self, task: Task, targets: torch.Tensor) -> None:
        """Take the targets (N, ...) of some rows."""
        if task.loss is not self._loss:
            if self._loss is not None or self._restored != _name(task.loss):
                self._rows, self._sums, self._squares = 0.0, None, None
            self._loss, self._restored = task.loss, ""
        kind = _kind(task)
        if not kind:
            return
        if kind == "classes":
            sums = _class_counts(task, targets)
            if sums is None:
                return
            rows, squares = float(sums.sum()), sums
        else:
            values = targets.detach().cpu().double().numpy()
            values = values.reshape(len(values), -1)
            if values.shape[1] > MOST_COLUMNS:
                values = values.reshape(-1, 1)
            rows, sums, squares = float(len(values)), values.sum(0), np.square(values).sum(0)
        if self._sums is None or self._squares is None or self._sums.shape != sums.shape:
            self._rows, self._sums, self._squares = rows, sums, squares
        else:
            self._rows += rows
            self._sums = self._sums + sums
            self._squares = self._squares + squares

    def loss(self, task: Task) -> float:
        """Return that loss; NaN where it is not known for this task."""
        if task.loss is not self._loss or self._sums is None or self._squares is None or not self._rows:
            return float("nan")
        kind, mean = _kind(task), self._sums / self._rows
        if kind == "classes":
            return _entropy_of_classes(mean, task.loss)
        if kind == "yes or no":
            return _entropy_of_yes(mean, task.loss)
        return float(np.maximum(0.0, self._squares / self._rows - mean**2).mean())


def _kind(task: Task) -> str:
    loss = task.loss
    if isinstance(loss, functools.partial) or getattr(loss, "reduction", "mean") != "mean":
        return ""
    name = _name(loss)
    if name in _CLASSES and task.kind == "classification":
        return "classes"
    if name in _YES_OR_NO and getattr(loss, "weight", None) is None:
        return "yes or no"
    return "numbers" if name in _NUMBERS else ""


def _name(loss: Any) -> str:
    return getattr(loss, "__name__", type(loss).__name__)


def _class_counts(task: Task, targets: torch.Tensor) -> np.ndarray | None:
    """Return how often each class is wanted; shape (classes,)."""
    if targets.is_floating_point():
        if targets.dim() < 2 or targets.shape[1] != task.classes:
            return None
        return targets.detach().cpu().double().movedim(1, -1).reshape(-1, task.classes).sum(0).numpy()
    ids = targets.detach().cpu().long().flatten().numpy()
    ids = ids[(ids >= 0) & (ids < task.classes) & (ids != getattr(task.loss, "ignore_index", -100))]
    return np.bincount(ids, minlength=task.classes).astype(np.float64)


def _entropy_of_classes(shares: np.ndarray, loss: Any) -> float:
    weight = getattr(loss, "weight", None)
    if weight is not None:
        shares = shares * weight.detach().cpu().double().numpy()
        shares = shares / max(shares.sum(), np.finfo(np.float64).tiny)
    smoothing = float(getattr(loss, "label_smoothing", 0.0))
    if smoothing and weight is not None:
        return float("nan")  # torch weighs the smoothed part by class, too: no closed form worth having
    shares = shares * (1 - smoothing) + smoothing / len(shares)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def _entropy_of_yes(shares: np.ndarray, loss: Any) -> float:
    weight = getattr(loss, "pos_weight", None)
    weights = 1.0 if weight is None else weight.detach().cpu().double().numpy().reshape(-1)
    yes, no = shares * weights, 1 - shares
    answer = yes / np.maximum(yes + no, np.finfo(np.float64).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        losses = -(np.where(yes > 0, yes * np.log(answer), 0.0) + np.where(no > 0, no * np.log(1 - answer), 0.0))
    return float(losses.mean())
