"""A step failed where nothing may be changed (`autofix="suggest"`, `"off"`): say it, and do as a plain loop does."""

from typing import TYPE_CHECKING

import torch

from autofix_nb.data import Batch
from autofix_nb.loop.blame import bad_numbers, fault_of
from autofix_nb.loop.locate import first_bad_weight
from autofix_nb.loop.rerun import rows_that_fail_alone, run_again
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.window import Objective

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def leave_errors_alone(guard: "Guard", attempt: Attempt) -> None:
    """Let the user's own error out.

    Raises:
        Exception: that error, with a note on who would have dealt with it.
    """
    if attempt.error is not None:
        attempt.error.add_note(f'autofix_nb: `autofix="{guard.policy.mode}"` leaves errors to you.')
        raise attempt.error


def say_where(guard: "Guard", batch: Batch, objective: Objective, attempt: Attempt) -> Attempt:
    """Say where the bad numbers come from; returns the batch run again, on the same random stream and buffers."""
    random, buffers = torch.default_generator.get_state(), [b.clone() for b in guard.model.buffers()]
    weight = first_bad_weight(guard.model)
    if weight is not None:
        guard.policy.act(bad_numbers(guard, attempt, weight, ()), guard, ["rollback", "scale_lr"])
    else:
        found = [fault_of(guard, batch, objective, row) for row in rows_that_fail_alone(guard, batch, objective)]
        guard.suspects = [fault for fault in found if fault is not None]
        where = guard.suspects[0].reason if guard.suspects else "the whole batch"
        samples = tuple(f"sample {fault.index}" for fault in guard.suspects)
        guard.policy.act(bad_numbers(guard, attempt, where, samples), guard, ["quarantine", "skip_batch"])
        guard.suspects = []
    again = run_again(guard, batch, objective)
    torch.default_generator.set_state(random)
    with torch.no_grad():
        for buffer, value in zip(guard.model.buffers(), buffers, strict=True):
            buffer.copy_(value)
    return again
