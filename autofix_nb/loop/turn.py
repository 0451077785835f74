"""One kernel's turn at a run, from entering the guard to leaving it: its lease, its pulse, the reasons to end early.

Asked between two steps: is the time up, does a file `STOP`, `PAUSE` or `SAVE` lie in the run's folder, did another
kernel take over.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autofix_nb.data import GuardedLoader
from autofix_nb.errors import StoreError
from autofix_nb.journal import Journal
from autofix_nb.loop.deaths import leave_out_what_kills, take_note_of_death, without_workers
from autofix_nb.loop.lease import Holder, Lease
from autofix_nb.loop.pulse import Beat, Phase, Pulse, read_pulse
from autofix_nb.loop.side_deaths import leave_out_beside
from autofix_nb.loop.time_limit import TimeLimit

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

STOP_FILE = "STOP"
"""A file of this name in the run's folder ends the training after the step; it is removed then."""

PAUSE_FILE = "PAUSE"
"""While a file of this name lies there, the training waits after the step, saved."""

SAVE_FILE = "SAVE"
"""A file of this name asks for a save after the step; it is removed when that was read back."""

LOOK_SECONDS = 1.0
"""Least time between two looks for these files."""

LOOKS = 50
"""Looks at the clock, at least, in a training that is to end after less than so many seconds."""


class Turn:
    """What one process holds while it trains, and gives back at the end, whatever the end is."""

    def __init__(self, folder: Path, *, stop_after: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is taken yet.

        Raises:
            ConfigurationError: when `stop_after` is no length of time.
        """
        self.folder = folder
        self.limit = TimeLimit(stop_after, clock=clock)
        self.lease = Lease(folder)
        self.pulse: Pulse | None = None
        self.pause_file = self.save_file = False
        """Whether these files lay there at the last look."""

        self._clock = clock
        self._next_look = 0.0
        self._dead: Holder | None = None
        self._beat: Beat | None = None

    def begin(self, say: Callable[[str], None]) -> None:
        """Take the folder for this process.

        Raises:
            StoreError: when another live kernel holds it.
        """
        self._dead = self.lease.take()
        self._beat = read_pulse(self.folder) if self._dead is not None else None
        self.pulse = Pulse(self.folder)
        self.pulse.write(Phase.OPENING, 0, 0, 0)
        self.limit.start()
        if self.lease.problem:
            say(f"{self.lease.problem}.")
        for name in (STOP_FILE, PAUSE_FILE, SAVE_FILE):
            if self._take_file(name):
                say(f"A file {name!r} from before lay in {str(self.folder)!r}; it was removed.")

    def take_note(self, guard: "Guard") -> None:
        """Write down, once, how the kernel before this one ended, if it did not end by itself."""
        dead, self._dead = self._dead, None
        if dead is not None:
            take_note_of_death(guard, dead, self._beat)

    def look_at_deaths(self, guard: "Guard", source: Any) -> None:
        """Leave out what has killed twice."""
        if guard.status == "running":
            leave_out_what_kills(guard, source)
            leave_out_beside(guard)
            if without_workers(guard) and isinstance(source, GuardedLoader):
                source.in_this_process = True

    def write(self, phase: int, guard: "Guard", position: int) -> None:
        """Write down what begins now, for whoever comes after a kill."""
        if self.pulse is not None:
            self.pulse.write(phase, guard.step_count, guard.epoch, position)

    def write_aside(self, phase: int, guard: "Guard", what: str) -> None:
        """Write down what begins beside the training."""
        if self.pulse is not None:
            self.pulse.write_aside(phase, guard.step_count, guard.epoch, guard.position, what)

    def reason_to_stop(self, journal: Journal) -> str | None:
        """Return why to end after this step, or None.

        Raises:
            StoreError: when another kernel has taken the run over, because this one seemed dead.
        """
        now = self._clock()
        if now < self._next_look:
            return None
        self._next_look = now + min(LOOK_SECONDS, self.limit.seconds / LOOKS)
        self.lease.renew_if_due()
        if self.lease.lost_to is not None:
            raise StoreError(
                f"`name`: the run in {str(self.folder)!r} was taken over while this kernel gave no sign of life "
                f"(by {self.lease.lost_to}); nothing more is saved from here. Go on there, or give another `name=`"
            )
        if self.limit.asked is not None and self.limit.is_up(_seconds_of_a_save(journal)):
            return str(self.limit)
        if (self.folder / STOP_FILE).exists():
            return f"a file {STOP_FILE!r} lies in the run's folder"
        self.pause_file, self.save_file = self.pause_path.exists(), (self.folder / SAVE_FILE).exists()
        return None

    @property
    def pause_path(self) -> Path:
        """The file whose removal ends a pause."""
        return self.folder / PAUSE_FILE

    @property
    def asks(self) -> bool:
        """Whether a file asks for something."""
        return self.pause_file or self.save_file

    def make_pause_file(self) -> bool:
        """Leave word that the run waits; returns whether the file lies there."""
        with suppress(OSError):
            self.pause_path.touch()
            self.pause_file = True
        return self.pause_file

    def take_pause_file(self) -> None:
        """Remove what asks for a pause."""
        self._take_file(PAUSE_FILE)
        self.pause_file = False

    def take_save_file(self) -> None:
        """Remove what asked for a save: it was answered."""
        if self.save_file:
            self._take_file(SAVE_FILE)
            self.save_file = False

    @property
    def may_save(self) -> bool:
        """Whether the folder is still this kernel's: asked for anew, as a process that slept does not know."""
        return self.lease.is_ours()

    @property
    def may_copy(self) -> bool:
        """Whether what was saved may still be copied elsewhere: also after the end, until somebody else trains here."""
        return self.lease.is_ours() or self.lease.is_free()

    def end(self) -> None:
        """Give back what was taken."""
        if self.may_save:
            for name in (STOP_FILE, PAUSE_FILE, SAVE_FILE):
                self._take_file(name)
        if self.pulse is not None:
            self.pulse.close()
        self.lease.give_back()

    def _take_file(self, name: str) -> bool:
        with suppress(OSError):
            (self.folder / name).unlink()
            return True
        return False


def _seconds_of_a_save(journal: Journal) -> float:
    last = journal.last("save")
    return 0.0 if last is None else float(last.get("seconds") or 0.0)
