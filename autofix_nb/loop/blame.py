"""What is said of a step that failed: the row and the place where the first bad number or the error arose."""

from math import isfinite
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.data import Batch, Fault, structure
from autofix_nb.data.fetch import describe_error
from autofix_nb.data.pictures import row_png
from autofix_nb.detectors.non_finite import NonFinite
from autofix_nb.errors import DataError
from autofix_nb.finding import Finding, Severity
from autofix_nb.loop.batch_rows import rows_of, take_rows
from autofix_nb.loop.culprits import fill_up
from autofix_nb.loop.locate import locate
from autofix_nb.loop.rerun import clear, try_rows
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.window import Objective
from autofix_nb.objective import total_loss

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def fault_of(guard: "Guard", batch: Batch, objective: Objective, row: int) -> Fault | None:
    """Return the record of one row that fails alone: its index, and where it fails; None if it passes this time."""
    attempt = try_rows(guard, batch, objective, [row])
    clear(guard)
    if attempt.fine:
        return None
    index = (
        batch.indices[row] if batch.indices is not None else f"epoch {batch.epoch}, batch {batch.position}, row {row}"
    )
    error = attempt.error
    if error is None:
        where = where_it_fails(guard, batch, objective, [row])
        return Fault(index, "non-finite", where, picture=row_png(batch.data, row))
    reason, trace = describe_error(error)
    return Fault(index, "raises", f"in the forward pass, {reason}", trace, picture=row_png(batch.data, row))


def where_it_fails(guard: "Guard", batch: Batch, objective: Objective, rows: list[int]) -> str:
    """Return where the first bad number arises for these rows (all of them when none is named)."""
    try:
        rows = rows or list(rows_of(batch))
        data = take_rows(batch, fill_up(rows, len(rows_of(batch))))
    except (structure.NotSliceable, DataError):
        data = batch.data
    data = guard.stepper.to_device(data)
    clear(guard)

    def run(part: Any) -> torch.Tensor:
        with guard.stepper.autocast():
            return total_loss(objective(part))[0]

    where = locate(guard.model, data, run, guard.stepper.norms)
    clear(guard)
    return where


def bad_numbers(guard: "Guard", attempt: Attempt, where: str, samples: tuple[str, ...]) -> Finding:
    """Return G03 with where it arose first."""
    said = where
    if samples:
        more = f"; {len(samples) - 1} more in this batch like it" if len(samples) > 1 else ""
        said = f"{samples[0]}: {where}{more}"
    elif attempt.error is None and not (isfinite(attempt.loss) and isfinite(attempt.norm)):
        said = f"{where} (loss {attempt.loss:.3g}, gradient norm {attempt.norm:.3g})"
    return Finding(
        code=NonFinite.code,
        title=NonFinite.title,
        severity=Severity.WARNING if samples else Severity.CRITICAL,
        step=guard.step_count,
        measured=attempt.norm,
        limit=float("inf"),
        says=said,
        where=samples or (where,),
        fixes=NonFinite.fixes,
    )


def place_of(faults: list[Fault]) -> str:
    """Return where the first of these failed, in words."""
    return faults[0].reason if faults else "a place that no single sample leads to"


def set_aside(guard: "Guard", batch: Batch, faults: list[Fault]) -> None:
    """Say which samples of a batch are to blame, and put them into quarantine."""
    guard.suspects = faults
    if batch.indices is None:
        # Rows of a stream have no index that comes again: this batch goes on without them, and that is all.
        names = tuple(str(fault.index) for fault in faults)
        guard.policy.note(bad_numbers(guard, Attempt(), faults[0].reason, names))
        guard.suspects = []
        return
    if faults[0].kind == "non-finite":
        names = tuple(f"sample {fault.index}" for fault in faults)
        finding = bad_numbers(guard, Attempt(), faults[0].reason, names)
    else:
        finding = guard.sample_finding(faults)
    guard.policy.act(finding, guard, ["quarantine"])
    guard.suspects = []
