"""The checkpoints of a run in one folder: manifests that name immutable pieces.

A checkpoint is believed only if its manifest's own hash holds and every piece has its size and SHA-256. Nothing is
ever overwritten, so whatever is cut off or damaged, the newest whole checkpoint is still there. Right before a manifest
takes its name, and before anything is tidied away, it is asked whether the folder is this training's still: a thread
may have slept, with its whole machine, until long after another one took over.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from autofix_nb.checkpoints import manifest as manifests
from autofix_nb.checkpoints import pieces as files
from autofix_nb.checkpoints.manifest import Checkpoint, make_manifest, read_manifest
from autofix_nb.checkpoints.pieces import NEW, Piece, problem_of, write_piece, write_synced
from autofix_nb.checkpoints.reading import Reader
from autofix_nb.errors import StoreError

KEPT = 5
"""Checkpoints that stay in the folder."""


class LostPiece(StoreError):
    """A piece that an older checkpoint had written is damaged by now: it must be written again."""

    def __init__(self, names: list[str], said: str) -> None:
        super().__init__(said)
        self.names = names


class NotOurs(StoreError):
    """The folder is another training's by now: no checkpoint was written, and nothing was deleted."""


class Store(Reader):
    """Checkpoints in one folder: written, listed, checked, read."""

    def __init__(self, folder: Path, writable: bool = True) -> None:
        """Make the folder, unless it is only read from.

        Raises:
            StoreError: when it cannot be made or written.
        """
        super().__init__(folder)
        self.hold: Callable[[], AbstractContextManager[bool]] = lambda: contextlib.nullcontext(True)
        """Tells whether the folder is this training's, and keeps it so until the block is over."""

        self._number: int | None = None
        """The last number that was given out; None before the first."""

        if not writable:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.write_bytes(b"")
            probe.unlink(missing_ok=True)  # another kernel may be looking, too
        except OSError as error:
            raise StoreError(
                f"`store`: {str(folder.parent)!r} cannot be written ({error.strerror or error}); wanted a folder to "
                "keep the run in. Give another one with `store=`"
            ) from error

    def take_number(self) -> int:
        """Return the number of the checkpoint whose state is being copied now. Only the first time is the disk asked.

        Who comes after a thread that sleeps has the higher number so, however late the thread wakes.
        """
        self._number = (self._highest() if self._number is None else self._number) + 1
        return self._number

    def count(self) -> None:
        """Look which numbers there are: who comes from now on, and is not told of, is a stranger."""
        self._number = self._highest()

    def is_overtaken(self) -> bool:
        """Tell whether another training has saved here since: there are numbers that were not given out."""
        here = Reader(self.folder).checkpoints()  # asked from other threads, and `problems` belongs to one
        return self._number is not None and any(one.number > self._number for one in here)

    def save(self, pieces: Mapping[str, Any], about: Mapping[str, Any]) -> Checkpoint:
        """Write a checkpoint, read it back, tidy older ones away, and return it.

        A piece is a state dict to write, or a `Piece` that lies here already. `about` says where the run is, `step`
        (a whole number) at least; it is plain values and stands in the manifest. Its `number` is what `take_number`
        returned when the state was copied; without one the next is taken.

        Raises:
            LostPiece: when a piece given as `Piece` is not whole any more; nothing was written.
            NotOurs: when the folder is another training's by now.
            StoreError: when a state holds what only a pickle could hold, or reads back otherwise than written.
            OSError, RuntimeError: when the disk refuses. Whatever is raised, all older checkpoints are still there.
        """
        about = dict(about)
        number = int(about.pop("number", 0)) or 1 + self._highest()
        with self._ours(number):
            pass  # rather than gigabytes in another one's folder
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
        checkpoint, text = make_manifest(number, {name: known[name] for name in pieces}, about)
        path = self.folder / checkpoint.file
        new = path.with_name(path.name + NEW)
        with self._ours(number):
            write_synced(new, text)
            os.replace(new, path)
        self._sync_folder()
        if read_manifest(path).pieces != checkpoint.pieces:
            raise StoreError(f"`{path}` reads back otherwise than it was written")
        # A process that slept in mid-save, and tidies when it wakes, does not know what is not named yet.
        gone = [piece.file for piece in known.values() if _size_of(self.folder / piece.file) != piece.bytes]
        if gone:
            raise OSError(errno.EIO, f"{', '.join(gone)} vanished while the checkpoint was written")
        with contextlib.suppress(OSError, NotOurs), self._ours(number, checkpoint):
            self._tidy(checkpoint)
        return checkpoint

    @contextlib.contextmanager
    def _ours(self, number: int, own: Checkpoint | None = None) -> Any:
        """Keep the folder this training's for the length of the block; its checkpoint is `own`, or not written yet.

        Raises:
            NotOurs: when it is another's, or another has written checkpoints of this number or a higher one.
            OSError: when it cannot be asked.
        """
        with self.hold() as ours:
            later = {one.file for one in Reader(self.folder).checkpoints() if one.number >= number}
            if not ours or later - {own.file if own else ""}:
                raise NotOurs(
                    f"`{self.folder}` is in the hands of another training by now; nothing more is saved from this one"
                )
            yield

    def _highest(self) -> int:
        return max((one.number for one in Reader(self.folder).checkpoints()), default=0)

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
