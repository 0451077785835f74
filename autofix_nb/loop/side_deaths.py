"""What kills twice beside the training: a race, a range test or a look in which the process died is not done again.

The batch at hand has no part in such a death, and is not left out for it. Validation cannot be left out, nor what is
before the first step: there it is said what it was, and what to try.
"""

from typing import TYPE_CHECKING

from autofix_nb.loop.deaths import DEATHS, is_same_place
from autofix_nb.loop.pulse import Phase

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

SAID = {
    Phase.LOOK: "the look before training",
    Phase.RANGE_TEST: "the range test of the learning rate",
    Phase.RACE: "the race of what could help",
    Phase.VERDICT: "the verdict on a change",
    Phase.VALIDATION: "the validation",
}
"""By phase: what was done beside the training, in words."""

WITHOUT = {
    Phase.LOOK: "training begins without it",
    Phase.RANGE_TEST: "the rate stays as it is",
    Phase.RACE: "nothing is changed for what it was held for",
    Phase.VERDICT: "the change stays",
}
"""By phase: what comes of leaving that out."""

CAUSE = "out of host memory, or a crash in native code"

BEFORE = (Phase.OPENING.name.lower(), Phase.BETWEEN.name.lower(), None)
"""Phases of a process that has not loaded its first batch yet; None where its pulse is lost."""


def leave_out_beside(guard: "Guard") -> None:
    """Say in what the last two processes died, where no batch is to blame, and leave it out where that can be done."""
    died = guard.journal.entries("died")[-DEATHS:]
    phases = {phase.name.lower(): phase for phase in SAID}
    if not is_same_place(died, (*phases, *BEFORE)):
        return
    last = died[-1]
    if any(entry["n"] > last["n"] for entry in guard.journal.entries("left out beside")):
        return
    phase = phases.get(last["phase"])
    if phase is None:
        if last["step"] or last["position"] or guard.step_count:
            return  # between two batches of a training under way: kernels are killed for many reasons
        text = (
            f"The process died {DEATHS} times before its first step ({CAUSE}). Try fewer `num_workers`, a smaller "
            "batch, or `preflight=False`; where the model itself does not fit into memory, a smaller one"
        )
    else:
        what = f" ({last['what']})" if last.get("what") else ""
        where = f"{SAID[phase]}{what} at step {last['step']}"
        text = f"The process died {DEATHS} times in {where} ({CAUSE})"
        text += f": it is left out, {WITHOUT[phase]}" if phase in WITHOUT else ". Try smaller batches or fewer workers"
        text += " for `val`" if phase is Phase.VALIDATION else ""
    guard.journal.append("left out beside", **{name: last[name] for name in ("step", "epoch", "position", "phase")})
    guard.journal.append("note", step=guard.step_count, text=text)
    guard.problems.append(text)
    guard.progress.say(f"{text}.")


def is_left_out(guard: "Guard", phase: Phase) -> bool:
    """Tell whether what is about to be done here, beside the training, has killed twice."""
    place = {"step": guard.step_count, "epoch": guard.epoch, "position": guard.position}
    return bool(guard.journal.entries("left out beside", phase=phase.name.lower(), **place))
