"""Inputs that the model raises for, as they are of another type than it computes with: cast on their way into it.

No race is needed: as it is, the training cannot take a single step.
"""

from typing import TYPE_CHECKING

from autofix_nb.fixes import FIXES
from autofix_nb.policy import Candidate

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

CAST = "cast_inputs"


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
