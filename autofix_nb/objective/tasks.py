"""What is being learnt (classes, yes or no, several labels, numbers), and the loss and metric that fit it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from autofix_nb.errors import DataError, ModelError
from autofix_nb.objective.activation import ends_linearly, last_activation

Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of learning problem, as chosen from the outputs and targets of a batch."""

    kind: str
    """`classification`, `binary`, `multi-label`, `regression` or `custom`."""

    loss: Loss
    says: str
    """What was chosen and why, in one sentence."""

    classes: int = 0
    """Number of classes for which predictions can be counted; 0 where there are none."""

    def predict(self, outputs: Any) -> torch.Tensor | None:
        """Return predicted class numbers, shape as the targets, or None where the task has none."""
        if not isinstance(outputs, torch.Tensor) or not self.classes:
            return None
        if self.kind == "classification":
            return outputs.argmax(1)
        return (outputs > self.boundary).long().flatten()

    @property
    def boundary(self) -> float:
        """Output above which the answer is "yes": the score 0, or the probability 0.5."""
        of_probabilities = (binary_cross_entropy_of_probabilities, functional.binary_cross_entropy)
        return 0.5 if self.loss in of_probabilities or isinstance(self.loss, nn.BCELoss) else 0.0

    @property
    def metric(self) -> tuple[str, Callable[[Any, Any], float]] | None:
        """Name and function of the metric that people expect for this task."""
        if self.kind in ("classification", "binary", "multi-label"):
            return "accuracy", self._accuracy
        return None

    def _accuracy(self, outputs: torch.Tensor, targets: torch.Tensor) -> float:
        if self.kind == "classification":
            wanted = _class_ids(targets, outputs)
            right = outputs.argmax(1) == wanted
            counted = (wanted >= 0) & (wanted < outputs.shape[1])  # others mark what is left out
            return float(right[counted].float().mean())
        return float(((outputs > self.boundary).flatten() == (targets > 0.5).flatten()).float().mean())


def infer_task(outputs: Any, targets: Any) -> Task:
    """Choose the task from the outputs (N, ...) and targets (N, ...) of one batch.

    Raises:
        DataError: when the targets are of no kind that a loss takes, or outside the model's classes.
        ModelError: when the outputs are of no kind that a loss takes.
    """
    _check_tensors(outputs, targets)
    shape = f"outputs {tuple(outputs.shape)}, targets {tuple(targets.shape)} {_kind_of(targets)}"
    width = outputs.shape[1] if outputs.dim() > 1 else 1
    whole = not targets.is_floating_point()
    yes_or_no = bool(((targets == 0) | (targets == 1)).all())
    same_shape = outputs.numel() == targets.numel()

    if whole and width > 1 and not (same_shape and yes_or_no and targets.dim() == outputs.dim()):
        check_labels(targets, width)
        loss, what = _classes_loss(outputs)
        return Task(kind="classification", loss=loss, classes=width, says=f"{what} over {width} classes ({shape})")
    if not same_shape:
        raise DataError(
            f"`loss` cannot be chosen for {shape}: wanted class numbers of shape ({len(outputs)},), or targets shaped "
            "like the outputs. Give `loss=` or `step=`"
        )
    if yes_or_no and width > 1 and targets.is_floating_point() and _one_hot(targets):
        loss, what = _classes_loss(outputs)
        return Task(
            kind="classification", loss=loss, classes=width, says=f"{what} over {width} one-hot classes ({shape})"
        )
    if yes_or_no:
        kind = "binary" if width == 1 else "multi-label"
        classes = 2 if kind == "binary" else 0
        loss, what = _yes_or_no_loss(outputs)
        return Task(kind=kind, loss=loss, classes=classes, says=f"{what}, {kind} ({shape})")
    return Task(kind="regression", loss=mean_squared_error, says=f"mean squared error, regression ({shape})")


def task_of(loss: Loss, outputs: Any, targets: Any) -> Task:
    """Return the task that a loss of the user's own belongs to; only predictions and metrics depend on it."""
    name = getattr(loss, "__name__", type(loss).__name__)
    says = f"{name}, as given"
    if isinstance(loss, nn.Module) and any(True for _ in loss.parameters()):
        # It has weights of its own, as an ArcFace head has: what the model returns are no scores of classes.
        return Task(kind="custom", loss=loss, says=says)
    tensors = isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor) and outputs.dim() > 0
    if tensors:
        width = outputs.shape[1] if outputs.dim() > 1 else 1
        # Of other shapes (scores in the last dimension, sequences shorter than their answers) no class can be told.
        of_classes = width > 1 and targets.shape == outputs.shape[:1] + outputs.shape[2:]
        if not targets.is_floating_point() and (of_classes or (width > 1 and takes_class_ids(loss))):
            if takes_class_ids(loss):
                check_labels(targets, width, ignore=getattr(loss, "ignore_index", -100))
            return Task(kind="classification", loss=loss, classes=width, says=says)
        yes_or_no = (functional.binary_cross_entropy_with_logits, functional.binary_cross_entropy)
        if isinstance(loss, nn.BCEWithLogitsLoss | nn.BCELoss) or loss in yes_or_no:
            kind = "binary" if width == 1 else "multi-label"
            return Task(kind=kind, loss=loss, classes=2 if width == 1 else 0, says=says)
        if isinstance(loss, nn.MSELoss | nn.L1Loss | nn.SmoothL1Loss | nn.HuberLoss) or name in ("mse_loss", "l1_loss"):
            return Task(kind="regression", loss=loss, says=says)
    return Task(kind="custom", loss=loss, says=says)


def takes_class_ids(loss: Loss) -> bool:
    """Tell whether a loss is one of torch's that reads its targets as class numbers; a user's own may ignore some."""
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss):
        return type(loss).forward in (nn.CrossEntropyLoss.forward, nn.NLLLoss.forward)
    return loss in (functional.cross_entropy, functional.nll_loss)


def check_labels(targets: torch.Tensor, classes: int, ignore: int = -100) -> None:
    """Raise when class numbers lie outside the model's outputs.

    Raises:
        DataError: naming the smallest or largest label and the number of outputs.
    """
    counted = targets[targets != ignore]
    if not counted.numel():
        return
    low, high = int(counted.min()), int(counted.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        way_out = "labels must count from 0" if low < 0 or high == classes else "give the model more outputs"
        raise DataError(
            f"`targets` hold label {wrong}, the model has {classes} outputs, so wanted 0 to {classes - 1}: {way_out}"
        )


def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of logits (N, K, ...) and class numbers (N, ...) of any integer type, or one-hot (N, K)."""
    return functional.cross_entropy(outputs, _class_targets(targets, outputs))


def negative_log_likelihood(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of log-probabilities (N, K, ...)."""
    return functional.nll_loss(outputs, _class_ids(targets, outputs))


def cross_entropy_of_probabilities(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of probabilities (N, K, ...), such as a softmax layer gives."""
    return functional.nll_loss(outputs.clamp_min(1e-8).log(), _class_ids(targets, outputs))


def binary_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy of logits; (N, 1) and (N,) fit each other."""
    return functional.binary_cross_entropy_with_logits(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


def binary_cross_entropy_of_probabilities(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy of probabilities, such as a sigmoid layer gives."""
    return functional.binary_cross_entropy(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


def mean_squared_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared error; (N, 1) and (N,) fit each other and are never broadcast."""
    return functional.mse_loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))


def _check_tensors(outputs: Any, targets: Any) -> None:
    if not isinstance(outputs, torch.Tensor):
        raise ModelError(
            f"`model` returns a {type(outputs).__name__}, wanted one tensor to choose a loss for. Give `loss=` or "
            "`step=`"
        )
    if not isinstance(targets, torch.Tensor):
        kind = (
            f"{type(targets).__name__} of {type(targets[0]).__name__}" if _is_list(targets) else type(targets).__name__
        )
        raise DataError(
            f"`targets` are a {kind}, wanted a tensor: class numbers (`torch.long`) or floats. Turn names into "
            "numbers, "
            "for instance `{name: number for number, name in enumerate(sorted(set(names)))}`"
        )
    if outputs.dim() == 0 or targets.dim() == 0 or len(outputs) != len(targets):
        raise DataError(
            f"`model` returns {tuple(outputs.shape)} for targets of shape {tuple(targets.shape)}; wanted one row for "
            "each "
            "target. Give `step=` if that is meant"
        )
    if targets.is_complex() or outputs.is_complex():
        raise DataError("`targets` or outputs are complex numbers, for which no loss can be chosen. Give `loss=`")


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0


def _kind_of(targets: torch.Tensor) -> str:
    return str(targets.dtype).removeprefix("torch.")


def _one_hot(targets: torch.Tensor) -> bool:
    # With a handful of rows, several labels that happen to be one each cannot be told from classes.
    return targets.dim() == 2 and len(targets) >= 8 and bool((targets.sum(1) == 1).all())


def _class_ids(targets: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    if targets.is_floating_point() and targets.shape == outputs.shape:
        return targets.argmax(1)
    if targets.dim() == outputs.dim() and targets.shape[1] == 1:
        targets = targets.squeeze(1)
    return targets.long()


def _class_targets(targets: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    if targets.is_floating_point() and targets.shape == outputs.shape:
        return targets.to(outputs.dtype)
    return _class_ids(targets, outputs)


def _classes_loss(outputs: torch.Tensor) -> tuple[Loss, str]:
    """Choose by what the last layer gives: logits, log-probabilities or probabilities."""
    values = outputs.detach().float()
    ones = torch.ones_like(values.sum(1))
    if bool((values >= 0).all()) and torch.allclose(values.sum(1), ones, atol=1e-4):
        return cross_entropy_of_probabilities, "cross-entropy of the model's softmax probabilities"
    if bool((values <= 0).all()) and torch.allclose(values.exp().sum(1), ones, atol=1e-4):
        return negative_log_likelihood, "negative log-likelihood of the model's log-probabilities"
    return cross_entropy, "cross-entropy"


def _yes_or_no_loss(outputs: torch.Tensor) -> tuple[Loss, str]:
    values = outputs.detach()
    between = bool(((values > 0) & (values < 1)).all())
    # All logits of an untrained model may lie between 0 and 1 by chance; the graph knows better than a few values.
    if between and (last_activation(outputs) == "sigmoid" or (len(values) >= 8 and not ends_linearly(outputs))):
        return binary_cross_entropy_of_probabilities, "binary cross-entropy of the model's probabilities"
    return binary_cross_entropy, "binary cross-entropy"
