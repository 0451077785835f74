"""One kernel at a time: a file in the run's folder that says which process trains there.

A second live kernel is refused by name. A dead one's lease is taken over: on the same machine its process is asked for,
number and start time, as numbers are given out again; of another machine, only its sign of life can be read. Reading,
deciding and writing happen under a file lock that the system lets go of when its holder dies, so that of two kernels
which begin at the same instant exactly one wins.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from autofix_nb.environment.process import here, is_alive, lock, machine, start_time
from autofix_nb.errors import StoreError

LEASE_FILE = "lease.json"
LOCK_FILE = "lease.lock"

BEAT_SECONDS = 30.0
"""Time between two signs of life."""

SILENT_SECONDS = 180.0
"""A kernel on another machine that has given no sign of life for so long is taken for dead."""

LOCK_SECONDS = 10.0
"""Longest wait for another kernel that is reading or writing the lease at this moment."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who trains, or trained, in a run's folder."""

    host: str
    machine: str
    """What tells one boot of one machine (or container) from another of the same name."""

    pid: int
    started: str
    """When the process was started, as the system says it; empty where it does not."""

    token: str
    """Another for each training, also in the same kernel."""

    since: str
    """When the training began, in UTC."""

    heartbeat: float
    """Last sign of life, in seconds since 1970 by the clock of that host."""

    def is_alive(self, now: float | None = None) -> bool:
        """Tell whether that kernel is there still, as far as it can be known from here."""
        if self.machine == machine() and self.host == here():
            answer = is_alive(self.pid, self.started)
            if answer is not None:
                return answer
        now = time.time() if now is None else now
        return abs(now - self.heartbeat) <= SILENT_SECONDS

    def __str__(self) -> str:
        where = "this machine" if self.machine == machine() and self.host == here() else repr(self.host)
        return f"process {self.pid} on {where}, training since {self.since}"


def read_lease(folder: Path) -> Holder | None:
    """Return who holds, or held, a run's folder; None where nobody does, or the file cannot be read as one."""
    try:
        return holder_of((folder / LEASE_FILE).read_bytes())
    except OSError:
        return None


def holder_of(lease: bytes) -> Holder | None:
    """Return who wrote these bytes of a lease file; None where they are none."""
    try:
        plain = json.loads(lease.decode())
        values = {name: plain[name] for name in Holder.__dataclass_fields__}
        kinds = {name: kind(values[name]) for name, kind in Holder.__annotations__.items()}
        return Holder(**kinds)
    except (ValueError, TypeError, KeyError):
        return None


def refuse_if_held(folder: Path) -> None:
    """Raise when another live kernel trains in this folder; nothing is written.

    Raises:
        StoreError: with who it is and what to do.
    """
    holder = read_lease(folder)
    if holder is not None and not _is_ours(holder) and holder.is_alive():
        raise _refusal(folder, holder, time.time())


def said_of_mirror(lease: bytes | None, title: str, now: float | None = None) -> str:
    """Return a sentence when the lease beside a run's copies looks as if another kernel trained it; else nothing.

    `title` is what people call the place. A mirror brings signs of life late or not at all: nobody is refused for it.
    """
    holder = None if lease is None else holder_of(lease)
    if holder is None or _is_ours(holder) or not holder.is_alive(now):
        return ""
    return (
        f"The copy in {title} may be another kernel's at this moment ({holder}): if it runs still, stop it, or give "
        "another `name=`"
    )


class Lease:
    """The right of one training in this process to write into a run's folder."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time, beat: float = BEAT_SECONDS) -> None:
        self.folder = folder
        self.lost_to: Holder | None = None
        """Who has taken the folder over while this kernel gave no sign of life, such as on a sleeping machine."""

        self.problem = ""
        """Why the lease could not be written, such as a full disk; the training goes on without it."""

        self._clock = clock
        self._beat = beat
        self._token = uuid.uuid4().hex
        self._since = ""
        self._next_beat = 0.0
        self._over = threading.Event()
        self._is_over = False
        self._taken = False
        self._found = ""
        """Token of the lease that was there when this one could not be written."""

        self._thread: threading.Thread | None = None

    def take(self) -> Holder | None:
        """Take the folder, and return the dead kernel that held it, if there is one.

        Raises:
            StoreError: when a live kernel holds it; the message says which, since when, and what to do.
        """
        moment = datetime.fromtimestamp(self._clock(), tz=UTC)
        self._since = moment.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
        before = None
        try:
            with lock(self.folder / LOCK_FILE, LOCK_SECONDS) as is_locked:
                before = read_lease(self.folder)
                if before is not None and not _is_ours(before) and before.is_alive(self._clock()):
                    raise _refusal(self.folder, before, self._clock())
                self._write()
            if not is_locked:  # this file system has no locks: the last one to write has won
                after = read_lease(self.folder)
                if after is not None and after.token != self._token:
                    raise _refusal(self.folder, after, self._clock())
        except StoreError:
            raise
        except TimeoutError as error:
            raise is_beginning(self.folder) from error
        except OSError as error:
            self.problem = f"{LEASE_FILE} could not be written ({error}): a second kernel would not be noticed"
            self._found = "" if before is None else before.token
            return None
        self._over.clear()
        self._taken, self._is_over = True, False
        self._thread = threading.Thread(target=self._keep_alive, name="autofix_nb lease", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads: the training's own gives the signs of life, between two steps
            self._thread = None
        return None if before is None or _is_ours(before) else before

    def renew_if_due(self) -> None:
        """Give a sign of life, unless the last one is younger than the time between two."""
        if self._taken and self._clock() >= self._next_beat:
            self.renew()

    def renew(self) -> None:
        """Give a sign of life, unless the lease is another's by now (see `lost_to`)."""
        with suppress(OSError), lock(self.folder / LOCK_FILE, LOCK_SECONDS):
            held = read_lease(self.folder)
            if self._over.is_set():
                return
            if held is not None and held.token != self._token:
                self.lost_to = held
                self._over.set()
                return
            self._write()

    def is_ours(self) -> bool:
        """Tell whether the folder is this training's at this moment. The file is asked, and not the memory.

        A process that slept does not know yet that another one has taken over, and a thread may outlive its training.
        """
        if self._is_over or self.lost_to is not None:
            return False
        held = read_lease(self.folder)  # a file that somebody deleted is written again with the next sign of life
        return held is None or held.token in (self._token, self._found)

    def is_free(self) -> bool:
        """Tell whether this training gave the folder back, and nobody has taken it since."""
        return self._is_over and self.lost_to is None and read_lease(self.folder) is None

    @contextmanager
    def hold(self) -> Iterator[bool]:
        """Tell whether the folder is ours, and keep it so until the block is over: nobody can take it meanwhile.

        Raises:
            OSError: when the folder is gone, or another kernel is at the lease for too long.
        """
        with lock(self.folder / LOCK_FILE, LOCK_SECONDS):
            yield self.is_ours()

    def give_back(self) -> None:
        """Let go of the folder. What is another's by now stays."""
        self._is_over, self._taken = True, False
        self._over.set()
        thread, self._thread = self._thread, None
        with suppress(OSError), lock(self.folder / LOCK_FILE, LOCK_SECONDS):
            held = read_lease(self.folder)
            if held is not None and held.token == self._token:
                (self.folder / LEASE_FILE).unlink()
        if thread is not None:
            thread.join(timeout=1.0)

    def _write(self) -> None:
        holder = Holder(
            host=here(),
            machine=machine(),
            pid=os.getpid(),
            started=start_time(os.getpid()),
            token=self._token,
            since=self._since,
            heartbeat=self._clock(),
        )
        # Not synced: after a power cut there is no process to be asked for, and the file may be lost with it.
        new = self.folder / f"{LEASE_FILE}.{self._token}.new"
        new.write_text(json.dumps(asdict(holder)) + "\n", encoding="utf-8")
        os.replace(new, self.folder / LEASE_FILE)
        self._next_beat = self._clock() + self._beat

    def _keep_alive(self) -> None:
        while not self._over.wait(self._beat):
            self.renew_if_due()


def _is_ours(holder: Holder) -> bool:
    """Tell whether this very process has written it: a kernel may begin again whatever became of its last cell."""
    mine = (here(), machine(), os.getpid(), start_time(os.getpid()))
    return mine == (holder.host, holder.machine, holder.pid, holder.started)


def is_beginning(folder: Path) -> StoreError:
    """Return the error for who finds another kernel at the lease."""
    return StoreError(
        f"`name`: another kernel is just beginning the run in {str(folder)!r}; stop it, or give another `name=`"
    )


def _refusal(folder: Path, holder: Holder, now: float) -> StoreError:
    ago = max(0.0, now - holder.heartbeat)
    elsewhere = holder.machine != machine() or holder.host != here()
    wait = f" (one on another machine counts as gone {SILENT_SECONDS:.0f} s after its last sign)" if elsewhere else ""
    return StoreError(
        f"`name`: the run in {str(folder)!r} is in another kernel's hands: {holder}, last sign of life {ago:.0f} s "
        f"ago. Stop that kernel{wait}, or give another `name=`"
    )
