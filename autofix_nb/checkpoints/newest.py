"""At a start the newest whole checkpoint wins, wherever it is: on this machine, or at the place of the copies.

Of one run, the newest is the one with the highest number, which counts its saves. Where the place holds another run of
the same name, what was written last wins, and the other is kept under another name.
"""

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from autofix_nb.checkpoints.copies import FOLDER, RUN_FILES, Copies
from autofix_nb.checkpoints.manifest import Checkpoint, NewerFormat
from autofix_nb.checkpoints.pieces import NEW, problem_of, sync
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
    for one in rivals:
        try:
            if not _persistently(lambda one=one: _fetch(copies, one, problems), sleep):
                continue
            _persistently(lambda: _fetch_files(copies), sleep)
        except Exception as error:  # noqa: BLE001 - as above
            problems.append(f"{one.file} at {title} cannot be read: {_words(error)}")
            continue
        if aside is not None:
            problems.append(f"another run of this name, which was on this machine, is kept in {str(aside)!r}")
        compared = "nothing whole is on this machine" if here is None else f"newer than step {here.step} here"
        says = f"went on from step {one.step}, fetched from {title}, written {_written(one)}: {compared}"
        return Newest("there", says, one, problems)
    if aside is not None:
        shutil.rmtree(copies.folder, ignore_errors=True)
        aside.rename(copies.folder)
    if here is not None:
        step = max((one.step for one in there if not other), default=None)
        compared = f"{title} has no copy" if step is None else f"the newest copy in {title} is of step {step}"
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


def _fetch(copies: Copies, checkpoint: Checkpoint, problems: list[str]) -> bool:
    """Bring a checkpoint here, its manifest last; returns whether it was whole."""
    folder = copies.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if "state" not in checkpoint.pieces:
        problems.append(f"{checkpoint.file} at {copies.place.title} has no piece `state`")
        return False
    for piece in checkpoint.pieces.values():
        if problem_of(folder, piece) is None:
            continue
        new = folder / (piece.file + NEW)
        if not copies.fetch_piece(piece, new):
            with contextlib.suppress(OSError):
                new.unlink()
            problems.append(f"{piece.file} at {copies.place.title} has another SHA-256 than its manifest says")
            return False
        with new.open("rb+") as file:
            sync(file)
        new.replace(folder / piece.file)
    new = folder / (checkpoint.file + NEW)
    copies.fetch(f"{copies.name}/{FOLDER}/{checkpoint.file}", new)
    new.replace(folder / checkpoint.file)
    return True


def _fetch_files(copies: Copies) -> None:
    """Bring the run's small files here; a file that only grew here stays, and a journal is never thrown away."""
    for file in RUN_FILES:
        theirs = copies.fetch_file(file)
        path = copies.folder / file
        ours = path.read_bytes() if path.exists() else b""
        if theirs is None or ours.startswith(theirs):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if file == "journal.jsonl" and not theirs.startswith(ours):
            path.replace(_free_name(copies.folder, "journal.before-{}.jsonl"))
        new = path.with_name(path.name + NEW)
        new.write_bytes(theirs)
        new.replace(path)


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
