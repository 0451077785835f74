"""The mirror as the loop sees it: what was chosen at the start, what is copied, and what is said, written and recorded.

Everything here runs in the training's own thread; `checkpoints/mirror.py` has the other one.
"""

import json
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from autofix_nb.checkpoints import Checkpoint, Store
from autofix_nb.checkpoints.copies import LEASE_FILE, Copies
from autofix_nb.checkpoints.mirror import Event, Mirror
from autofix_nb.checkpoints.newest import Newest, newest_of
from autofix_nb.checkpoints.places import Place
from autofix_nb.loop.lease import said_of_mirror

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard
    from autofix_nb.loop.turn import Turn

AT_END_SECONDS = 120.0
"""The end of a training waits so long for the last copy; after that it goes on in the background."""

INTERRUPTED_SECONDS = 10.0
"""So long where somebody pressed stop twice: they are in a hurry."""

JOIN_SECONDS = 10.0
"""A training that begins anew in the same process waits so long for what the one before is still copying."""

LATE_SECONDS = 1800.0
"""From so long without a copy on, the lag is recorded, once in each such stretch."""


_open: "weakref.WeakValueDictionary[Path, Mirror]" = weakref.WeakValueDictionary()
"""By the run's folder: the mirror of the newest training of it in this process."""


class Mirroring:
    """A run's mirror, from the start to the end of a training."""

    def __init__(
        self,
        place: Place,
        folder: Path,
        *,
        fetch: bool,
        flush: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `fetch` the newest whole copy is brought to `folder` if it is newer than what is there; `flush`
        forces what was copied out of this machine, where there is such a thing.

        Raises:
            StoreError: when nothing whole is here and the place cannot be read.
        """
        copies = Copies(place, folder)
        self._other_kernel = _said_of_another_kernel(copies)
        self.mirror = Mirror(copies, clock=clock)
        self.found = newest_of(copies) if fetch else Newest("nowhere")
        self._flush = flush
        self._clock = clock
        self._began = clock()
        self._last_late = clock()
        self._failed = 0
        self._said_moved = False
        self._last: Checkpoint | None = None

    @property
    def title(self) -> str:
        """What people call the place."""
        return self.mirror.title

    def seconds_ago(self) -> float | None:
        """Return how long ago the last copy was read back whole; None where there was none in this process."""
        return None if self.mirror.last_at is None else self._clock() - self.mirror.last_at

    def ours_while(self, store: Store, turn: "Turn") -> None:
        """Copy for this turn at the run, and for no longer; an earlier mirror of it in this process is closed."""
        place = self.mirror.copies.folder.resolve()
        earlier = _open.get(place)
        if earlier is not None and earlier is not self.mirror:
            earlier.close(JOIN_SECONDS)
        _open[place] = self.mirror
        self.mirror.copies.may = lambda: turn.may_copy and not store.is_overtaken()

    def begin(self, guard: "Guard") -> None:
        """Say which copy the run goes on from, and why; and who else may be training it."""
        if self._other_kernel:
            guard.journal.append("note", step=guard.step_count, text=self._other_kernel)
            guard.progress.say(f"{self._other_kernel}.")
        if self.found.says:
            guard.journal.append("chosen", step=guard.step_count, where=self.found.where, says=self.found.says)
            guard.progress.say(f"{self.found.says[:1].upper()}{self.found.says[1:]}.")
        for problem in self.found.problems:
            guard.journal.append("passed over", step=guard.step_count, why=problem)
            guard.progress.say(f"Passed over: {problem}.")
        if self.found.where != "there" and guard.keeper.newest is not None:
            self.offer(guard.keeper.newest)  # the kernel may have died before it was copied
        self.found = Newest("nowhere")

    def offer(self, checkpoint: Checkpoint) -> None:
        """Have a checkpoint that was just saved copied in the background; one that lost a piece waits for the next."""
        if checkpoint.lost:
            return
        self._last = checkpoint
        self.mirror.offer(checkpoint)

    def look(self, guard: "Guard") -> None:
        """Write down what came of the copies since the last look, and say it when that changed."""
        for event in self.mirror.events():
            self._note(guard, event)
        moved = self.mirror.copies.moved_to
        if moved and not self._said_moved:
            self._said_moved = True
            text = f"another run of this name was in {self.title}; it is kept there as {moved!r}"
            guard.journal.append("note", step=guard.step_count, text=text)
            guard.progress.say(f"{text[:1].upper()}{text[1:]}.")
        since = self._clock() - (self._began if self.mirror.last_at is None else self.mirror.last_at)
        if not self.mirror.is_idle and since > LATE_SECONDS and self._clock() - self._last_late > LATE_SECONDS:
            self._last_late = self._clock()
            guard.history.record(guard.step_count, mirrored_seconds_ago=since)

    def end(self, guard: "Guard") -> bool:
        """Bring the end of the journal and the report to the place, too; returns whether everything is there."""
        if self._last is None:
            self._last = guard.keeper.newest
        if self._last is None or self._last.lost:
            return True
        self.mirror.offer(self._last)
        done = self.mirror.flush(INTERRUPTED_SECONDS if guard.status == "interrupted" else AT_END_SECONDS)
        self.look(guard)
        if done:
            self.mirror.close()
        else:
            guard.progress.say(
                f"Not everything has reached {self.title} yet; it is tried on in the background as long as this "
                "kernel lives. `run.flush()` waits for it."
            )
        return done

    def flush(self, seconds: float) -> bool:
        """Wait until everything is at the place, then force it out of this machine where that can be done.

        Raises:
            StoreError: when Drive did not get through with its upload.
        """
        if not self.mirror.flush(seconds):
            return False
        if self._flush is not None:
            self._flush()
        return True

    def _note(self, guard: "Guard", event: Event) -> None:
        if event.why:
            self._failed += 1
            if event.failed == 1:
                guard.progress.say(
                    f"Copying to {event.where} failed ({event.why}); the run is whole on this machine, and the copy "
                    "is tried again."
                )
            guard.journal.append(
                "mirror failed",
                step=event.step,
                where=event.where,
                why=event.why,
                failed=event.failed,
                again_in=event.again_in,
            )
            guard.history.record(guard.step_count, mirror_failed=self._failed)
            ago = self.seconds_ago()
            if ago is not None:
                guard.history.record(guard.step_count, mirrored_seconds_ago=ago)
            return
        if event.failed:
            guard.progress.say(f"Copying to {event.where} works again: step {event.step} is there.")
        if self._failed:  # a run that was never in trouble has nothing of this in its history
            guard.history.record(guard.step_count, mirrored_seconds_ago=0.0)
        guard.journal.append(
            "mirrored", step=event.step, where=event.where, bytes=event.bytes, seconds=round(event.seconds, 4)
        )


def _said_of_another_kernel(copies: Copies) -> str:
    """Return a warning when another kernel seems to train the run at this moment; a run that ended is nobody's."""
    with suppress(Exception):  # whether the place answers is for those to say who need it
        said = said_of_mirror(copies.fetch_file(LEASE_FILE), copies.place.title)
        if said and _is_under_way(copies.fetch_file("journal.jsonl") or b""):
            return said
    return ""


def _is_under_way(journal: bytes) -> bool:
    kinds = [json.loads(line)["kind"] for line in journal.splitlines()]
    turns = [kind for kind in kinds if kind in ("start", "resume", "end", "error")]
    return bool(turns) and turns[-1] in ("start", "resume")
