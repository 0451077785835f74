"""At a start the newest whole checkpoint wins, wherever it is: on this machine, or at the place of the copies.

Of one run, the newest is the one with the highest number, which counts its saves. Where the place holds another run of
the same name, what was written last wins, and the other is kept under another name.
"""

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from autofix_nb.checkpoints.copies import FOLDER, RUN_FILES, Copies
from autofix_nb.checkpoints.manifest import Checkpoint, NewerFormat, read_manifest
from autofix_nb.checkpoints.pictures import pictures_at
from autofix_nb.checkpoints.pieces import NEW, problem_of, sync
from autofix_nb.checkpoints.reading import NEEDED
from autofix_nb.checkpoints.store import Store
from autofix_nb.errors import StoreError

PAUSES_SECONDS = (1.0, 5.0)
"""Waits between attempts to read the place at a start: a mount's second answer is often better than its first."""

Answer = TypeVar("Answer")


@dataclass
class Newest:
    """Where the newest whole checkpoint is, and why it is that one."""

    where: Literal["here", "there", "nowhere"]
    says: str = ""
    """One sentence with the reason; empty where there was nothing to choose from."""

    checkpoint: Checkpoint | None = None
    problems: list[str] = field(default_factory=list)
    """What was passed over or could not be asked, and why."""


def newest_of(copies: Copies, sleep: Callable[[float], Any] = time.sleep) -> Newest:
    """Find the newest whole checkpoint, and fetch it with the run's small files if it is not on this machine.

    Raises:
        StoreError: when nothing whole is here and the place cannot be read, or holds nothing whole either: to begin
            anew in silence would lose what may be there.
    """
    store = Store(copies.folder / FOLDER, writable=False)
    here = store.newest()
    problems = list(store.problems)
    salvaged = store.salvaged() if here is None else None
    title = copies.place.title
    try:
        there = list(_persistently(copies.checkpoints, sleep).values())
        other = _persistently(copies.is_another_run, sleep)
    except Exception as error:  # libraries of places raise their own kinds
        if here is None:
            raise StoreError(
                f"`store`: {title} cannot be read ({_words(error)}), and there is no whole checkpoint on this machine. "
                "A run of this name may be there: try again, or begin anew with `resume=False`"
            ) from error
        says = f"went on from step {here.step}, saved on this machine, as {title} cannot be read ({_words(error)})"
        return Newest("here", says, here, [*problems, f"{title} cannot be read: {_words(error)}"])
    rivals = [one for one in there if here is None or _is_newer(one, here, other)]
    aside = _put_aside(copies.folder) if rivals and other and here is not None else None
    found = None
    try:
        found = _fetched(copies, rivals, problems, sleep)
        if found is None and here is None and salvaged is None:
            found = _fetched(copies, rivals, problems, sleep, needed=NEEDED)
    finally:
        if found is None and aside is not None:
            shutil.rmtree(copies.folder, ignore_errors=True)
            aside.rename(copies.folder)
    if found is not None:
        if aside is not None:
            problems.append(f"another run of this name, which was on this machine, is kept in {str(aside)!r}")
        compared = "nothing whole is on this machine" if here is None else f"newer than step {here.step} here"
        says = f"went on from step {found.step}, fetched from {title}, written {_written(found)}: {compared}"
        return Newest("there", says, found, problems)
    here = here or salvaged
    if here is not None:
        step = max((one.step for one in there if not other), default=None)
        failed = ", which could not be fetched whole" if any(one.step == step for one in rivals) else ""
        compared = f"{title} has no copy" if step is None else f"the newest copy in {title} is of step {step}{failed}"
        says = f"went on from step {here.step}, saved on this machine, written {_written(here)}: {compared}"
        return Newest("here", says, here, problems)
    if there:
        raise StoreError(
            f"`store`: {title} holds no whole checkpoint: {'; '.join(problems)}. Try again, or begin anew with "
            "`resume=False` (what is there is kept under another name)"
        )
    return Newest("nowhere", problems=problems)


def _is_newer(there: Checkpoint, here: Checkpoint, other: bool) -> bool:
    return _written(there) > _written(here) if other else there.age > here.age


def _fetched(
    copies: Copies,
    rivals: list[Checkpoint],
    problems: list[str],
    sleep: Callable[[float], Any],
    needed: Collection[str] | None = None,
) -> Checkpoint | None:
    """Bring the newest of these checkpoints here that can be had whole, and the run's small files; None for none.

    With `needed` it is enough that these pieces of it are whole. Of one that fails half-way nothing stays here.
    """
    title = copies.place.title
    for one in rivals:
        made: list[Path] = []
        is_whole = False
        try:
            is_whole = _persistently(lambda one=one, made=made: _fetch(copies, one, problems, made, needed), sleep)
        except Exception as error:  # noqa: BLE001 - libraries of places raise their own kinds, and this disk may be full
            problems.append(f"{one.file} at {title} could not be fetched: {_words(error)}")
        finally:
            for path in () if is_whole else made:
                with contextlib.suppress(OSError):
                    path.unlink()
        if is_whole:
            return one
    return None


def _fetch(
    copies: Copies, checkpoint: Checkpoint, problems: list[str], made: list[Path], needed: Collection[str] | None
) -> bool:
    """Bring a checkpoint here, its manifest last; returns whether it was whole. `made` gets the files that are new."""
    folder = copies.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if "state" not in checkpoint.pieces:
        problems.append(f"{checkpoint.file} at {copies.place.title} has no piece `state`")
        return False
    for name, piece in checkpoint.pieces.items():
        if problem_of(folder, piece) is None:
            continue
        with _new(folder / piece.file, made) as new:
            if not copies.fetch_piece(piece, new):
                said = f"{piece.file} at {copies.place.title} has another SHA-256 than its manifest says"
                problems.extend([said] if said not in problems else [])
                new.unlink()
                if needed is None or name in needed:
                    return False
                continue
            with new.open("rb+") as file:
                sync(file)
    _fetch_files(copies)
    with _new(folder / checkpoint.file, made) as new:
        copies.fetch(f"{copies.name}/{FOLDER}/{checkpoint.file}", new)
    if read_manifest(folder / checkpoint.file).pieces != checkpoint.pieces:
        raise StoreError(f"`{folder / checkpoint.file}` came otherwise than it was read before")
    return True


@contextlib.contextmanager
def _new(path: Path, made: list[Path]) -> Iterator[Path]:
    """Give a file another name while it is being made. It gets its own when the block ends well, and goes otherwise."""
    # A name that nobody else has: another kernel may be fetching the same, and would write into this very file.
    new = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:12]}{path.suffix}{NEW}")
    try:
        yield new
        if new.exists():
            new.replace(path)
            made.append(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def _fetch_files(copies: Copies) -> None:
    """Bring the run's small files and pictures; what only grew here stays, and a journal is never thrown away."""
    for file in RUN_FILES:
        theirs = copies.fetch_file(file)
        path = copies.folder / file
        ours = path.read_bytes() if path.exists() else b""
        if theirs is None or ours.startswith(theirs):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with _new(path, []) as new:
            new.write_bytes(theirs)
            if file == "journal.jsonl" and not theirs.startswith(ours):
                path.replace(_free_name(copies.folder, "journal.before-{}.jsonl"))
    for file in pictures_at(copies.place, copies.name):
        path = copies.folder / file
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Exception), _new(path, []) as new:  # a run is whole without its pictures
            copies.fetch(f"{copies.name}/{file}", new)


def _put_aside(folder: Path) -> Path:
    target = _free_name(folder.parent, folder.name.replace("{", "{{").replace("}", "}}") + ".before-{}")
    folder.rename(target)
    return target


def _free_name(folder: Path, pattern: str) -> Path:
    number = 1
    while (path := folder / pattern.format(number)).exists():
        number += 1
    return path


def _persistently(ask: Callable[[], Answer], sleep: Callable[[float], Any]) -> Answer:
    for pause in PAUSES_SECONDS:
        try:
            return ask()
        except NewerFormat:
            raise
        except Exception:  # noqa: BLE001 - whatever the place's library raises may pass
            sleep(pause)
    return ask()


def _written(checkpoint: Checkpoint) -> str:
    return str(checkpoint.about.get("written", ""))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
