"""Drive not mounted, not writable, or nearly full: what Colab writes anywhere else is gone with the machine.

Measured by looking at the mount, writing and deleting a tiny file there, and reading how much is free. A mount that was
lost answers with `Transport endpoint is not connected`, and only a forced remount brings it back
(googlecolab/colabtools#3441, #5951).

Data that lie on Drive are found by the paths of some samples: each file is fetched over the network, again in every
epoch; people report about 50 kB/s for many small files (#280), and time-outs and lost mounts after some hours of it
(#3133, #3441).
"""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from autofix_nb.checks.base import Answer, Check
from autofix_nb.environment.room import size_text
from autofix_nb.evidence import Subject
from autofix_nb.evidence.below import files_below
from autofix_nb.evidence.footprint import checkpoint_bytes
from autofix_nb.finding import Finding, NotApplicable, Severity

MOUNT = 'from google.colab import drive; drive.mount("/content/drive")'
REMOUNT = 'from google.colab import drive; drive.mount("/content/drive", force_remount=True)'
DISK = Path("/content/data")
"""Where the data are to be copied: the machine's own disk."""


@dataclass(frozen=True, kw_only=True)
class Drive(Check):
    """On Colab: a checkpoint would not reach Drive, or the samples are read from there, one by one."""

    code: ClassVar = "E05"
    title: ClassVar = "Google Drive"

    copies: int = 7
    """Checkpoints on Drive at once; what is overwritten fills the quota too until Drive's bin is emptied."""

    headroom: float = 2.0
    """How many times the checkpoints should fit."""

    low_bytes: int = 512 * 2**20
    """Room that there should be in any case."""

    few_files: int = 100
    """A data set of fewer samples than this may be read from Drive."""

    def look(self, subject: Subject) -> Answer:
        machine = subject.machine
        if machine.host != "colab":
            raise NotApplicable(f"Drive is mounted on Colab only, this is `{machine.host}`")
        drive = machine.drive
        evidence = [drive.error] if drive.error else []
        if drive.state == "absent":
            return self.bad(
                self.found(
                    "Drive is not mounted (0 of 1), so what this run saves is gone when Colab takes the machine back",
                    severity=Severity.WARNING if machine.drive_wanted else Severity.NOTE,
                    measured=0,
                    limit=1,
                    to_type=MOUNT,
                )
            )
        if drive.state == "dead":
            return self.bad(
                self.found(
                    f"Drive was mounted and has ceased to answer ({drive.error}), so 0 of 1 files could be written",
                    severity=Severity.WARNING,
                    measured=0,
                    limit=1,
                    evidence=[*evidence, "a plain `drive.mount` does not mend this, a forced one does"],
                    to_type=REMOUNT,
                )
            )
        if drive.state == "read-only":
            return self.bad(
                self.found(
                    f"Drive is mounted, but 0 of 1 files could be written there ({drive.error})",
                    severity=Severity.WARNING,
                    measured=0,
                    limit=1,
                    evidence=[*evidence, "a mount made with `readonly=True` must be forced to be made anew"],
                    to_type=REMOUNT,
                )
            )
        return self._room(subject)

    def _room(self, subject: Subject) -> Answer:
        answer, on_drive = self._free(subject), list(self._data(subject))
        return self.bad(*on_drive, *answer.findings) if on_drive else answer

    def _data(self, subject: Subject) -> Iterator[Finding]:
        """Yield a finding for each side whose samples are files on Drive."""
        sides: dict[Literal["train", "val"], object] = {"train": subject.train, "val": subject.val}
        for side, loader in sides.items():
            dataset = getattr(loader, "dataset", None)
            looked_at, files = files_below(dataset, subject.machine.drive_folder)
            if not files or len(dataset) < self.few_files:
                continue
            folder = Path(os.path.commonpath([file.parent for file in files]))
            copy = DISK / folder.name
            named = len(folder.relative_to(subject.machine.drive_folder.resolve()).parts) > 1
            yield self.found(
                f"{len(files)} of {looked_at} samples of `{side}` looked at are files on Drive, limit 0: each is "
                "fetched over the network again in every epoch",
                severity=Severity.WARNING,
                measured=len(files),
                limit=0,
                where=(f"`{side}`: {folder}",),
                evidence=[
                    "quicker still, and kinder to Drive: keep them there as one archive, and unpack it on this disk",
                ],
                to_type=f"!mkdir -p {DISK} && cp -r {shlex.quote(str(folder))} {DISK}/  # once in a session\n"
                f'folder = "{copy}"  # on the disk of this machine: for the data set'
                if named  # all of Drive is nobody's data set
                else "",
            )

    def _free(self, subject: Subject) -> Answer:
        drive = subject.machine.drive
        if drive.over_quota:
            return self.bad(
                self.found(
                    "Drive is full: its log holds QUOTA_EXCEEDED (limit 0 times), so files stay on this machine and "
                    "are lost with it",
                    severity=Severity.WARNING,
                    measured=1,
                    limit=0,
                    evidence=["empty the bin on drive.google.com: overwritten checkpoints lie there and count"],
                )
            )
        free, model = drive.free_bytes, subject.original
        needed = float(self.low_bytes)
        if model is not None:
            needed = max(needed, self.headroom * self.copies * checkpoint_bytes(model))
        if free is not None and free < needed:
            return self.bad(
                self.found(
                    f"Drive is nearly full: {size_text(free)} are free, {size_text(needed)} should be for the "
                    "checkpoints of this run",
                    severity=Severity.WARNING,
                    measured=free,
                    limit=needed,
                    evidence=["empty the bin on drive.google.com: overwritten checkpoints lie there and count"],
                )
            )
        room = "" if free is None else f", {size_text(free)} free"
        return self.fine(f"Drive is mounted and took a file{room}")
