"""How often each class comes in the training data: from the labels that a look before found, or the data set holds."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Subset, TensorDataset

from autofix_nb.fixes.preparing import Owned

MOST_CLASSES = 4096
"""Labels above this are identities, and no classes."""


def labels_of(owned: Owned) -> np.ndarray | None:
    """Return the training labels: those that were looked at before, else those that the data set holds."""
    labels = None
    if owned.evidence is not None:
        try:
            labels = owned.evidence.scan("train").labels
        except Exception:  # noqa: BLE001 - what could not be looked at is no reason to fail
            labels = None
    if labels is None:
        labels = _held_by(getattr(owned.train, "dataset", None))
    labels = None if labels is None else np.asarray(labels)
    return labels if labels is not None and labels.size and labels.dtype.kind in "biuf" else None


def are_places(run: Any) -> bool:
    """Tell whether a sample has many labels, such as one for each pixel."""
    labels = labels_of(Owned.of(run))
    return labels is not None and labels.ndim > 2


def _held_by(dataset: Any) -> Any:
    if isinstance(dataset, Subset):
        labels = _held_by(dataset.dataset)
        return None if labels is None else np.asarray(labels)[np.asarray(dataset.indices, dtype=np.int64)]
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[-1].detach().cpu().numpy()
    labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    try:
        return None if labels is None else np.asarray(labels)
    except ValueError:  # of different lengths
        return None


def class_counts(labels: np.ndarray, owned: Owned) -> np.ndarray | None:
    """Return how many samples each class has, shape (K,); None where the labels are no classes."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()
        counts = labels.sum(0).astype(np.int64) if one_hot else None
    elif labels.ndim <= 2 or labels.dtype.kind in "iu":
        flat = labels.reshape(-1)
        flat = flat[flat != getattr(owned.loss, "ignore_index", -100)]
        if not flat.size or not np.isfinite(flat).all() or (flat != flat.round()).any() or flat.min() < 0:
            return None
        classes = max(int(flat.max()) + 1, _outputs(owned))
        counts = np.bincount(flat.astype(np.int64), minlength=classes) if classes <= MOST_CLASSES else None
    else:
        return None
    return counts if counts is not None and (counts > 0).sum() > 1 and len(set(counts[counts > 0])) > 1 else None


def yes_and_no(labels: np.ndarray) -> np.ndarray | None:
    """Return how many labels are no and yes, shape (2,); None for several labels a sample."""
    one_each = labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)
    if not one_each or not np.isin(labels, (0, 1)).all():
        return None
    counts = np.bincount(labels.reshape(-1).astype(np.int64), minlength=2)
    return counts if counts.min() > 0 and counts[0] != counts[1] else None


def _outputs(owned: Owned) -> int:
    """Return how many classes the model tells apart; 0 where that is not known."""
    try:
        outputs = owned.evidence.outputs
    except Exception:  # noqa: BLE001 - then the labels tell
        return 0
    return int(outputs.shape[1]) if isinstance(outputs, torch.Tensor) and outputs.dim() > 1 else 0


def balanced(counts: np.ndarray) -> list[float]:
    """Return the weights with which all classes count the same, 1 for those without samples."""
    # Over the classes that have samples: a weight for one without is never used.
    there = counts > 0
    weights = np.ones(len(counts))
    weights[there] = counts.sum() / (there.sum() * counts[there])
    return weights.tolist()
