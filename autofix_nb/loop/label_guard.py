"""Labels looked at on the CPU before they reach a GPU: one out of range ends every later use of the GPU in the process.

On the CPU the loss raises and the sample is found like any other; on a GPU the kernel asserts, and from then on every
call fails (CUDA runtime API, `cudaErrorAssert`: the process must be ended). Measured: 10 µs for a batch of 256 labels.
"""

from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.data import Batch, Fault
from autofix_nb.data.pictures import row_png
from autofix_nb.errors import DataError
from autofix_nb.objective import split_batch
from autofix_nb.objective.readings import mark_in
from autofix_nb.objective.tasks import takes_class_ids

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

MOST_LABELS = 65_536
"""Labels of a batch that are looked at before each step; of more (a label for each pixel), looking would be felt."""


def leave_out_bad_labels(guard: "Guard", batch: Batch) -> bool:
    """Set aside the samples of a batch on the CPU whose labels lie outside the model's outputs.

    Returns whether any of the batch is left to train on.

    Raises:
        DataError: where samples may not be set aside, or too little is known to do it.
    """
    found = _labels_of(guard, batch)
    if found is None or found[0].numel() > MOST_LABELS or not len(rows := _bad_rows(*found)):
        return True
    labels, classes, ignore = found
    bad_labels = [_first_bad(labels[row], classes, ignore) for row in rows]
    said = [f"label {label} is outside the model's {classes} outputs" for label in bad_labels]
    alone = batch.indices is not None and len(batch.indices) == len(labels)
    if not alone or not guard.policy.may("quarantine"):
        raise DataError(
            f"`train`: {said[0]} (wanted 0 to {classes - 1}) in batch {batch.position} of epoch {batch.epoch}. On the "
            "GPU it would have made every later call fail; labels must count from 0, or the model needs more outputs"
        )
    faults = [
        Fault(batch.indices[row], "raises", text, picture=row_png(batch.data, row))
        for row, text in zip(rows, said, strict=True)
    ]
    guard.suspects = faults
    guard.policy.act(guard.sample_finding(faults), guard, ["quarantine"])
    guard.suspects = []
    bad = set(rows)
    rest = batch.reload([index for row, index in enumerate(batch.indices) if row not in bad])
    if rest is None:
        return False
    batch.data, batch.indices = rest.data, rest.indices
    return batch.data is not None


def likely_cause(guard: "Guard", batch: Batch | None) -> str:
    """Return why a GPU has probably become unreadable, by a look at what lies on the CPU alone."""
    try:
        found = None if batch is None or batch.data is None else _labels_of(guard, batch)
    except Exception:  # noqa: BLE001 - it is asked while another error is on its way out
        found = None
    if found is not None and len(rows := _bad_rows(*found)):
        labels, classes, ignore = found
        row = rows[0]
        name = f"sample {batch.indices[row]}" if batch.indices and row < len(batch.indices) else f"row {row}"
        bad = _first_bad(labels[row], classes, ignore)
        return (
            f"label {bad} of {name} in batch {batch.position} of epoch {batch.epoch} is outside the model's {classes} "
            f"outputs (0 to {classes - 1})"
        )
    return (
        "an index out of range, such as a label outside of the model's outputs or an id beyond an embedding's size; "
        "on the CPU (`device='cpu'`) the error names the line"
    )


def _labels_of(guard: "Guard", batch: Batch) -> tuple[torch.Tensor, int, int] | None:
    """Return class numbers on the CPU, how many classes there are, and which number does not count; None otherwise."""
    task = guard.task or getattr(guard.objective, "task", None)
    if task is None or task.kind != "classification" or not task.classes or guard.known.get("has_step"):
        return None
    try:
        _, targets = split_batch(batch.data)
    except (DataError, TypeError, ValueError, KeyError):
        return None
    if not isinstance(targets, torch.Tensor) or targets.is_cuda or targets.dim() == 0 or not targets.numel():
        return None
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        return None
    if not (takes_class_ids(task.loss) or getattr(task.loss, "__module__", "") == "autofix_nb.objective.tasks"):
        return None
    left_out = mark_in(guard.controls.loss)
    return targets, task.classes, int(getattr(task.loss, "ignore_index", -100)) if left_out is None else left_out


def _bad_rows(labels: torch.Tensor, classes: int, ignore: int) -> list[int]:
    low, high = torch.aminmax(labels)
    if low >= 0 and high < classes:
        return []
    bad = ((labels < 0) | (labels >= classes)) & (labels != ignore)
    return bad.reshape(len(labels), -1).any(1).nonzero().flatten().tolist()


def _first_bad(labels: Any, classes: int, ignore: int) -> int:
    flat = labels.reshape(-1)
    bad = flat[((flat < 0) | (flat >= classes)) & (flat != ignore)]
    return int(bad[0])
