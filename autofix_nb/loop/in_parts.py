"""A batch that does not fit into memory is run in halves, and halves of these, until a part fits."""

from typing import TYPE_CHECKING

from autofix_nb.data import Batch
from autofix_nb.errors import TrainingFailed
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes.split_batch import split_into
from autofix_nb.loop.batch_rows import rows_of
from autofix_nb.loop.rerun import run_again
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.window import Objective
from autofix_nb.objective import free_memory, is_out_of_memory

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def run_in_parts(guard: "Guard", batch: Batch, objective: Objective, attempt: Attempt) -> Attempt:
    """Run a batch that did not fit into memory in parts, weighted so that the gradient is that of the whole.

    Raises:
        Exception: the device's own, when not even one sample fits.
    """
    error = attempt.error
    before, rows = guard.controls.micro_batch, len(rows_of(batch))
    size = before or rows
    while True:
        free_memory(error)
        if size == 1:
            raise error if error is not None else TrainingFailed("one sample does not fit into memory")
        size = (size + 1) // 2
        guard.controls.micro_batch = size
        attempt = run_again(guard, batch, objective)
        error = attempt.error
        if error is None or not is_out_of_memory(error):
            finding = Finding(
                code="R01",
                title="Out of memory",
                severity=Severity.WARNING,
                step=guard.step_count,
                measured=rows,
                limit=size,
                says=f"a batch of {rows} does not fit, parts of {size} do; the gradient is that of the whole batch"
                + (", batch norm sees the parts" if guard.has_batch_norm else ""),
            )
            guard.history.record(guard.step_count, out_of_memory=size)
            guard.policy.take_down(finding, split_into(size, before=before, whole=rows))
            return attempt
