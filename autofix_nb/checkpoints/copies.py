"""One run's copies at a place: each piece under its own name, read back and compared, and the manifest last.

Names of pieces and manifests hold the beginning of their hash, so nothing is overwritten; a piece that is cut off is
never named by a whole manifest. The small files of the run, which grow, are copied before the manifest.
A read-back proves what the place answers now. On Drive the answer may come from this machine's own cache: that the file
has left the machine, only `flush_and_unmount` makes sure (googlecolab/colabtools#287, #659).
"""

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from autofix_nb.checkpoints.manifest import FILE as MANIFEST_FILE
from autofix_nb.checkpoints.manifest import Checkpoint, NewerFormat, read_manifest
from autofix_nb.checkpoints.pictures import pictures_here
from autofix_nb.checkpoints.pieces import FILE as PIECE_FILE
from autofix_nb.checkpoints.pieces import NEW, Piece, first_line, sha256_of
from autofix_nb.checkpoints.places import Place
from autofix_nb.checkpoints.store import NotOurs
from autofix_nb.errors import StoreError

RUN_FILES = (
    "run.json",
    "journal.jsonl",
    "history.jsonl",
    "facts.json",
    "quarantine/samples.jsonl",
    "signals.npz",
    "summary.json",
    "report.html",
)
"""What a fresh machine needs of a run besides its checkpoints, or people want to see at the place."""

LEASE_FILE = "lease.json"
"""Who trains: copied so that a kernel on another machine can be told, and never fetched, as it speaks of this one."""

KEPT = 2
"""Checkpoints that stay at the place, with what they name."""

SPARE_BYTES = 16 * 2**20
"""Room that is left free beside what is copied."""

FOLDER = "checkpoints"
"""Where the checkpoints lie in a run's folder, here and there."""


class NotHere(StoreError):
    """What was to be copied is not on this machine any more: newer checkpoints took its place."""


class Copies:
    """The copies of the run in `folder` at a place, under the name of that folder."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.name = folder.name
        self.may: Callable[[], bool] = lambda: True
        """Whether the run is still this training's; asked right before a manifest is written or anything is deleted."""

        self.moved_to = ""
        """Where another run of the same name was put, if there was one."""

        self._verified: set[str] = set()
        self._manifests: dict[str, Checkpoint] = {}
        self._files: dict[str, str] = {}
        """SHA-256 of the run's small files as they were copied last."""

        self._is_ours = False

    def carry(self, checkpoint: Checkpoint, pieces_in: Path) -> int:
        """Copy a checkpoint and the run's small files, and return the bytes that were copied.

        What an earlier attempt brought there and proved is not copied again.

        Raises:
            NotHere: when a piece is not on this machine any more.
            NotOurs: when the run is another training's by now.
            OSError, and what the place's library raises: when it could not be copied. What was there is there still.
        """
        self._ask()
        self._make_way()
        there = self.place.sizes(self._path(FOLDER))
        missing = [piece for piece in checkpoint.pieces.values() if not self._is_there(piece, there)]
        self._make_room(sum(piece.bytes for piece in missing), there, checkpoint)
        done = sum(self._copy(self._path(FOLDER, one.file), pieces_in / one.file, one.sha256) for one in missing)
        self._ask()
        pictures = pictures_here(self.folder, besides=self._files)  # each is written once and stays as it is
        done += sum(self._copy_file(file) for file in (*pictures, *RUN_FILES, LEASE_FILE))
        if checkpoint.file not in self.checkpoints():
            there = self.place.sizes(self._path(FOLDER))
            if not all(self._is_there(piece, there) for piece in checkpoint.pieces.values()):
                raise OSError(errno.EIO, f"a piece vanished from {self.place.title} while the others were copied")
            manifest = pieces_in / checkpoint.file
            self._ask()
            done += self._copy(self._path(FOLDER, checkpoint.file), manifest, sha256_of(manifest))
        self._manifests[checkpoint.file] = checkpoint
        self._ask()
        self._tidy(KEPT, checkpoint)
        return done

    def checkpoints(self) -> dict[str, Checkpoint]:
        """Return the checkpoints whose manifests at the place are whole, by file, newest first.

        Raises:
            NewerFormat: when one was written by a newer version.
        """
        there = [name.rpartition("/")[2] for name in self.place.sizes(self._path(FOLDER))]
        found = {}
        for file in filter(MANIFEST_FILE.fullmatch, there):
            if file not in self._manifests:
                try:
                    with tempfile.TemporaryDirectory() as here:
                        self.fetch(self._path(FOLDER, file), Path(here) / file)
                        self._manifests[file] = read_manifest(Path(here) / file)
                except NewerFormat:
                    raise
                except StoreError:
                    continue
            found[file] = self._manifests[file]
        return dict(sorted(found.items(), key=lambda one: one[1].age, reverse=True))

    def fetch(self, name: str, to: Path) -> str:
        """Copy a file of the place to this machine, and return the SHA-256 of what came."""
        sha256 = hashlib.sha256()
        with to.open("wb") as file:
            for block in self._blocks(name):
                sha256.update(block)
                file.write(block)
        return sha256.hexdigest()

    def fetch_piece(self, piece: Piece, to: Path) -> bool:
        """Copy a piece to this machine; returns whether every byte of it came."""
        return self.fetch(self._path(FOLDER, piece.file), to) == piece.sha256

    def fetch_file(self, file: str) -> bytes | None:
        """Return one of the run's small files, or None where it is not."""
        sizes = self.place.sizes(self.name)
        # Emptied, but not yet replaced: what was to replace it is there in full.
        for name in (self._path(file), self._path(file) + NEW):
            if sizes.get(name):
                return b"".join(self._blocks(name))
        return None

    def is_another_run(self) -> bool:
        """Tell whether the place holds another run of this name: their journals begin differently."""
        ours = first_line(self.folder / "journal.jsonl")
        theirs = (self.fetch_file("journal.jsonl") or b"").partition(b"\n")[0]
        return bool(ours and theirs and ours != theirs)

    def _ask(self) -> None:
        if not self.may():
            raise NotOurs(f"the run in `{self.folder}` is another training's by now; nothing more is copied from here")

    def _make_way(self) -> None:
        """Give another run of the same name at the place another name; nothing of it is deleted."""
        if self._is_ours:
            return
        if self.is_another_run():
            number = 1
            while self.place.sizes(f"{self.name}.before-{number}"):
                number += 1
            self.moved_to = f"{self.name}.before-{number}"
            self.place.rename(self.name, self.moved_to)
        self._is_ours = True

    def _make_room(self, wanted: int, there: dict[str, int], carried: Checkpoint) -> None:
        """Have room for `wanted` bytes; if need be, by deleting all but the newest checkpoint that is whole there.

        Raises:
            OSError: (28) when there is too little.
        """
        free = self.place.free()
        if free is None or free >= wanted + SPARE_BYTES or not wanted:
            return
        newest = next(iter(self.checkpoints().values()), None)
        if newest is not None and all(self._is_there(piece, there) for piece in newest.pieces.values()):
            self._ask()
            self._tidy(1, carried)
            free = self.place.free()
        if free is not None and free < wanted:
            said = f"{wanted / 1e6:.0f} MB wanted and {free / 1e6:.0f} MB free in {self.place.title}: make some room"
            raise OSError(errno.ENOSPC, said)

    def _is_there(self, piece: Piece, there: dict[str, int]) -> bool:
        name = self._path(FOLDER, piece.file)
        if there.get(name) != piece.bytes:
            return False
        if name not in self._verified and self._reads_back(name, piece.sha256):
            self._verified.add(name)
        return name in self._verified

    def _copy(self, name: str, source: Path, sha256: str) -> int:
        try:
            size = source.stat().st_size
        except FileNotFoundError as error:
            raise NotHere(f"`{source}` was tidied away before it could be copied") from error
        self.place.write(name, source)
        if not self._reads_back(name, sha256):
            raise OSError(errno.EIO, f"{self.place.title} gave back other bytes than were written", name)
        self._verified.add(name)
        return size

    def _copy_file(self, file: str) -> int:
        """Copy one of the run's small files as it is at this moment, unless it is there like that."""
        try:
            data = (self.folder / file).read_bytes()
        except FileNotFoundError:
            return 0
        sha256 = hashlib.sha256(data).hexdigest()
        if self._files.get(file) == sha256 or not data:
            return 0
        with tempfile.TemporaryDirectory() as here:  # the journal may grow while it is being copied
            still = Path(here) / "file"
            still.write_bytes(data)
            self._copy(self._path(file), still, sha256)
        self._files[file] = sha256
        return len(data)

    def _tidy(self, kept: int, carried: Checkpoint | None = None) -> None:
        """Delete all but the newest `kept` checkpoints and the one just carried; manifests first, then pieces."""
        checkpoints = list(self.checkpoints().values())
        staying = checkpoints[:kept] + [one for one in checkpoints[kept:] if carried and one.file == carried.file]
        for old in checkpoints:
            if old not in staying:
                self.place.delete(self._path(FOLDER, old.file))
                self._manifests.pop(old.file, None)
        staying += [carried] if carried else []  # whose manifest may not be there yet
        named = {piece.file for one in staying for piece in one.pieces.values()}
        for name in self.place.sizes(self._path(FOLDER)):
            file = name.rpartition("/")[2]
            if file not in named and (PIECE_FILE.fullmatch(file) or file.endswith(NEW)):
                self.place.delete(name)
                self._verified.discard(name)

    def _reads_back(self, name: str, sha256: str) -> bool:
        found = hashlib.sha256()
        for block in self._blocks(name):
            found.update(block)
        return found.hexdigest() == sha256

    def _blocks(self, name: str) -> Iterator[bytes]:
        with self.place.open(name) as file:
            while block := file.read(2**20):
                yield block

    def _path(self, *parts: str) -> str:
        return "/".join((self.name, *parts))
