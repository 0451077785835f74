"""The append-only record of a run: one JSON object a line, whole again after a crash in mid-line.

Nothing here may stop a training: when the disk refuses a line, the line waits in memory and goes out
with the next one.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


LASTING = ("save", "died")
"""Kinds of entries that stand, although the answer amid which they came was broken off."""


class Journal:
    """Findings, changes, outcomes, skips, saves and resumes of one run, in order."""

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """Open or begin the journal at `path`; `None` keeps it in memory only. `clock` gives seconds since 1970."""
        self.path = path
        self.damaged_lines = 0
        """Lines that could not be read, such as one cut off by a crash. They stay in the file."""

        self.may_write: Callable[[], bool] = lambda: True
        """Whether the file is still this training's; asked before each line. Where it is not, memory alone is kept."""

        self._clock = clock
        self._waiting = b""
        self._entries: list[Entry] = []
        if path is not None and path.exists():
            self._read(path)

    def append(self, kind: str, /, **fields: Any) -> Entry:
        """Write one entry and return it. Values become plain JSON; NaN and infinities become text."""
        moment = datetime.fromtimestamp(self._clock(), tz=UTC).isoformat(timespec="milliseconds")
        entry = {"n": self.position + 1, "time": moment, "kind": kind} | {
            name: plain(value) for name, value in fields.items()
        }
        self._entries.append(entry)
        self._write(json.dumps(entry, ensure_ascii=False, allow_nan=False))
        return entry

    def entries(self, kind: str | None = None, /, **wanted: Any) -> list[Entry]:
        """Return the entries of one kind (or all) whose fields equal `wanted`, oldest first."""
        wanted = plain(wanted)
        return [
            entry
            for entry in self._entries
            if kind in (None, entry["kind"]) and all(entry.get(name) == value for name, value in wanted.items())
        ]

    def last(self, kind: str, /, **wanted: Any) -> Entry | None:
        """Return the newest entry of one kind whose fields equal `wanted`, or None."""
        found = self.entries(kind, **wanted)
        return found[-1] if found else None

    def after(self, count: int) -> list[Entry]:
        """Return the entries after the first `count`, for those who follow a growing journal."""
        return self._entries[count:]

    def lasting(self) -> list[Entry]:
        """Return the entries that count, without what happened after a save that the run later went on from.

        That happened again, or never; but that a process died did happen. A save knows the entries up to its copying;
        it is written while others come.
        What led to an answer that was broken off does not count either: the same question was asked again.
        """
        entries: list[Entry] = []
        for entry in self:
            if entry["kind"] == "resume" and isinstance(entry.get("after"), int):
                saved = [one for one in entries if one["kind"] == "save" and one.get("after") == entry["after"]]
                died = [one for one in entries if one["kind"] == "died" and one.get("n", 0) > entry["after"]]
                entries = [one for one in entries if one.get("n", 0) <= entry["after"]] + saved[-1:] + died
            if entry["kind"] == "broken off" and isinstance(entry.get("after"), int):
                entries = [one for one in entries if one.get("n", 0) <= entry["after"] or one["kind"] in LASTING]
            entries.append(entry)
        return entries

    @property
    def position(self) -> int:
        """Number of the newest entry; 0 where there is none."""
        number = self._entries[-1].get("n") if self._entries else 0
        return number if isinstance(number, int) else len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def detach(self) -> None:
        """Keep what comes in memory only: the file is another training's by now."""
        self.path = None

    @property
    def unwritten(self) -> int:
        """Lines that the disk has not taken yet."""
        return self._waiting.count(b"\n")

    def _read(self, path: Path) -> None:
        raw = path.read_bytes()
        for line in raw.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if isinstance(entry, dict) and "kind" in entry:
                self._entries.append(entry)
            elif line.strip():
                self.damaged_lines += 1
        if raw and not raw.endswith(b"\n"):
            # Close the torn line, or the next entry would be glued to it and be lost too.
            self._waiting = b"\n"

    def _write(self, line: str) -> None:
        if self.path is not None and not self.may_write():
            self.detach()
        if self.path is None:
            return
        # A file's name may hold bytes that are no text; JSON can escape them.
        self._waiting += f"{line}\n".encode(errors="backslashreplace")
        try:
            with self.path.open("ab", buffering=0) as file:
                # A disk that fills up takes a part of it. What it took is not written again.
                while self._waiting:
                    self._waiting = self._waiting[file.write(self._waiting) :]
        except OSError:
            return


def plain(value: Any) -> Any:
    """Return `value` as plain JSON: numbers, text, lists and dicts; NaN and infinities as text."""
    if value is None or isinstance(value, bool | int | str):
        # An int subclass (IntEnum) or a str subclass must not bring its own text form along.
        return value if value is None or isinstance(value, bool) else _bare(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(part) for part in value), key=str)
    if hasattr(value, "tolist") and not isinstance(value, type):
        return plain(value.tolist())
    return str(value)


def _bare(value: int | str) -> int | str:
    return int(value) if isinstance(value, int) else str.__str__(value)
