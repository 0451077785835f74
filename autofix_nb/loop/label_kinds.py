"""The labels of a whole data set before training: one that marks what is left out, or more of them than outputs."""

from typing import Any

import torch
from torch.utils.data import TensorDataset

from autofix_nb.fixes.widen_output import MOST_TIMES
from autofix_nb.objective.readings import mark_of

FEW_WRONG = 0.02
"""Share of labels out of range up to which they are slips, and no labels that count from 1."""


def all_labels(train: Any) -> torch.Tensor | None:
    """Return the labels of the whole data set where they are class numbers that can be had without loading a sample."""
    dataset = getattr(train, "dataset", None)
    if isinstance(dataset, TensorDataset):
        labels = dataset.tensors[-1]
    else:
        labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    try:
        labels, samples = torch.as_tensor(labels), len(dataset)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):  # a stream has no length
        return None
    fits = labels.dim() in (1, 2) and not labels.is_floating_point() and labels.numel() == samples
    return labels if fits else None


def are_marked(outputs: Any, labels: torch.Tensor | None, ignore: int) -> bool:
    """Tell whether one label of all marks what is not to be learnt, and the loss does not leave it out.

    Where it is rare, its samples are set aside when their turn comes.
    """
    if labels is None or not isinstance(outputs, torch.Tensor) or outputs.dim() < 2:
        return False
    mark = mark_of(labels, outputs.shape[1])
    return mark is not None and mark != ignore and float((labels == mark).float().mean()) > FEW_WRONG


def outputs_wanted(outputs: Any, targets: Any, labels: torch.Tensor | None) -> int:
    """Return how many outputs the labels want, where the model has fewer; 0 where it has enough, or nobody can tell."""
    kinds = targets if labels is None else labels
    tensors = isinstance(outputs, torch.Tensor) and isinstance(kinds, torch.Tensor)
    if not tensors or outputs.dim() < 2 or outputs.shape[1] < 2 or kinds.is_floating_point() or not kinds.numel():
        return 0
    if kinds.dtype == torch.bool or targets.dim() != outputs.dim() - 1:
        return 0
    width, low, high = outputs.shape[1], int(kinds.min()), int(kinds.max())
    beyond = float((kinds >= width).float().mean())
    # With all numbers in use they count classes; slips are few.
    in_use = high < MOST_TIMES * width and len(kinds.unique()) >= high
    return high + 1 if low >= 0 and high >= width and beyond > FEW_WRONG and in_use else 0
