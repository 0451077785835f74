"""Keeps a run on disk: what is saved and when, and how a run goes on after the kernel died."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autofix_nb.checkpoints import (
    Checkpoint,
    Copies,
    Outcome,
    Store,
    Writer,
    portable,
    write_atomically,
)
from autofix_nb.checkpoints.stores import Home
from autofix_nb.errors import ConfigurationError, StoreError
from autofix_nb.journal import Journal, plain
from autofix_nb.loop.accepting import agree
from autofix_nb.loop.before_change import BeforeChange
from autofix_nb.loop.best import Best
from autofix_nb.loop.kept import Kept
from autofix_nb.loop.mirroring import Mirroring
from autofix_nb.loop.pieces import Written, beside_of, put_beside_back, write
from autofix_nb.loop.whole_state import put_back, state_of

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

SHARE_OF_TIME = 0.01
"""Copying and writing together take at most this share of the run's time (the last save and those at a stop aside)."""

LEAST_SECONDS = 1.0
"""Two saves lie at least this far apart."""

LEAST_STEPS = 50
"""Two saves lie at least so many steps apart, unless more were asked for."""

MOST_SECONDS = 600.0
"""Two saves lie at most this far apart, whatever they cost: more than that nobody should lose."""

RETRY_SECONDS = 30.0
"""After a save that failed, the next is tried so much later."""

PATIENCE = 120.0
"""Seconds that are waited for a save under way, at the end and before one that was asked for."""

TABLES_SECONDS = 10.0
"""The tables for other programs (epochs, signals) are renewed this often; the checkpoint holds the same."""


class Keeper:
    """One run's folder: opened or made, saved into, read back."""

    def __init__(
        self,
        folder: Path,
        *,
        resume: Any,
        save_every: Any,
        home: Home | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (resume == "auto" or isinstance(resume, bool)):
            raise ConfigurationError(f"`resume` must be 'auto', True or False, got {resume!r}")
        if save_every != "auto" and not (isinstance(save_every, int) and save_every > 0):
            raise ConfigurationError(f"`save_every` must be 'auto' or a number of steps, got {save_every!r}")
        self.folder = folder
        self.moved_to: Path | None = None
        if resume is False and (folder / "checkpoints").exists():
            self.moved_to = _move_aside(folder)
        self.mirror: Mirroring | None = None
        """What copies the checkpoints elsewhere; None where the run is kept in a plain folder."""

        if home is not None and home.place is not None:  # what it fetches must be here before anything is opened
            self.mirror = Mirroring(home.place, folder, fetch=resume is not False, flush=home.flush)
        self.store = Store(folder / "checkpoints")
        self.journal = Journal(folder / "journal.jsonl")
        self.best = Best()
        self.kept = Kept()
        self.writer = Writer(clock)
        self._copies = Copies()
        self.patience = PATIENCE
        self.last_saved_step = -1
        """Step of the newest checkpoint that was written and read back."""

        self.newest: Checkpoint | None = None
        """That checkpoint."""

        self.resumed_after: int | None = None
        """Number of the last journal entry that the checkpoint knew which the run went on from."""

        self.problems: list[str] = []
        self._resume = resume
        self.asked_every = 0 if save_every == "auto" else int(save_every)
        """Steps between two saves, on request; 0 saves as often as it costs next to nothing."""

        self._clock = clock
        self._taken_step = 0
        """Step of the newest copy that was handed to the writer."""

        self._taken_at = clock()
        self._next_save = clock() + LEAST_SECONDS
        self._next_tables = 0.0
        self._dropped_said = self._hangs = False
        self._failed = 0
        self._last_good: float | None = None
        self._written: Written = {}

    @property
    def can_resume(self) -> bool:
        """Whether there is something to go on from."""
        if self._resume is False or self.store.is_empty:
            return False
        found = self.store.checkpoints()
        if not found or any(one.step for one in found):
            return True
        if self.store.problems:
            raise StoreError(
                f"`{self.folder}` holds checkpoints that cannot be believed: {'; '.join(self.store.problems)}. Begin "
                "anew with `resume=False` (the old folder is kept under another name)"
            )
        return False  # a run that failed before its first step holds nothing

    @property
    def saved_seconds_ago(self) -> float | None:
        """Seconds since the last save that was read back; None where there was none in this process."""
        return None if self._last_good is None else self._clock() - self._last_good

    @property
    def is_overdue(self) -> bool:
        """Whether a save must not wait for the next look any more. Asked after each step."""
        return self._clock() - self._taken_at >= MOST_SECONDS

    def save_if_due(self, guard: "Guard") -> None:
        """Save when enough time (or, on request, enough steps) went by, and say what came of the save before."""
        self.look(guard)
        if self.mirror is not None:
            self.mirror.look(guard)
        since = guard.step_count - self._taken_step
        if self.asked_every:
            if since >= self.asked_every and not (self._hangs and self.writer.is_busy):
                self.save(guard, wait=False)
        elif self.writer.is_busy:
            return  # one copy in memory is enough
        elif self.is_overdue or (since >= LEAST_STEPS and self._clock() >= self._next_save):
            self.save(guard, wait=False)

    def save(self, guard: "Guard", *, wait: bool = True) -> bool:
        """Copy everything now and have it written; `wait` until it is. Returns whether all went well so far.

        A disk that refuses, or hangs, is a finding and not the end of the training.

        Raises:
            StoreError: when the state holds what only a pickle could hold.
        """
        if not self._is_free(guard):
            return False
        failed = self._failed
        began = self._clock()
        state, dropped = state_of(guard)
        state["kept"] = self.kept.state()
        state["good_step"] = None if guard.snapshot is None else guard.snapshot.step
        state = self._copies.make(portable(state))
        stall = self._clock() - began
        self._taken_step, self._taken_at = guard.step_count, began
        if dropped and not self._dropped_said:
            self._dropped_said = True
            self.journal.append("note", text=f"not saved, as only a pickle could hold them: {', '.join(dropped)}")
        about = {
            "step": guard.step_count,
            "epoch": guard.epoch,
            "position": guard.position,
            "status": guard.status,
            "goal": self.best.value if self.best.epoch else None,
        }
        beside = beside_of(guard, self.best)
        tables = guard.status != "running" or began >= self._next_tables
        if tables:
            self._next_tables = began + TABLES_SECONDS
        said = about | {"journal": state["journal"], "stall": stall, "began": began}
        job = partial(write, self.store, self._written, state, beside, about, self.folder if tables else None)
        self.writer.start(job, said)
        del state, beside, job  # once written, nothing holds the copy
        if not wait:
            return True
        free = self._is_free(guard)
        if free and guard.status != "running":
            self._copies.release()
        return free and failed == self._failed

    def look(self, guard: "Guard") -> None:
        """Take note of what came of a save that was under way."""
        outcome = self.writer.taken()
        if outcome is None:
            return
        self._hangs = False
        checkpoint, written, problem = outcome.result or (None, {}, outcome.error)
        if checkpoint is not None:
            self._note_saved(outcome, checkpoint, written)
            if self._failed:  # a run that was never in trouble has nothing of this in its history
                guard.history.record(guard.step_count, saved_seconds_ago=0.0)
        if problem is not None:
            self._note_failed(guard, outcome.about["step"], problem)

    def settle(self, guard: "Guard") -> None:
        """Wait for a save that is under way: the run ends, and nothing newer will be saved."""
        if not (self._hangs and self.writer.is_busy):
            self._is_free(guard)

    def _is_free(self, guard: "Guard") -> bool:
        """Wait until nothing is being written; returns False, and says so, when the disk hangs."""
        if not self.writer.wait(self.patience):
            self._hangs = True
            why = TimeoutError(f"the save before is still being written after {self.patience:.0f} s")
            self._note_failed(guard, guard.step_count, why)
            return False
        self.look(guard)
        return True

    def _note_saved(self, outcome: Outcome, checkpoint: Checkpoint, written: Written) -> None:
        about = outcome.about
        self.newest, self._written = checkpoint, written
        self.last_saved_step = about["step"]
        self._last_good = self._clock()
        cost = (about["stall"] + outcome.seconds) / SHARE_OF_TIME
        self._next_save = about["began"] + max(LEAST_SECONDS, cost)
        self.journal.append(
            "save",
            step=about["step"],
            epoch=about["epoch"],
            position=about["position"],
            after=about["journal"],
            stall_seconds=round(about["stall"], 5),
            seconds=round(outcome.seconds, 4),
        )
        if self.mirror is not None:  # after the journal, which is copied, too
            self.mirror.offer(checkpoint)

    def _note_failed(self, guard: "Guard", step: int, why: Exception) -> None:
        if not self.problems:
            self.journal.append("save failed", step=step, why=str(why))
        self.problems.append(f"saving failed at step {step}: {why}")
        self._failed += 1
        guard.history.record(guard.step_count, save_failed=self._failed)
        if self._last_good is not None:
            guard.history.record(guard.step_count, saved_seconds_ago=self._clock() - self._last_good)
        self._taken_step, self._taken_at = self.last_saved_step, self._clock()
        self._next_save = self._clock() + RETRY_SECONDS

    def resume(self, guard: "Guard") -> dict[str, Any]:
        """Put everything back as it was at the newest whole checkpoint, and return the saved state.

        Raises:
            ResumeError: when the saved run is another training; the message lists the differences.
            StoreError: when no whole checkpoint is left.
        """
        checkpoint = self.store.whole()
        passed_over = list(self.store.problems)
        pieces = {name: self.store.load(checkpoint, name) for name in checkpoint.pieces}
        state = pieces["state"]
        agree(guard, state)
        guard.before_change = BeforeChange.from_state(pieces["before"]) if "before" in pieces else None
        put_back(guard, state)
        self._written = put_beside_back(guard, self.best, checkpoint, pieces)
        for text in self.kept.restore(state["kept"]):
            self.journal.append("note", step=state["step"], text=text)
            guard.progress.say(f"{text}.")
        for problem in passed_over:
            self.journal.append("passed over", step=state["step"], why=problem)
            guard.progress.say(f"Passed over a damaged checkpoint: {problem}.")
        self.newest, self.last_saved_step = checkpoint, int(state["step"])
        self._taken_step = self.last_saved_step
        self.resumed_after = int(state["journal"])
        return state

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write `run.json`: what was asked for, on what, with which versions."""
        write_atomically(self.folder / "run.json", json.dumps(plain(settings), indent=2, ensure_ascii=False) + "\n")

    def settings(self) -> dict[str, Any]:
        """Return what `run.json` holds; empty where it is missing or damaged."""
        try:
            return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`: how the run ended."""
        try:
            write_atomically(
                self.folder / "summary.json", json.dumps(plain(summary), indent=2, ensure_ascii=False) + "\n"
            )
        except OSError as error:
            self.problems.append(f"`summary.json` could not be written: {error}")


def _move_aside(folder: Path) -> Path:
    """Give an earlier run of the same name another one; nothing is deleted."""
    number = 1
    while (target := folder.with_name(f"{folder.name}.before-{number}")).exists():
        number += 1
    try:
        folder.rename(target)
    except OSError as error:
        raise StoreError(f"`store`: {str(folder)!r} cannot be renamed ({error}); give another `name=`") from error
    return target
