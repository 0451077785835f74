"""Checkpoints read from a folder, also while a training saves into it and tidies: the newest that is whole.

Where none is, as one damaged file may belong to all of them, the newest that can be gone on from counts, without what
is lost, and it says what that is.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from autofix_nb.checkpoints import manifest as manifests
from autofix_nb.checkpoints.manifest import Checkpoint, NewerFormat, read_manifest
from autofix_nb.checkpoints.pieces import load_piece, problem_of
from autofix_nb.errors import StoreError

FORMAT_1 = ("last.pt", "last.old.pt")
"""Files by which a folder of format 1 is known; it was never released."""

NEEDED = ("state", "before")
"""Pieces without which nobody can go on: without the second, undoing a change on trial would put wrong weights back."""

LOOKS = 20
"""Times that a folder is looked through while a training tidies it: each time it had saved anew meanwhile."""


class Reader:
    """The checkpoints in one folder: listed, checked, read. Nothing is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        """What was passed over at the last look, and why; a sentence each, beginning with the file's name."""

        self._is_shared = False
        """Whether a newer version wrote here, too."""

    @property
    def is_empty(self) -> bool:
        """Whether no checkpoint was ever finished here; pieces of one that was cut off do not count."""
        return not self._manifests() and not self._is_format_1()

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
        return "; ".join(self._wrong(checkpoint).values()) or None

    def newest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, every byte checked, or None. `problems` says what was passed over."""
        return next((checkpoint for checkpoint, wrong in self._looked_through() if not wrong), None)

    def whole(self) -> Checkpoint:
        """Return the newest whole checkpoint.

        Raises:
            StoreError: when there is none; the message says what is wrong with each that is there.
        """
        checkpoint = self.newest()
        if checkpoint is None:
            raise self._nothing()
        return checkpoint

    def salvaged(self) -> Checkpoint | None:
        """Return the newest whole checkpoint; where there is none, the newest that can be gone on from, or None.

        The second has the pieces that are whole; `lost` says what is wrong with the others.
        """
        broken = []
        for checkpoint, wrong in self._looked_through():
            if not wrong:
                return checkpoint
            broken.append((checkpoint, wrong))
        for checkpoint, wrong in broken:
            if not wrong.keys() & set(NEEDED):
                there = {name: piece for name, piece in checkpoint.pieces.items() if name not in wrong}
                newer = [one.file for one, _ in broken[: broken.index((checkpoint, wrong))]]
                older = {one.file for one, _ in broken} - set(newer)
                self.problems = [one for one in self.problems if one.partition(":")[0] not in older]
                return replace(checkpoint, pieces=there, lost=wrong)
        return None

    def resumable(self) -> Checkpoint:
        """Return what `salvaged` does.

        Raises:
            StoreError: when there is nothing to go on from; the message says what is wrong with each that is there.
        """
        checkpoint = self.salvaged()
        if checkpoint is None:
            raise self._nothing()
        return checkpoint

    def load(self, checkpoint: Checkpoint, piece: str) -> dict[str, Any]:
        """Return what one piece holds, on the CPU, every byte checked. Nothing in it is run.

        Raises:
            StoreError: when there is no such piece, it is not whole, or holds more than tensors and plain values.
        """
        if piece in checkpoint.lost:
            said = checkpoint.lost[piece]
            raise StoreError(f"`{self.folder / checkpoint.file}` has lost its piece {piece!r}: {said}")
        if piece not in checkpoint.pieces:
            raise StoreError(
                f"`{self.folder / checkpoint.file}` has no piece {piece!r}; it has {sorted(checkpoint.pieces)}"
            )
        return load_piece(self.folder, checkpoint.pieces[piece])

    def read(self, *names: str) -> tuple[Checkpoint, dict[str, dict[str, Any]]]:
        """Return the newest checkpoint whose state is whole, and what those of the named pieces hold that it has.

        For those who only read. Nothing else of it is looked at; `lost` says what is wrong with named pieces. A
        training that tidies a piece away while it is being read has saved a newer one: that is taken then.

        Raises:
            StoreError: when there is nothing to read, or a piece holds more than tensors and plain values.
        """
        for left in reversed(range(LOOKS)):
            both = next((one for one in self._looked_through({"state", *names}) if "state" not in one[1]), None)
            if both is None:
                raise self._nothing()
            checkpoint = replace(both[0], lost=both[1])
            there = [name for name in names if name in checkpoint.pieces and name not in checkpoint.lost]
            try:
                return checkpoint, {name: self.load(checkpoint, name) for name in there}
            except StoreError:
                if not left or (self.folder / checkpoint.file).exists():
                    raise
        raise AssertionError

    def _looked_through(self, names: Collection[str] | None = None) -> Iterator[tuple[Checkpoint, dict[str, str]]]:
        """Yield the checkpoints, newest first, with what is wrong with their pieces (or those of `names`) by name.

        Where a training saved and tidied meanwhile, those of before are forgotten and it begins again: only the last
        list tells what is damaged. So a caller takes the first that will do, or looks at the whole of it.
        """
        for left in reversed(range(LOOKS)):
            found, looked = self.checkpoints(), []
            for checkpoint in found:
                wrong = self._wrong(checkpoint, names)
                if not wrong:
                    yield from looked
                    yield checkpoint, wrong
                    return
                looked.append((checkpoint, wrong))
                self.problems.append(f"{checkpoint.file}: {'; '.join(wrong.values())}")
            known = {one.file for one in found}
            if not left or all(path.name in known or not _is_readable(path) for path in self._manifests()):
                yield from looked
                return

    def _wrong(self, checkpoint: Checkpoint, names: Collection[str] | None = None) -> dict[str, str]:
        wrong = {}
        for name, piece in checkpoint.pieces.items():
            if names is not None and name not in names:
                continue
            problem = problem_of(self.folder, piece)
            if problem is not None:
                wrong[name] = f"{piece.file} {problem}"
        if "state" not in checkpoint.pieces:
            wrong["state"] = "there is no piece `state`"
        return wrong

    def _nothing(self) -> StoreError:
        why = "; ".join(self.problems) or "nothing was saved here"
        return StoreError(
            f"`{self.folder}` holds no whole checkpoint: {why}. "
            "Start anew with `resume=False` (the old folder is kept under another name)"
        )

    def _manifests(self) -> list[Path]:
        try:
            return [path for path in sorted(self.folder.iterdir()) if manifests.FILE.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    def _is_format_1(self) -> bool:
        return any((self.folder / name).exists() for name in FORMAT_1)


def _is_readable(path: Path) -> bool:
    try:
        read_manifest(path)
    except StoreError:
        return False
    return True
