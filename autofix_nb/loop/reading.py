"""Targets that the given loss raises for, and inputs that the model does, of another type than wanted: read otherwise.

No race is needed: as it is, the training cannot take a single step.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from autofix_nb.errors import DataError
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES, Change
from autofix_nb.objective import readings
from autofix_nb.policy import Candidate

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

FIX, CAST, WIDEN = "mend_loss", "cast_inputs", "widen_output"


def may_read(autofix: str, allow: Collection[str], fixes: Collection[str] | None) -> frozenset[str]:
    """Return which of the ways to take targets are allowed; where none is, the error says what is wanted."""
    ways = (FIX, WIDEN) if autofix == "auto" else ()
    return frozenset(name for name in ways if FIXES[name].touches in allow and (fixes is None or name in fixes))


def read_targets(guard: "Guard", reading: str) -> None:
    """Let the loss take the targets so from the first step on, and write that down; a resumed run does so already."""
    if not reading or guard.status != "running" or guard.controls.loss:
        return
    change = Change(
        fix=FIX,
        touches=FIXES[FIX].touches,
        says=readings.says(reading),
        before={"loss": ""},
        after={"loss": reading, "sure": True},
        permanent=readings.line(reading),
    )
    left_out = readings.mark_in(reading)
    guard.controls.loss = reading
    guard.policy.take_down(
        Finding(
            code="B05" if left_out is None else "B04",
            title="Loss shapes" if left_out is None else "Label range",
            severity=Severity.CRITICAL,
            step=guard.step_count,
            measured=1 if left_out is None else left_out,
            limit=0,
            says="the loss raises for targets of this type and shape, and takes the same numbers in another"
            if left_out is None
            else f"label {left_out} lies outside the model's outputs, and is the only one that does",
            fixes=(FIX,),
        ),
        change,
    )


def cast_inputs(guard: "Guard") -> None:
    """Before the first step, let the model cast inputs that it raises for, where the look before training said so."""
    found = next((one for one in guard.found_before if CAST in one.fixes), None)
    if found is None or not guard.policy.may(CAST):
        return
    fix = FIXES[CAST]()
    change = fix.plan(found, guard)
    if change is not None:
        guard.adopt(Candidate(fixes=[(fix, change)]))
        guard.policy.take_down(found, change)


def widen_output(guard: "Guard", outputs: int, width: int) -> None:
    """Before the first step, give a model of `width` outputs as many as the labels count; a resumed run has them.

    Raises:
        DataError: where no layer of the model can be made wider.
    """
    if not outputs or guard.status != "running" or guard.step_count or guard.standing_changes:
        return
    fix = FIXES[WIDEN]()
    finding = Finding(
        code="B04",
        title="Label range",
        severity=Severity.CRITICAL,
        step=0,
        measured=outputs - 1,
        limit=width - 1,
        says=f"the labels count up to {outputs - 1}, and the model has {width} outputs, for 0 to {width - 1}",
        fixes=(WIDEN,),
    )
    change = fix.plan(finding, guard)
    if change is None:
        raise DataError(
            f"`targets` hold label {outputs - 1}, the model has {width} outputs, so wanted 0 to {width - 1}: labels "
            f"must count from 0, or give the model {outputs} outputs"
        )
    guard.adopt(Candidate(fixes=[(fix, change)]))
    guard.policy.take_down(finding, change)
