"""What is installed, and whether all of it is there: read from the files that pip leaves behind, not by importing."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from autofix_nb.environment.requirements import normalised

# Without this list of its files pip cannot take a package away.
NO_RECORD = "its RECORD is missing"


def installed_folders(paths: Sequence[str] | None = None) -> dict[str, tuple[str, Path]]:
    """Each installed distribution: its version, and the folder that describes it."""
    found: dict[str, tuple[str, Path]] = {}
    for path in sys.path if paths is None else paths:
        for folder in sorted(Path(path or ".").glob("*-*.*-info")):
            name, _, version = folder.name.rpartition(".")[0].partition("-")
            if folder.suffix == ".egg-info":
                version = version.partition("-")[0]
            is_description = folder.suffix in (".dist-info", ".egg-info") and version[:1].isdigit()
            # pip renames what it is about to take away to `~ame`; such a rest is no installation.
            if is_description and not name.startswith("~"):
                found.setdefault(normalised(name), (version, folder))
    return found


def needed_by(roots: Collection[str], folders: Mapping[str, tuple[str, Path]]) -> list[str]:
    """The installed distributions that these need, themselves included."""
    seen, waiting = [], [normalised(name) for name in roots]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in folders:
            continue
        seen.append(name)
        metadata = folders[name][1] / "METADATA"
        head = metadata.read_text("utf-8", "replace").partition("\n\n")[0] if metadata.is_file() else ""
        waiting += [
            normalised(match[1])
            for match in re.finditer(r"^Requires-Dist: ([\w.-]+)(?!.*extra ==)", head, re.MULTILINE)
        ]
    return seen


def missing_parts(folder: Path) -> str | None:
    """What is missing of a distribution, in words; None if it is whole."""
    if folder.suffix != ".dist-info":
        return None
    if not (folder / "METADATA").is_file():
        return "its METADATA is missing"
    record, installer = folder / "RECORD", folder / "INSTALLER"
    if not record.is_file():
        others = installer.is_file() and installer.read_text("utf-8").strip() != "pip"
        return None if others else NO_RECORD
    gone = [name for name, holds_something in _recorded(record) if _is_gone(folder.parent / name, holds_something)]
    return f"{len(gone)} of its files are missing or empty, such as {gone[0]}" if gone else None


def _recorded(record: Path) -> Iterator[tuple[str, bool]]:
    """The code files of a distribution, and whether each holds anything; slim images leave out the tests."""
    for line in record.read_text("utf-8", "replace").splitlines():
        name, _, size = line.rsplit(",", 2) if line.count(",") >= 2 else (line, "", "")
        name = name.strip('"')
        left_out = {"..", "test", "tests"} & set(name.split("/"))
        if name.endswith((".py", ".so", ".pyd", ".dll", ".dylib")) and not left_out:
            yield name, size not in ("", "0")


def _is_gone(path: Path, holds_something: bool) -> bool:
    try:
        return path.stat().st_size == 0 and holds_something
    except OSError:
        return True
