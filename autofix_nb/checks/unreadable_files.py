"""Unreadable files: broken, empty, missing, or no images at all; and files that are read in another way than they look.

Measured by opening every file: PIL's `verify` and a full `load` (documentation of Pillow, `Image.verify`), and by
loading every sample. Two things that no error tells: torchvision's image folder turns every file into RGB
(`convert("RGB")` in its `pil_loader`), and does not turn photos by their EXIF orientation.
"""

from collections import Counter
from dataclasses import dataclass
from os import path
from typing import Any, ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.data import Fault
from autofix_nb.evidence import Scan, Subject
from autofix_nb.finding import Finding, NotApplicable, Severity

LISTED = 20
"""Files that the evidence lists."""

FIND_THEM = """\
from PIL import Image
def readable(file):
    try:
        Image.open(file).verify()
        Image.open(file).load()
        return True
    except Exception:
        return False
files = [file for file in files if readable(file)]"""


@dataclass(frozen=True, kw_only=True)
class UnreadableFiles(Check):
    """Can every sample be read, and is it what it looks like?"""

    code: ClassVar = "D08"
    title: ClassVar = "Unreadable files"
    needs: ClassVar = frozenset({"train"})

    worthless: float = 0.2
    """Share of the samples that cannot be read, above which a training makes no sense."""

    def look(self, subject: Subject) -> Answer:
        findings: list[Finding] = []
        pictures: list[Shown] = []
        told = []
        for side in ("train", "val"):
            if side == "val" and subject.val is None:
                continue
            try:
                scan = subject.scan(side)
            except NotApplicable:
                if side == "train":
                    raise
                continue
            if not scan.files:
                continue  # samples that are no files and raise are named by B02
            self._unreadable(scan, findings, pictures)
            self._special(scan, findings, pictures)
            told.append(f"{len(scan.files):,} {side} files")
        if findings:
            return self.bad(*findings, evidence=[f"looked at {', '.join(told)}"], pictures=pictures)
        if not told:
            raise NotApplicable("the samples are no files; B02 names those that raise")
        return self.fine(f"all of {' and '.join(told)} could be read")

    def _unreadable(self, scan: Scan, findings: list[Finding], pictures: list[Shown]) -> None:
        broken = {_key(file.index): file for file in scan.files if not file.readable}
        raising = {_key(fault.index): fault for fault in scan.faults}
        keys = [*broken, *(key for key in raising if key not in broken)]
        if not keys:
            return
        total = max(scan.seen, len(keys))
        share = len(keys) / total
        kinds = Counter(broken[key].problem if key in broken else _kind_of(raising[key]) for key in keys)
        counted = ", ".join(f"{times} {kind}" for kind, times in kinds.most_common(6))
        files = "files" if broken else "samples"
        names = [_called(scan, key, broken, raising) for key in keys]
        findings.append(
            self.found(
                f"{len(keys):,} of {total:,} {'training' if scan.side == 'train' else 'validation'} {files} "
                f"({share:.1%}, limit 0) cannot be read: {counted}",
                severity=Severity.CRITICAL if share > self.worthless else Severity.WARNING,
                measured=share,
                limit=0,
                where=names,
                evidence=[
                    *(
                        f"{name}: {_detail(key, broken, raising)}"
                        for name, key in list(zip(names, keys, strict=True))[:LISTED]
                    ),
                    "`af.fit` sets such samples aside and goes on without them",
                ],
                to_type=FIND_THEM if broken else _drop_to_type(scan, keys),
            )
        )
        shown = [key for key in keys if isinstance(key, int)][:12]
        if shown and (broken or scan.kind == "image"):
            captions = tuple(broken[key].problem if key in broken else _kind_of(raising[key]) for key in shown)
            pictures.append(Shown(title="Unreadable images", indices=tuple(shown), captions=captions, side=scan.side))

    def _special(self, scan: Scan, findings: list[Finding], pictures: list[Shown]) -> None:
        fine = [file for file in scan.files if file.readable]
        misnamed = [file for file in fine if file.problem]
        rotated = [file for file in fine if "rotated" in file.remarks]
        modes = Counter(_colours(file) for file in fine)
        if misnamed:
            findings.append(
                self._note(
                    scan,
                    misnamed,
                    f"{len(misnamed):,} of {len(fine):,} files are not what their name says (wanted 0): PIL goes by "
                    "the bytes, other tools may not",
                    "",
                )
            )
        if rotated:
            findings.append(
                self._note(
                    scan,
                    rotated,
                    f"{len(rotated):,} of {len(fine):,} photos (wanted 0) lie on their side: their EXIF orientation "
                    "says how to turn them, which torchvision does not do",
                    "from PIL import ImageOps\nimage = ImageOps.exif_transpose(Image.open(file)).convert('RGB')",
                )
            )
            pictures.append(_shown("Photos to be turned", scan, rotated))
        if len(modes) > 1:
            usual = modes.most_common(1)[0][0]
            odd = [file for file in fine if _colours(file) != usual]
            counted = ", ".join(f"{times:,} {mode}" for mode, times in modes.most_common())
            findings.append(
                self._note(
                    scan,
                    odd,
                    f"the {len(fine):,} files are not all of one kind ({counted}; wanted 1 kind): a loader that does "
                    "not convert them gives tensors with different numbers of channels",
                    "image = Image.open(file).convert('RGB')",
                )
            )
            pictures.append(_shown("Files of another kind than most", scan, odd))

    def _note(self, scan: Scan, files: list[Any], says: str, to_type: str) -> Finding:
        return self.found(
            says,
            severity=Severity.NOTE,
            measured=len(files),
            limit=0,
            where=[_short(file.path) for file in files],
            evidence=[
                f"{_short(file.path)}: {', '.join((file.detail, *file.remarks)).strip(', ') or file.mode}"
                for file in files[:LISTED]
            ],
            to_type=to_type,
        )


def _colours(file: Any) -> str:
    """Return what a file's pixels are, in words: what a loader that converts nothing would choke on."""
    for word in ("CMYK", "16-bit", "grey", "palette", "transparent"):
        if word in file.remarks:
            return word
    return "RGB"


def _key(index: Any) -> Any:
    return int(index) if isinstance(index, int | np.integer) else index


def _kind_of(fault: Fault) -> str:
    first = fault.reason.split(":")[0]
    return f"{fault.kind} {first}" if fault.kind == "raises" and first else fault.kind


def _called(scan: Scan, key: Any, broken: dict, raising: dict) -> str:
    if key in broken:
        return _short(broken[key].path)
    prefix = "" if scan.side == "train" else "val "
    return f"{prefix}sample {key}" if isinstance(key, int) else str(raising[key].index)


def _detail(key: Any, broken: dict, raising: dict) -> str:
    if key in broken:
        return f"sample {key}, {broken[key].problem} ({broken[key].detail})"
    return f"{raising[key].kind}: {raising[key].reason}"


def _short(file: str) -> str:
    """Return the file's name with its folder: long paths differ at their end."""
    folder, name = path.split(file)
    return path.join(path.basename(folder), name)


def _shown(title: str, scan: Scan, files: list[Any]) -> Shown:
    chosen = [file for file in files if isinstance(file.index, int | np.integer)][:12]
    captions = tuple(", ".join(file.remarks) or file.mode for file in chosen)
    return Shown(title=title, indices=tuple(int(file.index) for file in chosen), captions=captions, side=scan.side)


def _drop_to_type(scan: Scan, keys: list[Any]) -> str:
    name = "train_set" if scan.side == "train" else "val_set"
    numbers = [key for key in keys if isinstance(key, int)]
    if not numbers:
        return ""
    listed = ", ".join(map(str, numbers))
    return (
        f"left_out = {{{listed}}}\n"
        f"{name} = torch.utils.data.Subset({name}, [index for index in range(len({name})) if index not in left_out])"
    )
