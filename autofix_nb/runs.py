"""`af.runs()`: the runs that a store holds, newest first, without reading a single weight."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, overload

from autofix_nb.checkpoints.stores import home_of
from autofix_nb.errors import StoreError
from autofix_nb.loop.lease import Holder, read_lease
from autofix_nb.report.style import STYLE
from autofix_nb.run import Run, open_run

HEADS = ("run", "state", "epoch", "best", "age", "size", "where")

UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (0.0, "s"))

SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (0.0, "B"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run, as far as its folder tells."""

    name: str
    state: str
    """`running in process N`, `died`, `stopped`, `interrupted`, `failed`, `finished` or `nothing trained yet`."""

    epoch: int
    """Epochs that are over."""

    epochs: int | None
    """Epochs asked for, and those that fixes put on top; None where it is not known."""

    goal_name: str
    best: float | None
    """Goal of the best epoch; None where nothing was measured."""

    best_epoch: int | None
    step: int
    age_seconds: float
    """Time since the run last wrote something."""

    bytes: int
    where: str
    """The run's folder."""


class Runs(Sequence[Row]):
    """The runs of a store: a table when shown, rows by number, and what was passed over, with the reason."""

    def __init__(self, store: Path, rows: Sequence[Row], passed_over: Sequence[tuple[str, str]]) -> None:
        self.store = store
        self.passed_over = list(passed_over)
        """Name and reason of each folder that is no run, or is damaged."""

        self._rows = list(rows)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: Any) -> Any:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as plain dicts, for a table of one's own: `pandas.DataFrame(af.runs().to_dicts())`."""
        return [asdict(row) for row in self._rows]

    def __repr__(self) -> str:
        table = [HEADS, *map(_cells, self._rows)] if self._rows else []
        widths = [max(len(row[column]) for row in table) for column in range(len(HEADS))] if table else []
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        return "\n".join([self._headline(), *lines, *self._notes()])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self) -> str:
        """Return a table; colours come from the page, so that light and dark both work."""
        parts = [STYLE, '<div class="afx">', f'<p class="afx-head">{escape(self._headline())}</p>']
        if self._rows:
            parts.append("<table><tr>" + "".join(f"<th>{head}</th>" for head in HEADS) + "</tr>")
            parts += [
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in self._rows
            ]
            parts.append("</table>")
        parts += [f'<p class="afx-note">{escape(note)}</p>' for note in self._notes()]
        return "".join([*parts, "</div>"])

    def _headline(self) -> str:
        what = "no runs" if not self._rows else "1 run" if len(self._rows) == 1 else f"{len(self._rows)} runs"
        return f"{_printable(str(self.store))} holds {what}"

    def _notes(self) -> list[str]:
        return [f"Passed over: {_printable(name)}: {_printable(why)}" for name, why in self.passed_over]


def runs(store: Any = None, *, clock: Callable[[], float] = time.time) -> Runs:
    """Return the runs in `store`, newest first: print it, or let the notebook show it.

    `store` is what `fit` was given: a folder, `./runs` if None, `"drive"`, or a URL; of the last two, the runs that lie
    on this machine are listed. `clock` gives seconds since 1970. Nothing is written, and no weight is read.

    Raises:
        ConfigurationError: when `store` is no store.
        StoreError: when it is a file, or cannot be read.
    """
    folder = home_of(store, "any").folder.parent
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.exists() else []
    except OSError as error:
        raise StoreError(
            f"`store` {str(folder)!r} cannot be listed ({error.strerror or error}); wanted a folder"
        ) from error
    rows: list[tuple[float, Row]] = []
    passed_over = []
    for path in inside:
        if not path.is_dir():
            continue
        try:
            row = _row(path, clock())
            rows.append((row.age_seconds, row))
        except StoreError:
            passed_over.append((path.name, "not the folder of a run (it has no journal.jsonl)"))
        except Exception as error:  # noqa: BLE001 - one damaged folder must not hide the others
            passed_over.append((path.name, f"damaged: {type(error).__name__}: {error}"))
    rows.sort(key=lambda one: one[0])
    return Runs(folder, [row for _, row in rows], passed_over)


def _row(folder: Path, now: float) -> Row:
    run = open_run(folder)
    if not len(run.journal):
        raise ValueError("no line of its journal can be read")
    settings = run._settings()
    journal = list(run.journal)
    # The table of epochs is written now and then; the journal has each of them at once.
    told = [entry for entry in run.journal.lasting() if entry["kind"] == "epoch"]
    rows = (row for row in (*run.history.epochs, *told) if isinstance(row.get("epoch"), int))
    done = list({row["epoch"]: row for row in rows}.values())
    best = _best(done)
    saved = [entry.get("epoch") for entry in journal if entry["kind"] == "save"]
    asked = settings.get("epochs") or next(
        (one.get("epochs") for one in reversed(journal) if one["kind"] == "start"), 0
    )
    more = run._ending.get("extra_epochs") or 0
    return Row(
        name=folder.name,
        state=_state(run, read_lease(folder)),
        epoch=max([row["epoch"] for row in done] + [epoch for epoch in saved if isinstance(epoch, int)], default=0),
        epochs=int(asked) + int(more) if asked else None,
        goal_name=str(best.get("goal_name", "")) if best else "",
        best=float(best["goal"]) if best else None,
        best_epoch=best["epoch"] if best else None,
        step=int(run._ending.get("steps") or 0),
        age_seconds=max(0.0, now - datetime.fromisoformat(journal[-1]["time"]).timestamp()),
        bytes=_size(folder),
        where=str(folder),
    )


def _state(run: Run, holder: Holder | None) -> str:
    """Return how it stands: a run without an end either goes on in some process, or its process died."""
    if holder is not None and holder.is_alive():
        return f"running in process {holder.pid}" + (
            "" if str(holder).find("this machine") >= 0 else f" on {holder.host}"
        )
    turns = [entry["kind"] for entry in run.journal if entry["kind"] in ("start", "resume", "end", "error")]
    if not turns:
        return "nothing trained yet"
    return "died" if turns[-1] in ("start", "resume") else run.status


def _best(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row of the best epoch: the last one that was better than all before."""
    marked = [row for row in rows if row.get("is_best") is True and isinstance(row.get("goal"), int | float)]
    return marked[-1] if marked else None


def _size(folder: Path) -> int:
    """Return the bytes of all files below; links are not followed, and what vanishes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def _cells(row: Row) -> tuple[str, ...]:
    epochs = str(row.epoch) if row.epochs is None else f"{row.epoch} of {row.epochs}"
    best = "" if row.best is None else f"{row.goal_name} {row.best:.4g} (epoch {row.best_epoch})"
    cells = (row.name, row.state, epochs, best, _of(row.age_seconds, UNITS), _of(row.bytes, SIZES), row.where)
    return tuple(map(_printable, cells))


def _of(value: float, units: Sequence[tuple[float, str]]) -> str:
    """Return a number in the largest unit that it has one of."""
    unit, name = next((unit, name) for unit, name in units if value >= unit)
    return f"{value / (unit or 1.0):.3g} {name}"


def _printable(text: str) -> str:
    """Return text without what moves a terminal's cursor or turns text around."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
