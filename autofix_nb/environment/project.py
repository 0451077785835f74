"""What pyproject.toml asks for, and whether the project is installed from the folder it stands in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """The project whose folder is `root`."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.text = (root / "pyproject.toml").read_text("utf-8")
        self.settings = tomllib.loads(self.text)["project"]

    def unknown(self, extras: Sequence[str]) -> str | None:
        """Which of these optional parts do not exist, in words; None if all do."""
        offered = self.settings["optional-dependencies"]
        unknown = [name for name in extras if name not in offered]
        return f"`--extras` must be among {', '.join(offered)}, got {', '.join(unknown)}" if unknown else None

    def requirements(self, extras: Sequence[str]) -> list[str]:
        """What it needs, with these optional parts."""
        offered = self.settings["optional-dependencies"]
        return [*self.settings["dependencies"], *(text for name in extras for text in offered[name])]

    def problem(self, folders: Mapping[str, tuple[str, Path]]) -> str | None:
        """What is wrong with its own installation, in words; `folders` are the installed distributions."""
        if "autofix-nb" not in folders:
            return "autofix_nb is not installed"
        version, folder = folders["autofix-nb"]
        try:
            source = json.loads((folder / "direct_url.json").read_text("utf-8"))
        except OSError:
            source = {}
        if source.get("url") != self.root.as_uri() or not source.get("dir_info", {}).get("editable"):
            return f"autofix_nb {version} is installed from elsewhere than {self.root}"
        entry_points = folder / "entry_points.txt"
        known = entry_points.read_text("utf-8") if entry_points.is_file() else ""
        scripts = [f"{name} = {target}" for name, target in self.settings.get("scripts", {}).items()]
        if version != self.settings["version"] or not all(line in known for line in scripts):
            return "pyproject.toml has changed since autofix_nb was installed"
        return None
