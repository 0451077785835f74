"""Keeps a run on disk: what is saved and when, and what happens when that fails."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autofix_nb.checkpoints import (
    Checkpoint,
    Copies,
    NotOurs,
    Outcome,
    Store,
    Writer,
    portable,
)
from autofix_nb.checkpoints.stores import Home
from autofix_nb.errors import ConfigurationError, StoreError
from autofix_nb.journal import Journal
from autofix_nb.loop.best import Best
from autofix_nb.loop.kept import Kept
from autofix_nb.loop.mirroring import Mirroring
from autofix_nb.loop.moving_aside import move_aside
from autofix_nb.loop.pace import Pace
from autofix_nb.loop.pieces import Written, beside_of, good_in, write
from autofix_nb.loop.run_folder import RunFolder
from autofix_nb.loop.turn import Turn
from autofix_nb.loop.whole_state import state_of
from autofix_nb.objective import is_device_lost

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

PATIENCE = 120.0
"""Seconds that are waited for a save under way, at the end and before one that was asked for."""

TABLES_SECONDS = 10.0
"""The tables for other programs (epochs, signals) are renewed this often; the checkpoint holds the same."""


class Keeper(RunFolder):
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
        super().__init__(folder)
        self.moved_to: Path | None = None
        if resume is False and (folder / "checkpoints").exists():
            self.moved_to = move_aside(folder)
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

        self.taken_over = False
        """Whether a save was refused, as the folder is another kernel's by now."""

        self.may_resume = resume is not False
        """Whether the user wants the run in the folder to go on."""

        self._pace = Pace(0 if save_every == "auto" else int(save_every), clock)
        self._clock = clock
        self._next_tables = 0.0
        self._dropped_said = self._hangs = self._is_out = False
        self._failed = 0
        self._last_good: float | None = None
        self.written: Written = {}
        """What lies beside the newest checkpoint, by piece."""

    def begin(self, turn: Turn) -> None:
        """The folder is this process's now: from here on nothing is written into it once another one has taken it."""
        self.store.hold = turn.lease.hold
        self.journal.may_write = lambda: turn.may_copy
        self.store.count()
        if self.mirror is not None:
            self.mirror.ours_while(self.store, turn)

    @property
    def holds_steps(self) -> bool:
        """Whether anything was trained in the run that is there."""
        return any(one.step for one in self.store.checkpoints())

    @property
    def saved_seconds_ago(self) -> float | None:
        """Seconds since the last save that was read back; None where there was none in this process."""
        return None if self._last_good is None else self._clock() - self._last_good

    @property
    def is_overdue(self) -> bool:
        """Whether a save must not wait for the next look any more. Asked after each step."""
        return self._pace.is_overdue

    @property
    def asked_every(self) -> int:
        """Steps between two saves, on request; 0 where they are as often as costs next to nothing."""
        return self._pace.every

    def goes_on_from(self, checkpoint: Checkpoint, journal: int) -> None:
        """Take note that the run stands where this checkpoint was taken, whose last journal entry had that number."""
        self.newest, self.resumed_after = checkpoint, journal
        self.last_saved_step = checkpoint.step
        self._pace.copied(checkpoint.step, self._clock())

    def save_if_due(self, guard: "Guard") -> None:
        """Save when enough time (or, on request, enough steps) went by, and say what came of the save before.

        Raises:
            StoreError: when another kernel saves in this folder by now.
        """
        self.look(guard)
        if self.taken_over:
            raise StoreError(
                f"`name`: the run in {str(self.folder)!r} was trained on by another kernel meanwhile; nothing more is "
                "saved from here. Go on there, or give another `name=`"
            )
        if self.mirror is not None:
            self.mirror.look(guard)
        # One copy in memory is enough; one that was asked for waits for the other, unless that one hangs.
        is_free = not self.writer.is_busy or (self.asked_every and not self._hangs)
        if is_free and self._pace.is_due(guard.step_count):
            self.save(guard, wait=False)

    def save(self, guard: "Guard", *, wait: bool = True) -> bool:
        """Copy everything now and have it written; `wait` until it is. Returns whether all went well so far.

        A disk that refuses, or hangs, is a finding and not the end of the training; so is a state that cannot be
        copied: memory is short, or something of the user's holds by now what only a pickle could hold.
        """
        if not self._is_free(guard):
            return False
        failed = self._failed
        began = self._clock()
        try:
            state, dropped = state_of(guard)
            state["kept"] = self.kept.state()
            state |= good_in(guard)
            state = self._copies.make(portable(state))
            beside = beside_of(guard, self.best)
        except Exception as error:
            if is_device_lost(error):
                raise
            self._copies.release()  # half of it may be new, and memory may be what is missing
            self._note_failed(guard, guard.step_count, error)
            return False
        stall = self._clock() - began
        self._pace.copied(guard.step_count, began)
        if dropped and not self._dropped_said:
            self._dropped_said = True
            self.journal.append("note", text=f"not saved, as only a pickle could hold them: {', '.join(dropped)}")
        about = {
            "number": self.store.take_number(),
            "step": guard.step_count,
            "epoch": guard.epoch,
            "position": guard.position,
            "status": guard.status,
            "goal": self.best.value if self.best.epoch else None,
        }
        tables = guard.status != "running" or began >= self._next_tables
        if tables:
            self._next_tables = began + TABLES_SECONDS
        said = about | {"journal": state["journal"], "stall": stall, "began": began}
        job = partial(write, self.store, self.written, state, beside, about, self.folder if tables else None)
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
        self._is_out = False
        self.newest, self.written = checkpoint, written
        self.last_saved_step = about["step"]
        self._last_good = self._clock()
        self._pace.cost(about["began"], about["stall"] + outcome.seconds)
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
        if isinstance(why, NotOurs):
            self.taken_over = True
            self.journal.detach()
        if not self._is_out:  # once an outage, and not for each attempt in it
            self.journal.append("save failed", step=step, why=str(why) or type(why).__name__)
        self._is_out = True
        self.problems.append(f"saving failed at step {step}: {why}")
        self._failed += 1
        guard.history.record(guard.step_count, save_failed=self._failed)
        if self._last_good is not None:
            guard.history.record(guard.step_count, saved_seconds_ago=self._clock() - self._last_good)
        self._pace.failed(self.last_saved_step)
