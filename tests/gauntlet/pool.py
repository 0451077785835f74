"""Runs of the gauntlet in worker processes: one that dies or hangs costs its own run and no other."""

import math
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from tests.gauntlet.case import Case, half

MOST_SECONDS = 300.0
"""A run that takes longer is ended and counts as failed."""


LEAVES_WITHIN = 5.0
"""Seconds that an idle process is given to leave."""


class Job(NamedTuple):
    """One run: a case, an arm and a seed, by name."""

    case: str
    arm: str
    seed: int


@cache
def cases() -> dict[str, Case]:
    """Return all cases by name, the sick ones first."""
    from tests.gauntlet import fourth, healthy, second, sick, third

    return {case.name: case for case in (*sick.CASES, *second.CASES, *third.CASES, *fourth.CASES, *healthy.CASES)}


def work(job: Job) -> dict[str, Any]:
    """Run one job here, and return its row."""
    from tests.gauntlet.arms import ARMS, TWIN, run

    return run(TWIN if job.arm == TWIN.name else ARMS[job.arm], cases()[job.case], job.seed)


def rows(
    jobs: Sequence[Job],
    processes: int,
    *,
    most_seconds: float = MOST_SECONDS,
    work: Callable[[Job], dict[str, Any]] = work,
) -> Iterator[dict[str, Any]]:
    """Yield the row of each job as it is done. Ends its workers whenever it is left."""
    waiting = list(reversed(jobs))
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.job for worker in workers):
            while waiting and len(workers) < processes:
                workers.append(_Worker(work))
            for worker in workers:
                if worker.job is None and waiting:
                    worker.begin(waiting.pop())
            ready = wait([worker.pipe for worker in workers if worker.job], timeout=1.0)
            for worker in list(workers):
                if worker.job is None:
                    continue
                late = time.monotonic() - worker.began > most_seconds
                if worker.pipe not in ready and not late:
                    continue
                row = worker.answer() if worker.pipe in ready else worker.failed(f"took over {most_seconds:.0f} s")
                if row is None:  # it has only begun
                    continue
                yield row
                if worker.job is not None:  # it died or hangs, and another takes its place
                    worker.end()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """One process, and the job that it is at."""

    def __init__(self, work: Callable[[Job], dict[str, Any]]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.began = 0.0

    def begin(self, job: Job) -> None:
        self.job, self.began = job, math.inf
        self.pipe.send(job)

    def answer(self) -> dict[str, Any] | None:
        """Return the row, or None where the job begins now; where the process died, a row that says so: `job` stays."""
        try:
            row = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return self.failed(f"the process died with exit code {self.process.exitcode}")
        if row is None:
            self.began = time.monotonic()  # starting a process takes seconds, which are none of the job's
        else:
            self.job = None
        return row

    def failed(self, why: str) -> dict[str, Any]:
        return _failed(self.job, why, max(0.0, time.monotonic() - self.began))

    def end(self) -> None:
        if self.job is None:
            self.pipe.close()  # it leaves by itself
            self.process.join(LEAVES_WITHIN)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, work: Callable[[Job], dict[str, Any]]) -> None:
    """Answer jobs until the other side is gone. What libraries print and warn is not wanted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who gathers
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(None)
        try:
            row = work(job)
        except Exception as error:  # noqa: BLE001 - a case that cannot be made must not end the others
            pipe.send(_failed(job, f"{type(error).__name__}: {error}"))
        else:
            pipe.send(row)


def _failed(job: Job, why: str, seconds: float = 0.0) -> dict[str, Any]:
    """Return the row of a job that came to nothing."""
    case = cases()[job.case]
    return {
        **job._asdict(),
        "half": half(case.name),
        "aim": case.aim,
        "codes": list(case.codes),
        "score": 0.0,
        "threshold": None,
        "steps": 0,
        "planned": 0,
        "seconds": round(seconds, 3),
        "findings": [],
        "interventions": [],
        "error": why[:300],
    }
