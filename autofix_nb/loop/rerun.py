"""Runs a batch that failed again, whole or in part, as if for the first time; weights and randomness stay as they were.

What the answers mean is for others to say: `loop/trouble` asks.
"""

from typing import TYPE_CHECKING

import torch

from autofix_nb.checkpoints import WeightsOnLoan
from autofix_nb.data import Batch, structure
from autofix_nb.errors import DataError
from autofix_nb.loop.batch_rows import rows_of, take_rows
from autofix_nb.loop.culprits import fill_up, find_culprits
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.window import Objective
from autofix_nb.objective import is_device_lost, is_out_of_memory

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def run_again(guard: "Guard", batch: Batch, objective: Objective) -> Attempt:
    """Run the whole batch, on a copy: it may have to be run once more. The gradients are those of the step."""
    guard.stepper.before.restore()
    data = guard.stepper.to_device(structure.map_tensors(torch.clone, batch.data))
    return guard.window.attempt(data, objective, again=True).read()


def try_rows(guard: "Guard", batch: Batch, objective: Objective, rows: list[int]) -> Attempt:
    """Run some rows of a batch, repeated until they fill it; `clear` belongs after it.

    Raises:
        Exception: the device's own, when it is lost or out of memory: that is no answer about rows.
    """
    guard.stepper.before.restore()
    data = guard.stepper.to_device(take_rows(batch, fill_up(rows, len(rows_of(batch)))))
    attempt = guard.window.pieces(data, objective, 1.0, first=True)
    error = attempt.error
    if error is not None and (is_device_lost(error) or is_out_of_memory(error)):
        raise error
    return attempt.read()


def rows_that_fail_alone(guard: "Guard", batch: Batch, objective: Objective) -> list[int]:
    """Return the rows that fail without the others; none where the batch cannot be taken apart."""
    try:
        size = len(rows_of(batch))
        return find_culprits(lambda part: not try_rows(guard, batch, objective, part).fine, size)
    except (structure.NotSliceable, DataError):
        return []
    finally:
        clear(guard)


def passes_with_good_weights(guard: "Guard", batch: Batch, objective: Objective, rows: list[int]) -> bool:
    """Tell whether these rows (all, when none is named) pass under the last good weights: it is not the data's fault.

    Always False where the weights have not changed since.
    """
    snapshot = guard.snapshot
    if snapshot is None or snapshot.step == guard.step_count:
        return False
    try:
        rows = rows or list(rows_of(batch))
        with WeightsOnLoan(guard.model, snapshot):
            return try_rows(guard, batch, objective, rows).fine
    except (structure.NotSliceable, DataError):
        with WeightsOnLoan(guard.model, snapshot):
            return run_again(guard, batch, objective).fine
    finally:
        clear(guard)


def clear(guard: "Guard") -> None:
    """Make things as they were before the step, and drop the gradients of what was tried."""
    guard.stepper.before.restore()
    guard.optimizer.zero_grad(set_to_none=True)
