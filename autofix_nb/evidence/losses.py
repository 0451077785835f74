"""What kind of targets a loss takes, told by its name, or by the task that outputs and targets make."""

import functools
from typing import Any, Literal

import torch
from torch import nn

from autofix_nb.errors import AutofixError
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable

Family = Literal["classes", "yes or no", "numbers", "other"]

CLASSES = frozenset({"CrossEntropyLoss", "NLLLoss", "NLLLoss2d", "MultiMarginLoss", "cross_entropy", "nll_loss"})
"""Losses that take class numbers."""

YES_OR_NO = frozenset(
    {
        "BCEWithLogitsLoss",
        "BCELoss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "MultiLabelSoftMarginLoss",
    }
)
"""Losses that take targets of 0 to 1, shaped like the outputs."""

NUMBERS = frozenset(
    {
        "MSELoss",
        "L1Loss",
        "SmoothL1Loss",
        "HuberLoss",
        "PoissonNLLLoss",
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
    }
)
"""Losses that take numbers, shaped like the outputs."""


def loss_name(loss: Any) -> str:
    """Return the name of a loss as people write it; empty for None."""
    while isinstance(loss, functools.partial):
        loss = loss.func
    if loss is None:
        return ""
    return getattr(loss, "__name__", type(loss).__name__)


def family_of(subject: Subject) -> Family:
    """Return what the loss takes; without a loss, what `fit` would choose."""
    name = loss_name(subject.loss)
    if name in CLASSES:
        return "classes"
    if name in YES_OR_NO:
        return "yes or no"
    if name in NUMBERS:
        return "numbers"
    try:
        kind = subject.task.kind
    except (NotApplicable, AutofixError):
        # No task, because the labels do not fit: class numbers are still told by their type.
        return "classes" if subject.loss is None and "label" in str(subject.task_error or "") else "other"
    if kind == "classification" and (subject.loss is None or _refuses(subject.loss, subject)):
        return "classes"
    if subject.loss is None:
        return "numbers" if kind == "regression" else "yes or no"
    return "other"


def _refuses(loss: Any, subject: Subject) -> bool:
    """Tell whether a loss of the user's own takes class 0 and refuses the number one beyond the last class."""
    outputs = subject.outputs
    # On a GPU a label out of range ends the process's use of the device.
    if not isinstance(outputs, torch.Tensor) or outputs.dim() != 2 or outputs.is_cuda:
        return False
    row = outputs[:1].detach().clone()
    try:
        loss(row, torch.zeros(1, dtype=torch.long))
    except Exception:  # noqa: BLE001 - it takes something else
        return False
    try:
        loss(row, torch.full((1,), row.shape[1], dtype=torch.long))
    except Exception:  # noqa: BLE001 - that it refuses is the answer
        return True
    return False


def wants_whole_numbers(error: BaseException, outputs: Any, targets: Any) -> bool:
    """Tell whether a loss failed only because its class numbers are floats."""
    if not isinstance(outputs, torch.Tensor) or not isinstance(targets, torch.Tensor):
        return False
    if not targets.is_floating_point() or targets.dim() != 1 or outputs.dim() != 2 or outputs.shape[1] < 2:
        return False
    text = str(error)
    return bool((targets == targets.round()).all()) and ("Long" in text or "cannot be chosen" in text)


def last_linear(model: nn.Module, outputs: int) -> tuple[str, nn.Linear] | None:
    """Return the last linear layer of so many outputs, with its name; None where there is none."""
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == outputs
    ]
    return found[-1] if found else None


def is_text(targets: Any) -> bool:
    """Tell whether targets are a list of words."""
    return isinstance(targets, list | tuple) and len(targets) > 0 and all(isinstance(part, str) for part in targets)
