"""The memory and the time that this training takes: the largest batch that fits, an epoch's seconds, and what slows it.

Memory is estimated from the bytes that a forward pass keeps, beside weights, gradients and the optimizer's state. With
`deep=True` on a GPU it is measured: batches are doubled on a copy until memory runs out. Loading is timed in one
process and divided by the loader's workers.

Reference: PyTorch documentation, `torch.autograd.graph.saved_tensors_hooks`, and Performance Tuning Guide (2024):
asynchronous data loading.
"""

import os
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.utils.data import DataLoader

from autofix_nb.checks.base import Answer, Check
from autofix_nb.evidence import Subject
from autofix_nb.evidence.memory import Demand, demand_of, try_batches
from autofix_nb.evidence.speed import Speed, speed_of
from autofix_nb.finding import Finding, NotApplicable, Severity

GIGABYTE = 1e9
"""Bytes, as people count memory."""

MOST_ROWS = 1 << 20
"""Rows tried at most where the data set does not tell how many it has."""


@dataclass(frozen=True, kw_only=True)
class MemoryAndSpeed(Check):
    """Does a batch fit into memory, how long is an epoch, and does the model wait for the data?"""

    code: ClassVar = "B11"
    title: ClassVar = "Memory and speed"
    needs: ClassVar = frozenset({"model", "train"})

    most_memory: float = 1.0
    """Share of the available memory that a step may need by the estimate."""

    brake: float = 2.0
    """Times that loading must take longer than learning to be called the brake."""

    worthwhile_seconds: float = 10.0
    """Seconds an epoch that workers must save to be worth a note."""

    far_slower: float = 3.0
    """Times that loading must take longer than learning to be a warning, where an epoch's loading is long too."""

    long_seconds: float = 60.0
    """Seconds that loading the data of an epoch must exceed to be a warning."""

    most_workers: int = 4
    """Workers that are proposed at most."""

    fetching_seconds: float = 3.0
    """Seconds that fetching batches for the measurement may take."""

    trying_share: float = 0.2
    """Share of the time budget that trying larger batches on a GPU may take."""

    def look(self, subject: Subject) -> Answer:
        trial = subject.trial
        available = _available(subject)
        if trial.error is not None:
            raise NotApplicable(f"the trial step raises {type(trial.error).__name__} (see B06)")
        demand = demand_of(subject)
        rows = subject.batch_rows
        speed = speed_of(subject, min(self.fetching_seconds, subject.clock.left))
        samples = _samples(subject)
        measured = self._measured(subject, samples)
        needed = (
            f"a batch of {rows} rows: {_bytes(demand.of(rows))} (weights {_bytes(demand.weights)}, gradients "
            f"{_bytes(demand.gradients)}, optimizer {_bytes(demand.states)}, {_bytes(demand.row)} a row), estimated"
        )
        taken = (
            f"loading a batch {_seconds(speed.load)} in one process, {speed.workers} workers; forward and backward "
            f"{_seconds(speed.step)} (measured on {trial.rows} rows)"
        )
        evidence = [needed, taken]
        if available is not None:
            evidence.append(f"{_bytes(available)} are free")
        findings = []
        if measured is not None:
            if measured[1] and measured[0] < rows:
                findings.append(self._did_not_fit(measured[0], rows))
        elif available is not None and demand.of(rows) > self.most_memory * available:
            findings.append(self._too_large(demand, available, rows))
        findings += self._slow(speed, subject)
        if findings:
            return self.bad(*findings, evidence=evidence)
        room = self._room(demand, available, samples, measured)
        return self.fine(f"{self._epoch(speed)}{room}", evidence=evidence)

    def _epoch(self, speed: Speed) -> str:
        brake = (
            "the model takes the time" if speed.step >= speed.load / max(1, speed.workers) else "loading takes the time"
        )
        if speed.batches is None:
            return f"about {_seconds(speed.batch)} a batch of {speed.rows} rows, {brake}"
        return f"about {_seconds(speed.batch * speed.batches)} an epoch of {speed.batches} batches, {brake}"

    def _measured(self, subject: Subject, samples: int | None) -> tuple[int, bool] | None:
        """Return the largest batch that fitted when tried, and whether memory ran out; None where nothing was tried."""
        if not subject.deep or subject.device.type != "cuda":
            return None
        try:
            seconds = min(self.trying_share * subject.clock.budget_seconds, subject.clock.left)
            tried = try_batches(subject, samples or MOST_ROWS, seconds)
        except NotApplicable:
            return None
        return None if tried == (0, False) else tried  # no time for a single one

    def _room(
        self, demand: Demand, available: float | None, samples: int | None, measured: tuple[int, bool] | None
    ) -> str:
        if measured is not None:
            best, ended = measured
            return f"; batches of {best:,} rows fit{'' if ended else ' at least'} (measured)"
        most = samples or MOST_ROWS
        if available is None:
            return ""
        largest = demand.largest(self.most_memory * available)
        if largest >= most and samples:
            return f"; all {samples:,} rows would fit into one batch (estimated)"
        return f"; batches up to about {_power_of_two(largest):,} rows fit (estimated)"

    def _did_not_fit(self, best: int, rows: int) -> Finding:
        return self.found(
            f"a step with {rows} rows runs out of memory, {best:,} rows fit (measured)",
            severity=Severity.CRITICAL,
            measured=rows,
            limit=best,
            to_type=f"DataLoader(data, batch_size={best}, shuffle=True)" if best else "",
        )

    def _too_large(self, demand: Demand, available: float, rows: int) -> Finding:
        largest = demand.largest(self.most_memory * available)
        if largest:
            to_type = f"DataLoader(data, batch_size={_power_of_two(largest)}, shuffle=True)"
            way_out = f"about {_power_of_two(largest):,} rows would fit"
        else:
            to_type, way_out = "", "not even the weights with their gradients and the optimizer's state do"
        return self.found(
            f"a step with {rows} rows needs about {_bytes(demand.of(rows))} (estimated), {_bytes(available)} are free: "
            f"{way_out}",
            severity=Severity.CRITICAL,
            measured=demand.of(rows),
            limit=self.most_memory * available,
            to_type=to_type,
        )

    def _slow(self, speed: Speed, subject: Subject) -> list[Finding]:
        workers = min(self.most_workers, os.cpu_count() or 1)
        if speed.workers or speed.batches is None or workers < 2 or not isinstance(subject.train, DataLoader):
            return []
        ratio = speed.load / max(speed.step, 1e-9)
        saved = (speed.batch - speed.batch_with(workers)) * speed.batches
        if ratio < self.brake or saved < self.worthwhile_seconds:
            return []
        is_long = ratio >= self.far_slower and speed.load * speed.batches > self.long_seconds
        limit = self.far_slower if is_long else self.brake
        return [
            self.found(
                f"the model waits for the data: a batch takes {_seconds(speed.load)} to load and "
                f"{_seconds(speed.step)} to learn from, {ratio:.1f} times as long (limit {limit:g}), about "
                f"{_seconds(speed.batch * speed.batches)} an epoch with `num_workers=0`",
                severity=Severity.WARNING if is_long else Severity.NOTE,
                measured=ratio,
                limit=limit,
                evidence=[f"{workers} workers would save about {_seconds(saved)} an epoch (estimated)"],
                to_type=f"DataLoader(data, batch_size={speed.rows}, shuffle=True, num_workers={workers}, "
                "persistent_workers=True)",
            )
        ]


def _available(subject: Subject) -> float | None:
    if subject.device.type == "cuda":
        return float(torch.cuda.mem_get_info(subject.device)[0])
    found = getattr(subject.machine, "memory_available_bytes", None)
    return None if found is None else float(found)


def _samples(subject: Subject) -> int | None:
    try:
        return subject.source.samples
    except TypeError:
        return None


def _power_of_two(rows: int) -> int:
    return 1 << (rows.bit_length() - 1) if rows > 0 else 0


def _bytes(count: float) -> str:
    if count >= GIGABYTE / 10:
        return f"{count / GIGABYTE:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _seconds(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    if seconds >= 1:
        return f"{seconds:.0f} s"
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.2g} ms"
