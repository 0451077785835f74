"""The mirror: copies checkpoints to another place in a thread of its own, while the training goes on.

One checkpoint at a time; the newest wins over those still waiting. What goes wrong is tried again after growing pauses
and told to the training's thread, which alone writes the journal and prints: output from other threads lands in the
wrong cell. A place that hangs holds this thread and nobody else.
"""

import contextlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autofix_nb.checkpoints.copies import FOLDER, Copies, NotHere
from autofix_nb.checkpoints.manifest import Checkpoint
from autofix_nb.checkpoints.store import NotOurs

FIRST_PAUSE_SECONDS = 5.0
"""Wait after the first failure; it doubles with each further one."""

LONGEST_PAUSE_SECONDS = 600.0
"""No wait is longer: Drive comes back after minutes, when it is mounted anew."""

HELD = "mirroring"
"""Folder in the run's own with second names (hard links) of what is being copied, so that it outlives the tidying."""


@dataclass(frozen=True)
class Event:
    """What came of one attempt to copy a checkpoint."""

    kind: Literal["mirrored", "mirror failed"]
    step: int
    """Step of the checkpoint."""

    where: str
    """Title of the place."""

    seconds: float
    """How long the attempt took."""

    bytes: int = 0
    """What was copied, without what was there already."""

    failed: int = 0
    """Failures since the last copy that went well."""

    why: str = ""
    """What was raised; empty where it went well."""

    again_in: float = 0.0
    """Seconds until the next attempt, after a failure."""


@dataclass(frozen=True)
class _Job:
    checkpoint: Checkpoint
    pieces_in: Path


class Mirror:
    """Copies what it is offered, newest first, and keeps at it until it is there."""

    def __init__(
        self,
        copies: Copies,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Condition, float], Any] = threading.Condition.wait,
    ) -> None:
        """`clock` gives seconds; `wait(condition, seconds)` is a pause of so long, or until somebody is in a hurry."""
        self.copies = copies
        self.last_step = -1
        """Step of the newest checkpoint that is at the place, read back; -1 where there is none of this process."""

        self.last_at: float | None = None
        """When that was, by the clock."""

        self._clock, self._wait = clock, wait
        self._change = threading.Condition()
        self._waiting: _Job | None = None
        self._busy: _Job | None = None
        self._events: list[Event] = []
        self._failed = 0
        self._attempts = 0
        self._hurry = False
        self._closed = False
        self._given_up = False
        """Whether something that was offered will never get there from here."""

        self._thread: threading.Thread | None = None
        self._offered = False

    @property
    def title(self) -> str:
        """What people call the place."""
        return self.copies.place.title

    @property
    def is_idle(self) -> bool:
        """Whether everything offered is there."""
        return self._waiting is None and self._busy is None

    def offer(self, checkpoint: Checkpoint) -> None:
        """Have a checkpoint of the run copied, instead of any that is still waiting. Returns at once."""
        job = _Job(checkpoint, self._hold(checkpoint))
        with self._change:
            if self._closed:
                self._let_go(job)
                return
            self._waiting, passed_over = job, self._waiting
            if passed_over is not None:
                self._let_go(passed_over)
            if self._thread is None:
                self._begin(job)
            self._change.notify_all()

    def events(self) -> list[Event]:
        """Return what happened since the last call; to be called in the training's thread."""
        with self._change:
            events, self._events = self._events, []
        return events

    def flush(self, seconds: float) -> bool:
        """Wait until everything offered is there, and not longer; returns whether it is.

        A pause after a failure is cut short once. If that attempt fails too, this does not wait for the next.
        """
        until = self._clock() + seconds
        with self._change:
            before = self._attempts + (self._busy is not None)
            self._hurry = True
            if self._waiting is not None and self._thread is None:
                self._begin(self._waiting)  # there were no more threads when it was offered
            self._change.notify_all()
            while not self.is_idle and (left := until - self._clock()) > 0:
                if self._failed and self._attempts > before:
                    break
                self._change.wait(left)
            self._hurry = False
            return self.is_idle and not self._given_up

    def close(self, seconds: float = 0.0) -> bool:
        """Take nothing more, and try nothing again; what is being copied is waited for, so long. Returns whether it is
        over. What is under way longer than that writes no manifest any more, and deletes nothing.
        """
        with self._change:
            self._closed = True
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self._given_up = True
                self._let_go(waiting)
            self._change.notify_all()
            is_over = self._change.wait_for(lambda: self._thread is None, seconds)
            if seconds and not is_over:
                self._given_up = True
                self.copies.may = lambda: False
            return is_over

    def _begin(self, job: _Job) -> None:
        """Begin the thread; where there can be no more of them, that is a failure like any other."""
        self._thread = threading.Thread(target=self._work, name=f"mirror to {self.title}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            self._failed += 1
            self._attempts += 1
            said = f"{type(error).__name__}: {error}"
            self._events.append(Event("mirror failed", job.checkpoint.step, self.title, 0.0, 0, self._failed, said))

    def _work(self) -> None:
        while True:
            with self._change:
                if self._waiting is None:
                    self._thread = None  # the next offer begins another: no thread is left behind when all is there
                    self._change.notify_all()
                    return
                self._busy, self._waiting = self._waiting, None
            event = self._attempt(self._busy)
            with self._change:
                job, self._busy = self._busy, None
                self._attempts += 1
                if event is not None:
                    self._events.append(event)
                failed = event is not None and bool(event.why)
                if failed and self._waiting is None and not self._closed:
                    self._waiting = job  # nothing newer came meanwhile
                else:
                    self._given_up |= failed and self._closed
                    self._let_go(job)
                self._change.notify_all()
                if failed and event is not None:
                    self._pause(event.again_in)

    def _attempt(self, job: _Job) -> Event | None:
        """Copy one checkpoint; None where newer ones took its place."""
        began, step = self._clock(), job.checkpoint.step
        try:
            done = self.copies.carry(job.checkpoint, job.pieces_in)
        except NotHere:
            return None
        except NotOurs:
            self._closed = self._given_up = True
            return None
        except Exception as error:  # noqa: BLE001 - libraries of places raise their own kinds, and none may end this
            self._failed += 1
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failed - 1, 30), LONGEST_PAUSE_SECONDS)
            why = f"{type(error).__name__}: {error}"
            return Event("mirror failed", step, self.title, self._clock() - began, 0, self._failed, why, pause)
        failed, self._failed = self._failed, 0
        self.last_step, self.last_at = step, self._clock()
        return Event("mirrored", step, self.title, self.last_at - began, done, failed)

    def _pause(self, seconds: float) -> None:
        """Wait, unless somebody is in a hurry."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0 and not self._hurry and not self._closed:
            self._wait(self._change, left)
        self._hurry = False

    def _hold(self, checkpoint: Checkpoint) -> Path:
        """Give the files of a checkpoint second names, where the disk can; returns where they are."""
        home, held = self.copies.folder / FOLDER, self.copies.folder / HELD
        if not self._offered:
            shutil.rmtree(held, ignore_errors=True)  # left by a process that was killed
        self._offered = True
        held = held / uuid.uuid4().hex
        try:
            held.mkdir(parents=True)
            for file in (checkpoint.file, *(piece.file for piece in checkpoint.pieces.values())):
                os.link(home / file, held / file)
        except OSError:
            shutil.rmtree(held, ignore_errors=True)
            return home
        return held

    def _let_go(self, job: _Job) -> None:
        if job.pieces_in != self.copies.folder / FOLDER:
            shutil.rmtree(job.pieces_in, ignore_errors=True)
            with contextlib.suppress(OSError):
                job.pieces_in.parent.rmdir()  # unless another one is in there
