"""Weigh the classes in the loss so that rare ones count as much as frequent ones (King and Zeng 2001: n / (K n_k))."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.utils.data import Subset, TensorDataset

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change
from autofix_nb.fixes.preparing import Owned, PreparingFix, WayBack

SAID = 6
"""Weights listed in the sentence; more are said by the smallest and the largest."""

TYPED = 12
"""Weights written into the line to type; for more, the line computes them."""

MOST_CLASSES = 4096


class ClassWeights(PreparingFix):
    """Give a loss object of torch's its weights. A loss that is a function, or has weights, is left alone."""

    name: ClassVar = "class_weights"
    touches: ClassVar = "loop"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        setting = _free_setting(owned.loss)
        labels = _labels(owned) if setting else None
        if labels is None:
            return None
        counts = _yes_and_no(labels) if setting == "pos_weight" else _class_counts(labels, owned)
        if counts is None:
            return None
        weights = [counts[0] / counts[1]] if setting == "pos_weight" else _balanced(counts)
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"all classes count the same in the loss, however rare: {_rarest(counts)} "
            f"({setting} {_said(weights)})",
            before={setting: None},
            after={setting: weights},
            permanent=_line(type(owned.loss).__name__, setting, weights),
        )

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        loss = owned.loss
        (setting, weights), *_ = change.after.items()
        if _free_setting(loss) != setting:
            return []
        parameter = next(owned.model.parameters(), None) if isinstance(owned.model, nn.Module) else None
        device = torch.device("cpu") if parameter is None else parameter.device
        setattr(loss, setting, torch.tensor(weights, dtype=torch.float32, device=device))
        return [lambda: setattr(loss, setting, None)]

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return (owned.loss,)


def _free_setting(loss: Any) -> str:
    """Return the name of the setting that takes the weights; empty where there is none, or it is taken."""
    if isinstance(loss, nn.BCEWithLogitsLoss):
        return "pos_weight" if loss.pos_weight is None and loss.weight is None else ""
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss):
        return "weight" if loss.weight is None else ""
    return ""


def _labels(owned: Owned) -> np.ndarray | None:
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


def _class_counts(labels: np.ndarray, owned: Owned) -> np.ndarray | None:
    """Return how many samples each class has, shape (K,); None where the labels are no classes."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()
        counts = labels.sum(0).astype(np.int64) if one_hot else None
    elif labels.ndim <= 2:
        flat = labels.reshape(-1)
        flat = flat[flat != getattr(owned.loss, "ignore_index", -100)]
        if not flat.size or not np.isfinite(flat).all() or (flat != flat.round()).any() or flat.min() < 0:
            return None
        classes = max(int(flat.max()) + 1, _outputs(owned))
        counts = np.bincount(flat.astype(np.int64), minlength=classes) if classes <= MOST_CLASSES else None
    else:
        return None
    return counts if counts is not None and (counts > 0).sum() > 1 and len(set(counts[counts > 0])) > 1 else None


def _yes_and_no(labels: np.ndarray) -> np.ndarray | None:
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


def _balanced(counts: np.ndarray) -> list[float]:
    # Over the classes that have samples: a weight for one without is never used.
    there = counts > 0
    weights = np.ones(len(counts))
    weights[there] = counts.sum() / (there.sum() * counts[there])
    return weights.tolist()


def _rarest(counts: np.ndarray) -> str:
    there = np.flatnonzero(counts)
    rarest = there[counts[there].argmin()]
    return f"class {rarest} has {counts[rarest]:,} of {counts.sum():,} samples"


def _said(weights: list[float]) -> str:
    if len(weights) <= SAID:
        return ", ".join(f"{weight:.3g}" for weight in weights)
    return f"from {min(weights):.3g} to {max(weights):.3g}"


def _line(loss: str, setting: str, weights: list[float]) -> str:
    if len(weights) <= TYPED:
        return f"loss = nn.{loss}({setting}=torch.tensor([{', '.join(f'{weight:.3g}' for weight in weights)}]))"
    return (
        f"counts = torch.bincount(train_labels, minlength={len(weights)})\n"
        f"loss = nn.{loss}({setting}=counts.sum() / (len(counts) * counts.clamp(min=1)))"
    )
