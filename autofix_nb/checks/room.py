"""Disk, memory or shared memory too small for this job.

Measured: what is free, against what the training needs at least: checkpoints of weights and Adam's state on the disk;
gradients, Adam's state and a batch in memory (what a step computes comes on top, see B11); the batches that the
loader's workers hold ready in shared memory, of which a Docker container has 64 MB unless told otherwise (too little
ends in a bus error: pytorch/pytorch#5040).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from autofix_nb.checks.base import Answer, Check
from autofix_nb.environment.room import size_text
from autofix_nb.evidence import Subject
from autofix_nb.evidence.footprint import batch_bytes, checkpoint_bytes, training_bytes, weight_bytes
from autofix_nb.finding import Finding, NotApplicable, Severity


@dataclass(frozen=True, kw_only=True)
class Room(Check):
    """What the training needs does not fit into what is free."""

    code: ClassVar = "E04"
    title: ClassVar = "Too little room"

    headroom: float = 2.0
    """How many times what is needed should be free; with less it is a warning."""

    copies: int = 7
    """Checkpoints on the disk at once: the last ones, the best, and one being written."""

    least_disk_bytes: int = 100 * 2**20
    """Disk that a run needs besides, whatever the model: journal, signals, report."""

    low_disk_bytes: int = 2**30
    """With less disk than this there is a warning where no model was given."""

    low_memory_bytes: int = 512 * 2**20
    """With less memory than this there is a warning where no model was given."""

    def look(self, subject: Subject) -> Answer:
        parts = [self._disk(subject), self._memory(subject), self._shared_memory(subject)]
        says = [text for text, _ in parts if text]
        findings = [finding for _, finding in parts if finding is not None]
        if findings:
            return self.bad(*findings, evidence=says)
        if not says:
            raise NotApplicable("this system does not tell how much memory or disk is free")
        return self.fine("; ".join(says))

    def _disk(self, subject: Subject) -> tuple[str, Finding | None]:
        free, model = subject.machine.disk_free_bytes, subject.original
        if free is None:
            return "", None
        if model is None:
            needed, what = self.low_disk_bytes / self.headroom, "a run with a small model"
        else:
            one = checkpoint_bytes(model)
            needed = self.copies * one + self.least_disk_bytes
            what = f"{self.copies} checkpoints of {size_text(one)} and the run's records"
        return self._judge(
            "disk",
            free,
            needed,
            what,
            evidence=["a checkpoint is counted as the weights and twice those that train, for Adam"],
            to_type="!df -h . && du -sh ./* | sort -h | tail" if subject.machine.host != "terminal" else "df -h .",
        )

    def _memory(self, subject: Subject) -> tuple[str, Finding | None]:
        model, machine = subject.original, subject.machine
        on_device = subject.device.type not in ("cpu", "mps")
        free = machine.device_memory_free_bytes if on_device else machine.memory_available_bytes
        if free is None:
            return "", None
        if model is None:
            needed, what = self.low_memory_bytes / self.headroom, "a small model"
        else:
            batch = _first_batch_bytes(subject)
            is_there = next((part.device.type for part in model.parameters()), "cpu") == subject.device.type
            needed = training_bytes(model) + batch + (0 if is_there else weight_bytes(model))
            what = "gradients, Adam's state and a batch, before what a step computes"
        return self._judge(
            f"memory of `{subject.device}`" if on_device else "memory",
            free,
            needed,
            what,
            evidence=["what a step computes comes on top of this: see B11"],
            to_type="optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # keeps no state: a third of the memory",
        )

    def _shared_memory(self, subject: Subject) -> tuple[str, Finding | None]:
        room = subject.machine.shared_memory_bytes
        workers = [loader for loader in (subject.train, subject.val) if getattr(loader, "num_workers", 0)]
        if room is None or not workers:
            return "", None
        needs = [(_ahead_bytes(subject, loader), loader) for loader in workers]
        needed, loader = max(needs, key=lambda pair: pair[0])
        if not needed:
            return "", None
        free, total = room
        fitting = int(loader.num_workers * free / (self.headroom * needed))
        batches = loader.num_workers * (getattr(loader, "prefetch_factor", None) or 2) + 1
        return self._judge(
            "shared memory (`/dev/shm`)",
            free,
            needed,
            f"{batches} batches that {loader.num_workers} workers hold ready",
            evidence=[
                f"`/dev/shm` has {size_text(total)} in all; a worker that finds it full ends with a bus error",
                "in Docker: `docker run --shm-size=8g`, or `--ipc=host`",
            ],
            to_type=_with_workers(loader, fitting),
        )

    def _judge(
        self, name: str, free: float, needed: float, what: str, *, evidence: list[str], to_type: str
    ) -> tuple[str, Finding | None]:
        says = f"{name}: {size_text(free)} free, {what} need{'s' if what.startswith('a ') else ''} about "
        says += size_text(needed)
        if free >= self.headroom * needed:
            return says, None
        too_little = free < needed
        finding = self.found(
            f"{says}{'' if too_little else f', and {self.headroom:g} times as much should be free'}",
            severity=Severity.CRITICAL if too_little else Severity.WARNING,
            measured=free,
            limit=needed if too_little else self.headroom * needed,
            where=(name,),
            evidence=evidence,
            to_type=to_type,
        )
        return says, finding


def _first_batch_bytes(subject: Subject) -> int:
    try:
        return batch_bytes(subject.batch.data)
    except NotApplicable:
        return 0


def _ahead_bytes(subject: Subject, loader: Any) -> float:
    """Bytes that the workers of a loader hold ready; tensors alone lie in shared memory."""
    try:
        a_row = batch_bytes(subject.batch.data) / max(1, subject.batch_rows)
        rows = subject.batch_rows if loader is subject.train else getattr(loader, "batch_size", None) or 0
    except NotApplicable:
        return 0
    return a_row * rows * (loader.num_workers * (getattr(loader, "prefetch_factor", None) or 2) + 1)


def _with_workers(loader: Any, workers: int) -> str:
    many = f"num_workers={workers}"
    if getattr(loader, "batch_size", None) is None:
        return f"{many}  # in the DataLoader"
    return f"loader = DataLoader(loader.dataset, batch_size={loader.batch_size}, {many})  # and the rest as before"
