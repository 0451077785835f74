"""The loop answers what a person asks of it, between two steps: wait, end, save, a lower rate, a fix undone.

All of it is in the saved state, so a resumed run goes on with what was asked for.
"""

import time
from typing import TYPE_CHECKING

from autofix_nb.loop.requests import Wish
from autofix_nb.policy.by_hand import lower_rate, undo_last

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

TICK_SECONDS = 0.1
"""While it is paused, a stop button, a file and a click are looked for so often."""


def hear(guard: "Guard") -> None:
    """Answer what was asked for since the last step; returns when the training may go on, or has to end."""
    guard.panel.look()
    if guard.save_asked_at is not None:
        _say_saved(guard)
    if guard.requests.is_empty and not guard.turn.asks:
        return
    if guard.requests.stop_reason is not None:
        guard.end_early(guard.requests.stop_reason)
        return
    if guard.window:
        return  # in the middle of an optimizer step: after it
    _answer(guard)
    if _is_paused(guard):
        guard.requests.go_on_asked = False
        _wait(guard)


def _is_paused(guard: "Guard") -> bool:
    return guard.requests.is_paused or guard.turn.pause_file


def _answer(guard: "Guard") -> None:
    """Do what is done at once."""
    wishes = guard.requests.taken()
    if guard.turn.save_file and guard.save_asked_at is None and Wish.SAVE not in wishes:
        wishes.append(Wish.SAVE)
    for wish in wishes:
        guard.journal.append("asked", step=guard.step_count, wish=str(wish))
        if wish is Wish.SAVE:
            _save(guard)
        elif wish is Wish.LOWER_RATE:
            guard.progress.say(lower_rate(guard.policy, guard, guard.step_count))
        else:
            guard.progress.say(undo_last(guard.policy, guard, guard.step_count))


def _save(guard: "Guard") -> None:
    """Copy everything now; it is written in the background, and said when it has been read back."""
    guard.read_back()
    guard.save_asked_at = guard.step_count
    if not guard.keeper.save(guard, wait=False):
        _say_saved(guard, failed=True)


def _say_saved(guard: "Guard", *, failed: bool = False) -> None:
    is_busy = guard.keeper.writer.is_busy
    guard.keeper.look(guard)
    done = guard.keeper.last_saved_step >= (guard.save_asked_at or 0)
    if is_busy and not done and not failed:
        return
    step, guard.save_asked_at = guard.save_asked_at, None
    guard.turn.take_save_file()
    if done:
        guard.progress.say(f"Saved at step {step}.")
    else:
        guard.progress.say(f"Not saved at step {step}: {next(reversed(guard.keeper.problems), 'the disk hangs')}.")


def _wait(guard: "Guard") -> None:
    """Wait in this thread, saved, until somebody lets it go on or ends it. The time does not count as the run's.

    A file says so, too: a page that is loaded anew cannot reach a busy kernel, and removing the file always works.
    """
    guard.read_back()
    saved = guard.keeper.save(guard)
    step, began = guard.step_count, time.monotonic()
    by_file, has_file = guard.turn.pause_file, guard.turn.make_pause_file()
    guard.paused_at = step
    guard.journal.append("paused", step=step, saved=saved)
    ways = ([] if by_file else ["press Go on"]) + ([f"remove the file {guard.turn.pause_path}"] if has_file else [])
    text = f"Paused at step {step}{', saved' if saved else ', not saved'}. To go on, {' or '.join(ways)}."
    guard.progress.say(text)
    guard.panel.show_paused(text)
    try:
        while _is_paused(guard) and guard.controls.stop is None:
            guard.progress.paused(step)
            guard.requests.wait(TICK_SECONDS)
            _look_around(guard)
            if has_file and not guard.turn.pause_file:
                guard.requests.is_paused = False
    finally:
        guard.paused_at = None
        guard.turn.take_pause_file()
        seconds = time.monotonic() - began
        guard.entered_at += seconds
        guard.panel.show_running()
    guard.journal.append("went on", step=guard.step_count, seconds=round(seconds, 1))
    if guard.controls.stop is None:
        guard.progress.say(f"Going on from step {guard.step_count}.")


def _look_around(guard: "Guard") -> None:
    """One tick of a pause: signs of life, copies under way, reasons to end, and what else is asked for."""
    reason = guard.turn.reason_to_stop(guard.journal)
    guard.panel.look()
    reason = reason or guard.requests.stop_reason
    if reason is not None:
        guard.end_early(reason)
        return
    guard.keeper.look(guard)
    if guard.keeper.mirror is not None:
        guard.keeper.mirror.look(guard)
    if guard.requests.go_on_asked:
        guard.turn.take_pause_file()
    _answer(guard)
    if guard.save_asked_at is not None:
        _say_saved(guard)
