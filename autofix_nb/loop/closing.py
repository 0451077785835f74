"""How a run ends: in good order, or with an exception. Either way everything is saved and said."""

import time
from typing import TYPE_CHECKING

from autofix_nb.loop.deaths import take_note_of_lost_device
from autofix_nb.loop.label_guard import likely_cause
from autofix_nb.loop.whole_state import is_ended
from autofix_nb.objective import is_device_lost

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def finish(guard: "Guard") -> bool:
    """The loop ended in good order: save, put the best weights back, write the report. Returns whether it was saved."""
    if guard.status == "finished":
        _put_best_back(guard)
        guard.run.attach(guard)
        way_on = "Nothing was trained: `resume=False` begins anew, more `epochs` go on."
        _mirror_the_end(guard)
        guard.progress.close(f"{guard.run!r}\n{way_on}")
        return True
    guard.read_back()
    why = guard.controls.stop
    done = (guard.epoch >= guard.epochs_planned or is_ended(guard)) and guard.looks.open is None
    guard.status = "finished" if done else "stopped"
    guard.seconds += time.monotonic() - guard.entered_at
    saved = guard.keeper.save(guard)
    if not saved:
        _note_the_save_that_failed(guard)
    restored = done and _put_best_back(guard)
    ours = _ours_or_detached(guard)
    guard.journal.append("end", status=guard.status, step=guard.step_count, why=why, restored=restored)
    guard.run.close(guard, restored=restored, writes=ours)
    _mirror_the_end(guard)
    guard.progress.close(repr(guard.run))
    return saved


def _ours_or_detached(guard: "Guard") -> bool:
    """Tell whether the folder is this kernel's still. How a run of another one's ended is not ours to write down."""
    ours = guard.turn.may_save and not guard.keeper.taken_over
    if not ours:
        guard.journal.detach()
    return ours


def _mirror_the_end(guard: "Guard") -> None:
    """Bring what was written last to where the copies are; what is not there in time is tried on in the background."""
    if guard.keeper.mirror is not None and guard.turn.may_save:
        guard.keeper.mirror.end(guard)


def _note_the_save_that_failed(guard: "Guard") -> None:
    """No step follows at which a detector could be asked: what the last save says would be lost."""
    if "R03" in guard.policy.ignore:
        return
    for detector in guard.policy.detectors:
        if detector.code == "R03":
            finding = detector.check(guard.history)
            if finding is not None:
                guard.policy.note(finding)


def save_after(guard: "Guard", error: BaseException) -> None:
    """The loop ended with an exception: save what is whole, and say in the exception what was saved where."""
    lost = is_device_lost(error)
    try:
        if not lost:
            guard.sums.add(guard.recorder.flush())
    except RuntimeError as problem:
        guard.journal.append("note", text=f"the last signals could not be read: {problem}")
    guard.status = "failed" if isinstance(error, Exception) else "interrupted"
    ours = _ours_or_detached(guard)
    guard.seconds += time.monotonic() - guard.entered_at
    guard.journal.append("error", step=guard.step_count, error=f"{type(error).__name__}: {error}")
    try:
        # A lost device answers every question with its error: nothing is read from it, what was saved before counts.
        if not lost and ours and guard.undo_half_a_step():
            guard.keeper.save(guard)
    except Exception as problem:  # noqa: BLE001 - the user's own exception must come out, whatever happens here
        guard.journal.append("save failed", step=guard.step_count, why=str(problem))
    if lost:
        take_note_of_lost_device(guard)
    guard.keeper.settle(guard)
    guard.run.close(guard, restored=False, writes=ours)
    _mirror_the_end(guard)
    guard.progress.close("")
    step = guard.keeper.last_saved_step
    what = f"everything up to step {step}" if step >= 0 else "the journal"
    again = " Run the same cell again to go on from there." if step >= 0 else ""
    if lost:
        error.add_note(
            "autofix_nb: the GPU cannot be used any more in this process. Likely cause: "
            f"{likely_cause(guard, guard.at_hand)}. Nothing more was read from it: restart the kernel (in Colab: "
            "Runtime ▸ Restart session) and run the cell again."
        )
    error.add_note(f"autofix_nb: saved {what} in {str(guard.keeper.folder)!r}.{again}")


def _put_best_back(guard: "Guard") -> bool:
    """Load the weights of the best epoch, unless it was the last one; returns whether they were loaded."""
    best = guard.keeper.best
    if best.weights is None or best.epoch == guard.epoch:
        return False
    if not guard.policy.revert(guard, best.standing):
        text = "the best weights fit the model without its later changes, and these cannot be undone after a resume"
        guard.journal.append("note", text=f"{text}: the last weights are kept")
        return False
    guard.model.load_state_dict(best.weights)
    return True
