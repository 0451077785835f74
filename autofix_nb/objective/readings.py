"""Targets that are right, but not of the kind that a loss takes: read otherwise, it is the same loss of the same ones.

Class numbers that are floats, yes or no, or come in a column of their own; yes and no as whole numbers; targets in
another shape than the outputs; and one number that says "not to be learnt", such as the 255 of unlabelled pixels in
segmentation masks (PASCAL VOC's `void`) or the -1 of unlabelled rows (scikit-learn's semi-supervised learning). Torch
raises for each of them. What is done has a name, so that it can be saved and made again.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

PREFIX = "labels"
"""How the names of these losses begin."""

WHOLE, FLOATS, WITHOUT = f"{PREFIX} as whole numbers", f"{PREFIX} as floats", f"{PREFIX} without "

VOID = 255
"""The label of what is not to be learnt that is no negative number: the largest one of a byte."""

IGNORED = -100
"""What torch's losses leave out by themselves."""


def mark_of(labels: torch.Tensor, classes: int) -> int | None:
    """Return the one label that says "not to be learnt"; None where that is not sure.

    It is the only one outside of the model's `classes` outputs, negative or 255, and there are more kinds of labels
    than outputs: of -1, 0 and 1 for three outputs each is a class.
    """
    kinds = labels.unique()
    odd = kinds[(kinds < 0) | (kinds >= classes)]
    if odd.numel() != 1 or kinds.numel() <= max(2, classes):
        return None
    mark = int(odd[0])
    return mark if mark < 0 or mark == VOID else None


def reading_of(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any, labels: torch.Tensor | None = None) -> str:
    """Return the name of the reading of targets that a loss takes, which raises for them as they are; '' for none.

    `labels` are those of all samples, where they are known: one batch need not hold each kind.
    """
    if not isinstance(outputs, torch.Tensor) or not isinstance(targets, torch.Tensor) or outputs.dim() < 1:
        return ""
    width = outputs.shape[1] if outputs.dim() > 1 else 1
    whole = not targets.is_floating_point()
    kinds = targets if labels is None else labels
    mark = mark_of(kinds, width) if whole and kinds.numel() else None
    names = []
    if mark is not None:
        names = [f"{WITHOUT}{mark}"]
    else:
        names += [WHOLE] if whole or bool((targets == targets.round()).all()) else []
        # Of another shape only by dimensions of 1: what is turned round would be mixed up.
        names += [FLOATS] if _plain_shape(targets) == _plain_shape(outputs) else []
    return next((name for name in names if _takes(read_as(name, loss), outputs, targets)), "")


def read_as(name: str, loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the same loss, given the targets as a reading has them."""
    left_out = mark_in(name)
    if left_out is not None and isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss) and loss.ignore_index == IGNORED:
        loss = copy.copy(loss)  # as torch's own, it can be weighed
        loss.ignore_index = left_out
        return loss
    return lambda outputs, targets: loss(outputs, read(name, outputs, targets))


def read(name: str, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return targets as a reading has them; those of another kind than it is for stay as they are."""
    left_out = mark_in(name)
    if left_out is not None:
        return targets.masked_fill(targets == left_out, IGNORED)
    if name == WHOLE:
        column = targets.dim() == outputs.dim() and targets.shape[1] == 1
        return (targets.squeeze(1) if column else targets).long()
    return targets.reshape(outputs.shape).to(outputs.dtype)


def mark_in(name: str) -> int | None:
    """Return the label that a reading leaves out; None where it leaves out none."""
    return int(name.removeprefix(WITHOUT)) if name.startswith(WITHOUT) else None


def says(name: str) -> str:
    """Return what such a loss does, in words."""
    left_out = mark_in(name)
    if left_out is not None:
        return f"the loss leaves out what has label {left_out}"
    kind = "as whole class numbers" if name == WHOLE else "as floats shaped like the outputs"
    return f"the loss gets the targets {kind}"


def line(name: str) -> str:
    """Return what to type."""
    left_out = mark_in(name)
    if left_out is not None:
        return f"loss = nn.CrossEntropyLoss(ignore_index={left_out})"
    return "targets = targets.long().flatten()" if name == WHOLE else "targets = targets.float().reshape(outputs.shape)"


def _plain_shape(values: torch.Tensor) -> list[int]:
    return [size for size in values.shape if size != 1]


def _takes(loss: Callable[[Any, Any], Any], outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a loss gives a finite number for which a gradient can be had."""
    if targets.is_floating_point() and not bool(torch.isfinite(targets).all()):
        return False
    made_up = outputs.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            value = loss(made_up, targets)
            value.backward()
    except Exception:  # noqa: BLE001 - then it does not
        return False
    return value.dim() == 0 and bool(torch.isfinite(value))
