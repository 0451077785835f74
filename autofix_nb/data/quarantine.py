"""Samples set aside: index, reason, traceback, and where in the run it happened. One JSON line each.

The first pictures among them are kept too, small, each in a file beside that of the lines.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autofix_nb.data.fetch import Fault
from autofix_nb.journal import plain

MOST_PICTURES = 50
"""Pictures kept of a run, the first ones."""

LARGEST_PICTURE = 40_000
"""Bytes of a picture at most: a file that is larger is none of ours."""


PICTURE_FILE = re.compile(r"sample-[\w-]+\.png")
"""Names that pictures get."""


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """One sample set aside. It takes no part in later batches of the run."""

    index: Any
    """Its index in the training data set, as the sampler gives it."""

    kind: str
    """`raises`, `odd shape`, `does not collate`, `non-finite`, `kills its worker`, `outlier`."""

    reason: str
    trace: str = ""
    epoch: int
    """Epoch in which it was set aside, counted from 0; later epochs leave it out from the start."""

    position: int
    """Batch of that epoch, counted from 0."""

    picture: str = ""
    """Name of the PNG in the quarantine's folder; empty where there is none."""

    def __str__(self) -> str:
        return f"sample {self.index} ({self.kind}): {self.reason}"


class Quarantine:
    """The samples of one run that were set aside, in order, each once; kept in `path` when there is one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._samples: dict[Any, Quarantined] = {}
        self._torn = False
        if path is not None and path.exists():
            raw = path.read_bytes()
            self._torn = bool(raw) and not raw.endswith(b"\n")
            for line in raw.splitlines():
                try:
                    values = json.loads(line)
                    if values.pop("released", False):
                        self._samples.pop(key_of(values["index"]), None)
                        continue
                    sample = Quarantined(**values)
                except (ValueError, TypeError, AttributeError, KeyError):
                    continue  # a line cut off by a crash; the sample will show itself again
                self._samples[key_of(sample.index)] = sample

    def add(self, fault: Fault, *, epoch: int, position: int) -> Quarantined | None:
        """Set one sample aside and return the record, or None when it was there already."""
        key = key_of(fault.index)
        if key in self._samples:
            return None
        sample = Quarantined(
            index=key,
            kind=fault.kind,
            reason=fault.reason,
            trace=fault.trace,
            epoch=epoch,
            position=position,
            picture=self._keep(key, fault.picture),
        )
        self._samples[key] = sample
        self._write(asdict(sample))
        return sample

    def picture(self, sample: Quarantined) -> bytes:
        """Return the picture of a sample as a PNG; nothing where none was kept, or its file is gone."""
        # A name from a file may be any: only one beside the file itself is opened.
        if self._path is None or not sample.picture or Path(sample.picture).name != sample.picture:
            return b""
        try:
            png = (self._path.parent / sample.picture).read_bytes()
        except (OSError, ValueError):
            return b""
        return png if png.startswith(b"\x89PNG") and len(png) <= LARGEST_PICTURE else b""

    def release(self, index: Any) -> None:
        """Take one sample back into the training; the file gets a line that says so."""
        if self._samples.pop(key_of(index), None) is not None:
            self._write({"index": key_of(index), "released": True})

    def excluded(self, epoch: int) -> frozenset[Any]:
        """Return the keys (see `key_of`) that `epoch` leaves out from the start: those set aside in earlier ones."""
        return frozenset(key for key, sample in self._samples.items() if sample.epoch < epoch)

    def indices(self) -> list[Any]:
        """Return the indices of all samples set aside, in the order in which it happened."""
        return list(self._samples)

    def holds_any(self, indices: list[Any]) -> bool:
        """Tell whether one of `indices` is set aside."""
        return not self._samples.keys().isdisjoint(map(key_of, indices))

    def __contains__(self, index: Any) -> bool:
        return key_of(index) in self._samples

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Quarantined]:
        return iter(list(self._samples.values()))

    def __repr__(self) -> str:
        return "\n".join(map(str, self._samples.values())) or "no sample was set aside"

    def state(self) -> list[dict[str, Any]]:
        """Return plain values from which `restore` rebuilds the list."""
        return [plain(asdict(sample)) for sample in self]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Put back the list that `state` returned; samples found since then are forgotten."""
        self._samples = {key_of(plain_sample["index"]): Quarantined(**plain_sample) for plain_sample in state}

    def _keep(self, key: Any, png: bytes) -> str:
        """Write a picture and return the name of its file; nothing where there is none, or enough are kept."""
        kept = sum(bool(sample.picture) for sample in self._samples.values())
        if self._path is None or not png or len(png) > LARGEST_PICTURE or kept >= MOST_PICTURES:
            return ""
        name = key if isinstance(key, int) else hashlib.sha256(key.encode(errors="replace")).hexdigest()[:16]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            (self._path.parent / f"sample-{name}.png").write_bytes(png)
        except OSError:
            return ""  # a full disk: the reason is kept all the same
        return f"sample-{name}.png"

    def _write(self, values: dict[str, Any]) -> None:
        """Append one line to the file."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            line = json.dumps(plain(values), ensure_ascii=False) + "\n"
            with self._path.open("ab") as file:
                # A torn line is closed first, or this one would be glued to it and be lost too.
                file.write((f"\n{line}" if self._torn else line).encode(errors="backslashreplace"))
            self._torn = False
        except OSError:
            self._torn = True  # a full disk must not stop the training; the checkpoint carries the list too


def key_of(index: Any) -> Any:
    """Return the index as plain int or text, so that a NumPy or tensor index is the same after a resume."""
    if hasattr(index, "item"):
        index = index.item()
    return index if isinstance(index, int | str) else json.dumps(plain(index))
