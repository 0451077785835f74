"""Checkpoint files in one folder: written under another name, synced, renamed, and believed only if they agree
with a manifest of sizes and SHA-256 sums. The file before is kept until the new one is in place."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch

from autofix_nb.checkpoints.state import portable
from autofix_nb.errors import StoreError

FORMAT = 1


class Store:
    """`<name>.pt` files beside `<name>.json` manifests; the file that a new one replaced stays as `<name>.old.pt`."""

    def __init__(self, folder: Path, *, writable: bool = True) -> None:
        """Make the folder, unless it is only read from.

        Raises:
            StoreError: when it cannot be made or written.
        """
        self.folder = folder
        if not writable:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"`store`: {str(folder.parent)!r} cannot be written ({error.strerror or error}); wanted a folder to "
                "keep the run in. Give another one with `store=`"
            ) from error

    def save(self, name: str, state: dict[str, Any]) -> Path:
        """Write one checkpoint and return its path.

        Raises:
            StoreError: when `state` holds something that only a pickle could hold.
            OSError: when the disk refuses; the checkpoint before is still there.
        """
        path = self._path(name)
        new = path.with_suffix(".pt.new")
        new_manifest = self._manifest(name).with_suffix(".json.new")
        if path.exists() and not self._manifest(name).exists() and new_manifest.exists():
            # The last save was cut off at its very end: without this, its file would lose what vouches for it.
            os.replace(new_manifest, self._manifest(name))
        with new.open("wb") as file:
            torch.save({"format": FORMAT} | portable(state, name), file)
            file.flush()
            os.fsync(file.fileno())
        manifest = {"format": FORMAT, "bytes": new.stat().st_size, "sha256": _sha256(new)}
        _write_synced(new_manifest, json.dumps(manifest))
        if path.exists():
            os.replace(path, self._path(f"{name}.old"))
            if self._manifest(name).exists():
                os.replace(self._manifest(name), self._manifest(f"{name}.old"))
        os.replace(new, path)
        os.replace(new_manifest, self._manifest(name))
        return path

    def load(self, name: str) -> dict[str, Any] | None:
        """Return the newest whole checkpoint of that name, on the CPU, or None when there is none.

        Raises:
            StoreError: when there are files, and none of them is whole.
        """
        if not self.has(name):
            return None
        damaged = []
        new = self._path(name).with_suffix(".pt.new")
        for path in (self._path(name), new, self._path(f"{name}.old")):
            if not path.exists():
                continue
            problem = self._problem(path, name)
            if problem is None:
                return torch.load(path, map_location="cpu", weights_only=True)
            if path != new:  # a save that was cut off is no loss
                damaged.append(f"{path.name} {problem}")
        raise StoreError(
            f"`{self.folder}` holds no whole checkpoint: {'; '.join(damaged)}. "
            "Start anew with `resume=False` (the old folder is kept under another name)"
        )

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name, whole or not."""
        return self._path(name).exists() or self._path(f"{name}.old").exists()

    def _problem(self, path: Path, name: str) -> str | None:
        # Files and manifests are renamed one by one. A crash in between leaves a whole file beside the manifest of
        # another one, and its own under another name: any of the three may vouch for it.
        own = self._manifest(path.name.removesuffix(".pt")) if path.suffix == ".pt" else None
        others = (self._manifest(name), self._manifest(name).with_suffix(".json.new"), self._manifest(f"{name}.old"))
        manifests = [manifest for manifest in map(_read_manifest, (own, *others)) if manifest]
        if not manifests:
            return "has no readable manifest"
        size = path.stat().st_size
        fitting = [manifest for manifest in manifests if manifest.get("bytes") == size]
        if not fitting:
            return f"has {size} bytes, its manifest says {manifests[0].get('bytes')}"
        sha256 = _sha256(path)
        if any(manifest.get("sha256") == sha256 for manifest in fitting):
            return None
        return "has another SHA-256 than its manifest says"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def _manifest(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def write_atomically(path: Path, text: str) -> None:
    """Write a small text file so that a reader sees the old text or the new one, never half of it."""
    new = path.with_name(path.name + ".new")
    _write_synced(new, text)
    os.replace(new, path)


def _read_manifest(path: Path | None) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text()) if path is not None else {}
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _write_synced(path: Path, text: str) -> None:
    # Names of files that are no UTF-8 reach us as lone surrogates, which UTF-8 cannot hold.
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
