"""A note that a full check of exactly this environment found it in order: the next check need not import anything."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path


class Stamp:
    """The note in `file`, valid for these installed versions, this pyproject.toml, this Python and these rules."""

    def __init__(self, installed: Mapping[str, str], pyproject: str, file: Path | None = None) -> None:
        self.file = Path(sys.prefix) / "autofix_nb_verified.json" if file is None else file
        parts = [pyproject, rules(), sorted(installed.items()), sys.version, sys.executable]
        self.key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def read(self) -> str | None:
        """The summary that the check ended in; None if there was no such check."""
        try:
            noted = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return noted["summary"] if noted.get("key") == self.key else None

    def write(self, summary: str) -> None:
        # An environment that cannot be written is checked in full each time.
        with contextlib.suppress(OSError):
            self.file.write_text(json.dumps({"key": self.key, "summary": summary}), "utf-8")


def rules(folder: Path = Path(__file__).parent) -> list[tuple[str, str]]:
    """Name and text of each file of this group: with other rules the check must be made again."""
    return [(path.name, path.read_text("utf-8")) for path in sorted(folder.glob("*.py"))]
