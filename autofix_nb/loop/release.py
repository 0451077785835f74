"""Gives Colab's runtime back when a training is over, so that no paid hour is spent on waiting. Only on request.

`google.colab.runtime.unassign()` ends the machine with everything on it. So it is asked for only after the newest
checkpoint was read back whole, and its copy is where it survives: flushed to Drive, or on an object store.
"""

from typing import TYPE_CHECKING

from autofix_nb.environment import host
from autofix_nb.environment.drive import MOUNTED_AT
from autofix_nb.errors import StoreError

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def release_runtime(guard: "Guard", *, saved: bool) -> bool:
    """Give the runtime back if that loses nothing, else say why not. Returns whether it was given back."""
    say = guard.progress.say
    if host() != "colab":
        say("`release_runtime` does nothing here: only a runtime of Colab's can be given back.")
        return False
    why_not = _why_not(guard, saved=saved)
    if not why_not:
        why_not = _flush(guard)
    if why_not:
        guard.journal.append("note", step=guard.step_count, text=f"the runtime was not given back: {why_not}")
        say(f"The runtime is kept: {why_not}.")
        return False
    from google.colab import runtime  # only Colab has it

    say("Everything is saved and flushed; the runtime is given back.")
    runtime.unassign()
    return True


def _why_not(guard: "Guard", *, saved: bool) -> str:
    ended_by_itself = guard.status == "finished" or guard.turn.limit.was_up
    if not ended_by_itself:
        return f"the training was stopped ({guard.controls.stop}), so somebody is there"
    if not saved:
        return "the last save failed"
    try:
        whole = guard.keeper.store.newest() is not None
    except (StoreError, OSError) as error:
        return f"the newest checkpoint could not be read back ({error})"
    if not whole:
        return "no whole checkpoint could be read back"
    if not _is_on_drive(guard) and getattr(guard.keeper, "mirror", None) is None:
        return f'{str(guard.keeper.folder)!r} lies on its own disk and would be lost; train with `store="drive"`'
    return ""


def _flush(guard: "Guard") -> str:
    """Bring everything to where it survives; returns what went wrong, or nothing."""
    try:
        flush = getattr(guard.run, "flush", None)
        if getattr(guard.keeper, "mirror", None) is not None and flush is not None:
            if flush() is False:
                return "not everything has reached the mirror"
        elif _is_on_drive(guard):
            from google.colab import drive

            drive.flush_and_unmount()
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being flushed keeps the runtime from being given up
        return f"flushing failed ({type(error).__name__}: {error})"
    return ""


def _is_on_drive(guard: "Guard") -> bool:
    return guard.keeper.folder.resolve().is_relative_to(MOUNTED_AT.parent)
