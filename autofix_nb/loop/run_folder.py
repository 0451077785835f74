"""A run's folder and the small files in it that say what was asked for and how it ended."""

import json
from pathlib import Path
from typing import Any

from autofix_nb.checkpoints import write_atomically
from autofix_nb.journal import plain


class RunFolder:
    """The folder of one run: its settings and its summary."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        """What could not be written, and why; a sentence each."""

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write `run.json`: what was asked for, on what, with which versions."""
        write_atomically(self.folder / "run.json", json.dumps(plain(settings), indent=2, ensure_ascii=False) + "\n")

    def settings(self) -> dict[str, Any]:
        """Return what `run.json` holds; empty where it is missing or damaged."""
        try:
            return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`: how the run ended."""
        try:
            write_atomically(
                self.folder / "summary.json", json.dumps(plain(summary), indent=2, ensure_ascii=False) + "\n"
            )
        except OSError as error:
            self.problems.append(f"`summary.json` could not be written: {error}")
