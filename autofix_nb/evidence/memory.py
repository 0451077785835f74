"""The memory that a training step takes: estimated from what a forward pass keeps, or found out by trying on a GPU.

A step holds the weights, their gradients, the optimizer's state, and what the forward pass keeps for the backward pass.
The last part grows with the rows of a batch; it is counted with `torch.autograd.graph.saved_tensors_hooks`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import free_memory, is_out_of_memory, total_loss

FEW_ROWS = 4
"""Rows that the kept bytes are counted on."""

STATES = {
    "SGD": 0, "Adam": 2, "AdamW": 2, "NAdam": 2, "RAdam": 2, "Adamax": 2, "Adagrad": 1, "RMSprop": 1, "Adafactor": 0,
    "Lion": 1, "Muon": 1,
}  # fmt: skip
"""Copies of the weights that an optimizer keeps; SGD keeps one with momentum."""

USUAL_STATES = 2
"""Copies kept by an optimizer that is not known, or not given: those of Adam."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Bytes that a training step needs: so many whatever the batch, and so many for each row."""

    weights: int
    gradients: int
    states: int
    row: float

    @property
    def fixed(self) -> int:
        """Bytes that do not depend on the batch."""
        return self.weights + self.gradients + self.states

    def of(self, rows: int) -> float:
        """Return the bytes of a step with so many rows."""
        return self.fixed + rows * self.row

    def largest(self, available: float) -> int:
        """Return how many rows fit into so many bytes."""
        return max(0, int((available - self.fixed) / max(self.row, 1.0)))


def demand_of(subject: Subject) -> Demand:
    """Count what a forward pass on a few rows keeps, and add weights, gradients and the optimizer's state.

    Raises:
        NotApplicable: when the forward pass raises.
    """
    model = subject.model
    weights = sum(part.numel() * part.element_size() for part in (*model.parameters(), *model.buffers()))
    trained = sum(part.numel() * part.element_size() for part in model.parameters() if part.requires_grad)
    rows = min(FEW_ROWS, subject.trial_rows)
    data = subject.take(rows)
    inputs = sum(tensor.numel() * tensor.element_size() for _, tensor in structure.tensors(data))
    try:
        with subject.borrowed(training=True) as borrowed, kept_bytes(borrowed) as kept:
            result = subject.objective(borrowed)(data)
            total_loss(result)
    except Exception as error:
        raise NotApplicable(f"a forward pass {subject.raises(error, rows)}") from error
    return Demand(
        weights=weights,
        gradients=trained,
        states=trained * states_of(subject.optimizer),
        row=(sum(kept.values()) + inputs) / rows,
    )


@contextmanager
def kept_bytes(model: nn.Module) -> Iterator[dict[int, int]]:
    """Context in which the bytes that are kept for the backward pass are noted, each storage once, without weights."""
    own = {part.untyped_storage().data_ptr() for part in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield kept


def states_of(optimizer: Any) -> int:
    """Return how many copies of the weights an optimizer keeps."""
    name = type(optimizer).__name__
    if name == "SGD":
        return int(any(group.get("momentum") for group in optimizer.param_groups))
    return STATES.get(name, USUAL_STATES)


def largest_batch(
    fits: Callable[[int], None], start: int, most: int, may_go_on: Callable[[], bool] = lambda: True
) -> tuple[int, bool]:
    """Double the rows until memory runs out, then halve the gap once. Return the largest that fitted, and whether that
    is known to be near the end: False where `most` or the time ended the search.

    `fits(rows)` runs one step; running out of memory is caught, anything else is not.
    """
    best, rows = 0, max(1, min(start, most))
    while may_go_on():
        if not _fits(fits, rows):
            middle = (best + rows) // 2
            if best < middle < rows and may_go_on() and _fits(fits, middle):
                best = middle
            return best, True
        best = rows
        if rows >= most:
            break
        rows = min(2 * rows, most)
    return best, False


def _fits(fits: Callable[[int], None], rows: int) -> bool:
    try:
        fits(rows)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        ran_out = error
    else:
        return True
    # Outside of `except`, where the error's frames would keep the memory.
    free_memory(ran_out)
    return False


def try_batches(subject: Subject, most: int, seconds: float) -> tuple[int, bool]:
    """Find the largest batch by real steps on the device, with the gradients and the optimizer's state in place.

    Raises:
        NotApplicable: when a step raises anything but out of memory.
    """
    ends = time.monotonic() + seconds
    size = subject.batch_rows
    batch = subject.batch.data
    model = subject.model
    trained = [part for part in model.parameters() if part.requires_grad]
    states = []
    try:
        states = [torch.empty_like(part) for part in trained for _ in range(states_of(subject.optimizer))]

        def fits(rows: int) -> None:
            data = structure.take(batch, [place % size for place in range(rows)], size)
            data = structure.to_device(data, subject.device)
            with subject.borrowed(training=True) as borrowed:
                total_loss(subject.objective(borrowed)(data))[0].backward()
                subject.wait()

        return largest_batch(fits, size, most, lambda: time.monotonic() < ends)
    except Exception as error:
        if is_out_of_memory(error):
            return 0, True
        raise NotApplicable(f"a step with a larger batch raises {type(error).__name__}") from error
    finally:
        states.clear()
        free_memory()
