"""Pieces: the immutable files that checkpoints are made of, each with tensors and plain values only.

A piece is written under another name, hashed on the way, synced, read back and only then renamed. Its name ends with
the beginning of its SHA-256, so that no name ever stands for two contents, on no disk and on no mirror.
"""

import contextlib
import hashlib
import os
import pickle
import re
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from autofix_nb.checkpoints.state import portable
from autofix_nb.errors import StoreError

FILE = re.compile(r"[a-z][a-z_]*-\d{8,20}-[0-9a-f]{12}\.pt")
"""Names of pieces. A manifest that names anything else, such as `../../x`, is not followed."""

NEW = ".new"
"""Ending of a file that is being written."""


@dataclass(frozen=True)
class Piece:
    """One file of a checkpoint: its name in the folder, its size, and what it must hash to."""

    file: str
    bytes: int
    sha256: str


class _Hashing:
    """A file that is only written to, and hashes what goes through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, data: Any) -> int:
        """Write all of `data`; a disk that takes less of it raises."""
        self.sha256.update(data)
        self._file.write(data)
        size = memoryview(data).nbytes
        self.bytes += size
        return size

    def flush(self) -> None:
        """Hand what is waiting to the system."""
        self._file.flush()


def write_piece(folder: Path, name: str, step: int, state: Mapping[str, Any]) -> Piece:
    """Write a state dict as a piece taken at `step`, and return it.

    Raises:
        StoreError: when `state` holds what only a pickle could hold, or when the file reads back otherwise.
        OSError, RuntimeError: when the disk refuses; torch reports some of it as a RuntimeError.
    """
    state = portable(state, name)
    # A name of its own: a thread that slept may write on into a file that it had open, also under its new name.
    new = folder / f"{name}-{step:08d}-{uuid.uuid4().hex[:12]}.pt{NEW}"
    try:
        with new.open("wb") as file:
            hashing = _Hashing(file)
            torch.save(state, hashing)
            sync(file)
        sha256 = hashing.sha256.hexdigest()
        piece = Piece(f"{name}-{step:08d}-{sha256[:12]}.pt", hashing.bytes, sha256)
        problem = _problem(new, piece)
        if problem is not None:
            raise StoreError(f"`{new}` {problem}: the disk does not give back what was written to it")
        os.replace(new, folder / piece.file)
    except Exception:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    return piece


def problem_of(folder: Path, piece: Piece) -> str | None:
    """Return what is wrong with a piece on the disk, or None when every byte of it is there."""
    if not FILE.fullmatch(piece.file):
        return "is no name of a piece"
    try:
        return _problem(folder / piece.file, piece)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def load_piece(folder: Path, piece: Piece) -> dict[str, Any]:
    """Return what a piece holds, on the CPU. Nothing in it is ever run.

    Raises:
        StoreError: when it is not whole, or holds more than tensors and plain values.
    """
    problem = problem_of(folder, piece)
    if problem is not None:
        raise StoreError(f"`{folder / piece.file}` {problem}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles that it then refuses
            state = torch.load(folder / piece.file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise StoreError(f"`{folder / piece.file}` cannot be read ({error.strerror or error})") from error
    except pickle.UnpicklingError as error:
        first = str(error).partition("\n")[0]
        raise StoreError(
            f"`{folder / piece.file}` holds more than tensors and plain values, so it was not written by autofix_nb: "
            f"it is refused, and nothing in it was run. Do not load it by other means unless you trust it ({first})"
        ) from None
    except Exception as error:
        raise StoreError(f"`{folder / piece.file}` is no file of torch's: {type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise StoreError(f"`{folder / piece.file}` holds a {type(state).__name__}, wanted a dict")
    return state


def sync(file: IO[Any]) -> None:
    """Have the system put a file on the disk."""
    file.flush()
    os.fsync(file.fileno())


def write_synced(path: Path, text: str) -> None:
    """Write a small text file and put it on the disk."""
    # Names of files that are no UTF-8 reach us as lone surrogates, which UTF-8 cannot hold.
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
        sync(file)


def write_atomically(path: Path, text: str) -> None:
    """Write a small text file so that a reader sees the old text or the new one, never half of it."""
    new = path.with_name(path.name + NEW)
    write_synced(new, text)
    os.replace(new, path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_line(path: Path) -> bytes:
    """Return the first line of a file, empty where there is none: a journal's says when which run was begun."""
    try:
        with path.open("rb") as file:
            return file.readline().rstrip(b"\n")
    except OSError:
        return b""


def _problem(path: Path, piece: Piece) -> str | None:
    # A link could lead out of the folder, and reading a pipe would wait for ever.
    if path.is_symlink() or not path.is_file():
        return "is no file" if path.exists() or path.is_symlink() else "is missing"
    size = path.stat().st_size
    if size != piece.bytes:
        return f"has {size} bytes, its manifest says {piece.bytes}"
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return None if sha256 == piece.sha256 else "has another SHA-256 than its manifest says"
