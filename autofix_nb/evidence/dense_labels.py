"""How often each class comes where each sample has many labels: masks of pixels, classes of pixels or of words."""

import numpy as np
import torch

from autofix_nb.errors import DataError
from autofix_nb.evidence.classes import IGNORED, task_or_none
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import split_batch

LEAST_PLACES = 16
"""Yes and no of one sample from which they are places of it, and no several labels that it has."""


def dense_counts(subject: Subject) -> tuple[np.ndarray, int] | None:
    """Return how many places have each class in the first batch, shape (K,), and how many samples that is.

    None where a sample has one label, or several of its own: only where the outputs have the same places.
    """
    task = task_or_none(subject)
    try:
        targets, outputs = split_batch(subject.batch.data)[1], subject.outputs
    except (NotApplicable, DataError):
        return None
    if task is None or not isinstance(targets, torch.Tensor) or not isinstance(outputs, torch.Tensor):
        return None
    if targets.dim() < 2:
        return None
    if task.kind in ("binary", "multi-label") and targets.shape == outputs.shape and targets.dim() > 2:
        if targets[0].numel() < LEAST_PLACES:
            return None
        flat = targets.reshape(-1)
        if not bool(((flat == 0) | (flat == 1)).all()):
            return None
        return np.bincount(flat.long().cpu().numpy(), minlength=2), len(targets)
    is_dense = outputs.dim() == targets.dim() + 1 and outputs.shape[2:] == targets.shape[1:]
    if task.kind != "classification" or targets.is_floating_point() or not is_dense:
        return None
    flat = targets.reshape(-1)
    flat = flat[flat != IGNORED].cpu().numpy()
    if not flat.size or flat.min() < 0 or flat.max() >= outputs.shape[1]:
        return None
    return np.bincount(flat), len(targets)
