"""The labels of a side: all of them where the scan's are what the loader gives, else those of the first batch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from autofix_nb.data import Batch
from autofix_nb.errors import DataError
from autofix_nb.evidence.scan import Scan
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import split_batch


@dataclass(frozen=True, kw_only=True)
class AllLabels:
    """Labels of a side, as far as they could be looked at."""

    values: np.ndarray
    names: tuple[str, ...] = ()
    """Names of the samples they belong to; empty where these are not known."""

    share: str = ""
    """How many that is, in words."""

    complete: bool = False


def all_labels(subject: Subject, side: Literal["train", "val"], targets: torch.Tensor) -> AllLabels:
    """Return the labels of a side; `targets` are those of training's first batch, whose kind they must be of."""
    batch, first = _first_labels(subject, side)
    scan = subject.scan_or_none(side)
    labels = None if scan is None else scan.labels
    fits = labels is not None and len(labels) and labels.dtype.kind in "iufb" and labels.ndim == targets.dim()
    if fits and _agrees(scan, labels, batch, first):
        names = tuple(f"sample {index}" for index in scan.indices)
        return AllLabels(values=labels, names=names, share=scan.share, complete=scan.complete)
    if first is None:
        return AllLabels(values=np.zeros(0, dtype=np.int64))
    known = () if batch is None or batch.indices is None else batch.indices
    return AllLabels(
        values=first.cpu().numpy(),
        names=tuple(f"sample {index}" for index in known),
        share=f"the first {len(first)} samples",
    )


def _first_labels(subject: Subject, side: Literal["train", "val"]) -> tuple[Batch | None, torch.Tensor | None]:
    try:
        batch = subject.batch if side == "train" else subject.val_batch
        targets = split_batch(batch.data)[1]
    except (NotApplicable, DataError):
        return None, None
    return batch, targets if isinstance(targets, torch.Tensor) and targets.dim() else None


def _agrees(scan: Scan, labels: np.ndarray, batch: Batch | None, targets: torch.Tensor | None) -> bool:
    """Tell whether the scan's labels are what the loader gives: a collate function may have changed them."""
    if batch is None or targets is None or batch.indices is None:
        return True
    place = {index: row for row, index in enumerate(scan.indices.tolist())}
    given = targets.cpu().numpy()
    rows = [(place[index], row) for row, index in enumerate(batch.indices) if index in place and row < len(given)]
    return all(np.array_equal(labels[one], given[row]) for one, row in rows)
