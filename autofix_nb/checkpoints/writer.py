"""One background thread that writes what the loop has copied: the loop goes on meanwhile.

One job at a time, so that never more than one copy waits in memory. The thread is a daemon: a kernel that ends is not
held up by a disk that hangs, and what was cut off is no checkpoint.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autofix_nb.errors import AutofixError


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    about: Any
    """What the job was started with."""

    seconds: float
    """Time that it took."""

    result: Any = None
    error: Exception | None = None
    """What it raised; None when it went well."""


class Writer:
    """Runs jobs beside the loop, one at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done = threading.Event()
        self._done.set()
        self._outcome: Outcome | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way."""
        return not self._done.is_set()

    def start(self, job: Callable[[], Any], about: Any = None) -> None:
        """Begin a job. The outcome of the one before is forgotten unless it was taken.

        Raises:
            AutofixError: when the job before is still under way.
        """
        if self.is_busy:
            raise AutofixError("the writer is at work: a second job would hold a second copy in memory")
        self._outcome = None
        self._done.clear()
        try:
            threading.Thread(target=self._run, args=(job, about), name="autofix_nb-writer", daemon=True).start()
        except RuntimeError:  # no more threads: then here and now
            self._run(job, about)

    def wait(self, seconds: float) -> bool:
        """Wait for the job that is under way, at most `seconds`; returns whether it is over."""
        return self._done.wait(seconds)

    def taken(self) -> Outcome | None:
        """Return the outcome of a job that is over, once; None while it is under way, and afterwards."""
        if self.is_busy:
            return None
        outcome, self._outcome = self._outcome, None
        return outcome

    def _run(self, job: Callable[[], Any], about: Any) -> None:
        began = self._clock()
        try:
            result, error = job(), None
        except Exception as raised:  # noqa: BLE001 - handed to the loop, which is the one that can say it
            # The traceback would keep the copied state in memory.
            result, error = None, raised.with_traceback(None)
            error.__context__ = error.__cause__ = None
        del job
        self._outcome = Outcome(about, self._clock() - began, result, error)
        self._done.set()
