"""Manifests: small JSON files, each naming the pieces of one checkpoint, believed only if their own hash holds."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autofix_nb.checkpoints.pieces import FILE as PIECE_FILE
from autofix_nb.checkpoints.pieces import Piece
from autofix_nb.errors import StoreError
from autofix_nb.journal import plain

FORMAT = 2
"""Format of manifests that this version writes and reads."""

FILE = re.compile(r"step-(\d{8,20})-([0-9a-f]{12})\.json")
"""Names of manifests: the step, and the beginning of the hash."""

MOST_BYTES = 1_000_000
"""A larger file is no manifest; it is not read."""


class NewerFormat(StoreError):
    """A manifest was written by a newer version: nothing beside it may be tidied away."""


@dataclass(frozen=True)
class Checkpoint:
    """What one manifest says: where the run was, and the pieces that hold its state."""

    file: str
    """Name of the manifest in the folder."""

    number: int
    """Counts the checkpoints of a run; of two, the one with the higher number is the newer."""

    pieces: Mapping[str, Piece]
    """By name: `state`, and where there is one `best`, `first` and `good`."""

    about: Mapping[str, Any] = field(default_factory=dict)
    """`step`, `epoch`, `position`, `status`, `goal` and whatever else was said at saving, and `written`."""

    lost: Mapping[str, str] = field(default_factory=dict)
    """Pieces that the manifest names and that are not whole any more, with what is wrong; only on reading."""

    @property
    def step(self) -> int:
        """Step after which it was taken."""
        return int(self.about.get("step", 0))

    @property
    def age(self) -> tuple[int, int, str]:
        """What to sort by: the newest has the highest."""
        return self.number, self.step, self.file


def make_manifest(number: int, pieces: Mapping[str, Piece], about: Mapping[str, Any]) -> tuple[Checkpoint, str]:
    """Return a checkpoint made now, and the text of its manifest."""
    written = datetime.now(tz=UTC).isoformat(timespec="milliseconds")
    kept = plain(dict(about)) | {"written": written}
    body = {"format": FORMAT, "number": number, **kept}
    body["pieces"] = {name: asdict(piece) for name, piece in pieces.items()}
    sha256 = _hash_of(body)
    file = f"step-{int(about['step']):08d}-{sha256[:12]}.json"
    text = json.dumps(body | {"sha256": sha256}, indent=2)
    return Checkpoint(file, number, dict(pieces), kept), text + "\n"


def read_manifest(path: Path) -> Checkpoint:
    """Return the checkpoint that a manifest names. Its pieces are not looked at.

    Raises:
        NewerFormat: when a newer version wrote it.
        StoreError: when it is damaged; the message ends a sentence that begins with the file's name.
    """
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise StoreError("is no manifest")
        body = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError):
        raise StoreError("is no JSON") from None
    if not isinstance(body, dict):
        raise StoreError("is no manifest")
    if isinstance(body.get("format"), int) and body["format"] > FORMAT:
        raise NewerFormat(f"has format {body['format']}, this version reads {FORMAT}: update autofix_nb")
    sha256 = body.pop("sha256", None)
    if not isinstance(sha256, str) or sha256 != _hash_of(body):
        raise StoreError("does not agree with its own SHA-256")
    if not path.name.endswith(f"-{sha256[:12]}.json"):
        raise StoreError("has the name of another manifest")
    try:
        number, pieces = int(body.pop("number")), body.pop("pieces")
        made = {
            str(name): Piece(str(one["file"]), int(one["bytes"]), str(one["sha256"])) for name, one in pieces.items()
        }
        checkpoint = Checkpoint(path.name, number, made, {name: body[name] for name in body if name != "format"})
        _ = checkpoint.step
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StoreError("is no manifest of a checkpoint") from None
    for piece in made.values():
        if not PIECE_FILE.fullmatch(piece.file):
            raise StoreError(f"names {piece.file!r}, which is no name of a piece: it is not followed")
    return checkpoint


def _hash_of(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
