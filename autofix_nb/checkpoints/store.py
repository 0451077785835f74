"""The checkpoints of a run in one folder: manifests that name immutable pieces.

A checkpoint is believed only if its manifest's own hash holds and every piece has its size and SHA-256. Nothing is
ever overwritten, so whatever is cut off or damaged, the newest whole checkpoint is still there.
"""

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autofix_nb.checkpoints import manifest as manifests
from autofix_nb.checkpoints import pieces as files
from autofix_nb.checkpoints.manifest import Checkpoint, NewerFormat, make_manifest, read_manifest
from autofix_nb.checkpoints.pieces import NEW, Piece, load_piece, problem_of, write_piece, write_synced
from autofix_nb.errors import StoreError

KEPT = 5
"""Checkpoints that stay in the folder."""

FORMAT_1 = ("last.pt", "last.old.pt")
"""Files by which a folder of format 1 is known; it was never released."""


class LostPiece(StoreError):
    """A piece that an older checkpoint had written is damaged by now: it must be written again."""

    def __init__(self, names: list[str], said: str) -> None:
        super().__init__(said)
        self.names = names


class Store:
    """Checkpoints in one folder: written, listed, checked, read."""

    def __init__(self, folder: Path, writable: bool = True) -> None:
        """Make the folder, unless it is only read from.

        Raises:
            StoreError: when it cannot be made or written.
        """
        self.folder = folder
        self.problems: list[str] = []
        """What was passed over at the last look, and why; a sentence each, beginning with the file's name."""

        self._is_shared = False
        """Whether a newer version wrote here, too."""

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

    @property
    def is_empty(self) -> bool:
        """Whether no checkpoint was ever finished here; pieces of one that was cut off do not count."""
        return not self._manifests() and not self._is_format_1()

    def save(self, pieces: Mapping[str, Any], about: Mapping[str, Any]) -> Checkpoint:
        """Write a checkpoint, read it back, tidy older ones away, and return it.

        A piece is a state dict to write, or a `Piece` that lies here already. `about` says where the run is, `step`
        (a whole number) at least; it is plain values and stands in the manifest.

        Raises:
            LostPiece: when a piece given as `Piece` is not whole any more; nothing was written.
            StoreError: when a state holds what only a pickle could hold, or reads back otherwise than written.
            OSError, RuntimeError: when the disk refuses. Whatever is raised, all older checkpoints are still there.
        """
        known = {name: piece for name, piece in pieces.items() if isinstance(piece, Piece)}
        lost = {name: problem for name, piece in known.items() if (problem := problem_of(self.folder, piece))}
        if lost:
            said = "; ".join(f"{known[name].file} {problem}" for name, problem in lost.items())
            raise LostPiece(list(lost), f"`{self.folder}`: {said}")
        step = int(about["step"])
        for name, piece in pieces.items():
            if name not in known:
                known[name] = write_piece(self.folder, name, step, piece)
        self._sync_folder()
        number = 1 + max((one.number for one in self.checkpoints()), default=0)
        checkpoint, text = make_manifest(number, {name: known[name] for name in pieces}, about)
        path = self.folder / checkpoint.file
        new = path.with_name(path.name + NEW)
        write_synced(new, text)
        os.replace(new, path)
        self._sync_folder()
        if read_manifest(path).pieces != checkpoint.pieces:
            raise StoreError(f"`{path}` reads back otherwise than it was written")
        # A process that slept in mid-save, and tidies when it wakes, does not know what is not named yet.
        gone = [piece.file for piece in known.values() if _size_of(self.folder / piece.file) != piece.bytes]
        if gone:
            raise OSError(errno.EIO, f"{', '.join(gone)} vanished while the checkpoint was written")
        self._tidy(checkpoint)
        return checkpoint

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints whose manifests are whole, newest first. Their pieces are not looked at."""
        self.problems = []
        self._is_shared = False
        found = []
        for path in self._manifests():
            try:
                found.append(read_manifest(path))
            except StoreError as error:
                self._is_shared |= isinstance(error, NewerFormat)
                self.problems.append(f"{path.name} {error}")
        if not found and self._is_format_1():
            self.problems.append("last.pt was written by a version before the first release, which nothing reads now")
        return sorted(found, key=lambda one: one.age, reverse=True)

    def problem(self, checkpoint: Checkpoint) -> str | None:
        """Return what is wrong with a checkpoint's pieces, or None when it is whole. Every byte is read."""
        wrong = {piece.file: problem_of(self.folder, piece) for piece in checkpoint.pieces.values()}
        said = [f"{file} {problem}" for file, problem in wrong.items() if problem]
        if "state" not in checkpoint.pieces:
            said.append("there is no piece `state`")
        return "; ".join(said) or None

    def newest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, every byte checked, or None. `problems` says what was passed over."""
        for checkpoint in self.checkpoints():
            problem = self.problem(checkpoint)
            if problem is None:
                return checkpoint
            self.problems.append(f"{checkpoint.file}: {problem}")
        return None

    def whole(self) -> Checkpoint:
        """Return the newest whole checkpoint.

        Raises:
            StoreError: when there is none; the message says what is wrong with each that is there.
        """
        checkpoint = self.newest()
        if checkpoint is not None:
            return checkpoint
        why = "; ".join(self.problems) or "nothing was saved here"
        raise StoreError(
            f"`{self.folder}` holds no whole checkpoint: {why}. "
            "Start anew with `resume=False` (the old folder is kept under another name)"
        )

    def load(self, checkpoint: Checkpoint, piece: str) -> dict[str, Any]:
        """Return what one piece holds, on the CPU, every byte checked. Nothing in it is run.

        Raises:
            StoreError: when there is no such piece, it is not whole, or holds more than tensors and plain values.
        """
        if piece not in checkpoint.pieces:
            raise StoreError(
                f"`{self.folder / checkpoint.file}` has no piece {piece!r}; it has {sorted(checkpoint.pieces)}"
            )
        return load_piece(self.folder, checkpoint.pieces[piece])

    def _manifests(self) -> list[Path]:
        try:
            return [path for path in sorted(self.folder.iterdir()) if manifests.FILE.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    def _is_format_1(self) -> bool:
        return any((self.folder / name).exists() for name in FORMAT_1)

    def _tidy(self, newest: Checkpoint) -> None:
        """Delete what no kept checkpoint names. The newest was read back, byte for byte, before this."""
        found = self.checkpoints()
        kept = found[:KEPT]
        if self._is_shared or newest.file not in {one.file for one in kept}:
            return  # a newer version's, or not the folder of a moment ago: leave it alone
        staying = {one.file for one in kept} | {piece.file for one in kept for piece in one.pieces.values()}
        readable, oldest = {one.file for one in found}, min(one.step for one in kept)
        # Manifests first: cut off in between, pieces without a manifest are left, and not the other way round.
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name.startswith("step-"), reverse=True):
            if path.name in staying:
                continue
            manifest = manifests.FILE.fullmatch(path.name)
            if manifest and path.name not in readable and int(manifest[1]) >= oldest:
                continue  # damaged, and not long overtaken: somebody may want to look at it
            if manifest or files.FILE.fullmatch(path.name) or path.name.endswith((f".pt{NEW}", f".json{NEW}")):
                with contextlib.suppress(OSError):  # a file that stays behind costs room and nothing else
                    path.unlink()

    def _sync_folder(self) -> None:
        """Have the system put the folder's names on the disk, where it can (not on Windows, not on every mount)."""
        with contextlib.suppress(OSError):
            place = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(place)
            finally:
                os.close(place)


def _size_of(path: Path) -> int:
    """Return the bytes of a file; -1 where it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
