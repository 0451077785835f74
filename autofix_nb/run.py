"""What `fit` returns and `open_run` reads back: model, history, findings, fixes, quarantine, report."""

import json
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from autofix_nb import report as reporting
from autofix_nb.checkpoints import Store, write_atomically
from autofix_nb.data import Quarantine
from autofix_nb.environment import cell
from autofix_nb.errors import StoreError
from autofix_nb.finding import Finding
from autofix_nb.fixes import Change
from autofix_nb.history import History
from autofix_nb.journal import Journal
from autofix_nb.report import Report

if TYPE_CHECKING:
    import pandas


class Run:
    """One training: what came out of it, and everything that happened on the way.

    `model` has the weights of the best epoch where there was a validation goal, else the last ones.
    """

    def __init__(self, folder: Path, *, model: nn.Module | None, journal: Journal, quarantine: Quarantine) -> None:
        self.folder = folder
        self.model = model
        self.journal = journal
        self.quarantine = quarantine
        self.history = History()
        self.findings: list[Finding] = []
        self.fixes: list[Change] = []
        self.status = "new"
        """`new`, `running`, `finished`, `stopped`, `interrupted` or `failed`."""

        self.picture: bytes | None = None
        """The report's picture, a PNG, once the run is over."""

        self.shown_in: int | None = None
        """Number of the cell whose output has the picture already; None where none has."""

        self.mirror: Any = None
        """What copies this run elsewhere; None for a plain folder, and for a run that was read back."""

        self._ending: dict[str, Any] = {}
        self._standing: list[Change] | None = None

    @property
    def last_weights(self) -> dict[str, torch.Tensor]:
        """Weights and buffers after the last step, on the CPU, also where the best ones were put back.

        Raises:
            StoreError: when no whole checkpoint is left.
        """
        return self._weights("state")

    @property
    def best_weights(self) -> dict[str, torch.Tensor] | None:
        """Weights and buffers of the best epoch, on the CPU; None where there was no validation goal.

        Raises:
            StoreError: when no whole checkpoint is left, or these weights are lost.
        """
        store = self._store()
        if store.is_empty:
            return None
        checkpoint, loaded = store.read("best")
        if "best" in checkpoint.lost:
            store.load(checkpoint, "best")  # says what is wrong with it
        return loaded["best"]["model"] if "best" in loaded else None

    @property
    def threshold(self) -> float | None:
        """Probability from which "yes" is said with the weights that the run ended with; None where that is 0.5."""
        chosen = self._facts()["threshold"]
        return chosen["threshold"] if chosen and chosen["tuned"] else None

    @property
    def standing(self) -> list[Change]:
        """The changes that were in force at the end: with the best weights where these were put back, else the last."""
        if self._standing is None:
            store = self._store()
            _, loaded = (None, {}) if store.is_empty else store.read("best", "state")
            restored = self._ending.get("restored") and "best" in loaded
            self._standing = self.changes_of(loaded["best" if restored else "state"], loaded["state"]) if loaded else []
        return list(self._standing)

    def changes_of(self, state: dict[str, Any], whole: dict[str, Any]) -> list[Change]:
        """Return the changes in force when a checkpoint's weights were taken, oldest first.

        `state` has these weights, and `whole` is the state of the same checkpoint.
        """
        policy = whole["policy"]
        numbers = state["standing"] if "policy" not in state else policy["standing"]
        if not all(number < len(policy.get("changes", ())) for number in numbers):
            raise StoreError(f"`{self.folder}` holds weights whose changes were lost with a damaged checkpoint")
        return [Change(**policy["changes"][number]) for number in numbers]

    def flush(self, seconds: float = 600.0) -> bool:
        """Wait until everything saved is where `store=` has it copied; at most `seconds`. Returns whether it is.

        With Drive in Colab this then has Drive upload everything and gives the mount back: nothing else makes sure that
        the files have left the machine, as a copy that is read back may come from the machine's own cache. So it
        belongs at the very end; the next training mounts Drive anew.

        Raises:
            StoreError: when Drive did not get through with its upload.
        """
        return True if self.mirror is None else bool(self.mirror.flush(seconds))

    def report(self) -> Report:
        """Return what happened, with a picture: print it, or let the notebook show it."""
        facts = self._facts()
        return Report(facts, self._drawn(facts), self._samples())

    def _drawn(self, facts: dict[str, Any]) -> bytes | None:
        resumed = [entry["step"] for entry in self.journal.entries("resume")]
        changed = [change["step"] for change in facts["changes"] if change["step"] and change["fix"] != "quarantine"]
        saved = [entry["step"] for entry in self.journal.lasting() if entry["kind"] == "save"]
        return reporting.to_png(self.history, self.findings, resumed, changed, saved)

    def _samples(self) -> dict[str, bytes]:
        return {one.picture: self.quarantine.picture(one) for one in self.quarantine if one.picture}

    def explore(self, other: "Run | str | Path | None" = None) -> Any:
        """Return widgets to look closer: signals, zoom, another run beside this one, samples set aside.

        `other` is a run, or its folder; those in the same store can be chosen too.

        Raises:
            ImportError: when ipywidgets is not installed.
            StoreError: when `other` is not the folder of a run.
        """
        from autofix_nb.widgets.explore import Explorer  # those who look closer pay for it

        around = sorted(
            path.parent for path in self.folder.parent.glob("*/journal.jsonl") if path.parent != self.folder
        )
        others: dict[str, Any] = {folder.name: partial(open_run, folder) for folder in around}
        chosen = None
        if other is not None:
            beside = other if isinstance(other, Run) else open_run(other)
            chosen = beside.folder.name
            others = {chosen: lambda: beside} | {name: read for name, read in others.items() if name != chosen}
        return Explorer(self, others, chosen).view

    def headline(self) -> str:
        """Return how it went, in a line."""
        return str(self._facts()["headline"])

    def to_frame(self) -> "pandas.DataFrame":
        """Return the epoch table as a pandas frame, one row an epoch.

        Raises:
            ImportError: when pandas is not installed.
        """
        try:
            import pandas  # optional
        except ImportError as error:
            raise ImportError(
                "`run.to_frame()` needs pandas: `pip install pandas`. `run.history.epochs` has the same rows"
            ) from error
        return pandas.DataFrame(self.history.epochs)

    def __repr__(self) -> str:
        sentences = self._facts()["sentences"]
        return "\n".join([*sentences, f"Kept in {self.folder}. `run.report()` tells everything."])

    def _repr_html_(self) -> str:
        facts, here = self._facts(), cell()
        # The live view above it, in the same output, ended with this picture.
        picture = None if here is not None and here == self.shown_in else self._drawn(facts)
        return reporting.to_html(facts, picture, self._samples())

    # --- filled by the loop ---------------------------------------------------------------------------------------

    def attach(self, guard: Any) -> None:
        """Look at a guard's history, findings and changes from now on."""
        self.history = guard.history
        self.findings = guard.policy.findings
        self.fixes = guard.policy.changes
        self.status = guard.status
        self._standing = [guard.policy.changes[number] for number in guard.policy.in_force]
        finished = guard.status == "finished"
        self._ending = (finished and self._summary()) or {
            "steps": guard.step_count,
            "seconds": guard.seconds,
            "extra_epochs": _extra_epochs(guard),
        }

    def close(self, guard: Any, *, restored: bool, writes: bool = True) -> None:
        """The loop is over: write `summary.json` and `report.html`, unless the folder is another kernel's by now."""
        self.attach(guard)
        self._ending = {
            "status": guard.status,
            "why": guard.controls.stop,
            "steps": guard.step_count,
            "epochs": guard.epoch,
            "extra_epochs": _extra_epochs(guard),
            "seconds": guard.seconds,
            "best_epoch": guard.keeper.best.epoch or None,
            "restored": restored,
            "problems": guard.keeper.problems + guard.problems,
        }
        if not writes:
            return
        guard.keeper.write_summary(self._ending | {"headline": self.headline()})
        try:
            report = self.report()
            self.picture = report.picture
            write_atomically(self.folder / "report.html", report.to_html())
        except Exception as error:  # noqa: BLE001 - a report that cannot be drawn must not cost the run, nor hide its error
            self.journal.append("note", text=f"the report could not be written: {type(error).__name__}: {error}")

    def _facts(self) -> dict[str, Any]:
        return reporting.build(
            settings=self._settings(),
            status=self.status,
            history=self.history,
            journal=self.journal,
            quarantine=self.quarantine,
            findings=self.findings,
            ending=self._ending,
        )

    def _settings(self) -> dict[str, Any]:
        return _read_json(self.folder / "run.json")

    def _summary(self) -> dict[str, Any]:
        return _read_json(self.folder / "summary.json")

    def _weights(self, name: str) -> dict[str, torch.Tensor]:
        store = self._store()
        return store.read(name)[1][name]["model"]

    def _store(self) -> Store:
        return Store(self.folder / "checkpoints", writable=False)


def open_run(folder: str | Path) -> Run:
    """Read a run back from its folder. `run.model` is None; load `run.best_weights` into a model of your own.

    Raises:
        StoreError: when the folder is not that of a run.
    """
    folder = Path(folder).expanduser()
    if not (folder / "journal.jsonl").exists():
        around, what = (folder, "it") if folder.is_dir() else (folder.parent, repr(str(folder.parent)))
        near = [path.parent.name for path in around.glob("*/journal.jsonl")]
        hint = f"; {what} holds the runs {sorted(near)}" if near else ""
        raise StoreError(f"`folder` {str(folder)!r} is not that of a run (it has no journal.jsonl){hint}")
    quarantine = Quarantine(folder / "quarantine" / "samples.jsonl")
    run = Run(folder, model=None, journal=Journal(folder / "journal.jsonl"), quarantine=quarantine)
    run.history = _signals(folder / "signals.npz")
    run.history.epochs = _rows(folder / "history.jsonl")
    known = _read_json(folder / "facts.json")
    run.history.facts = _numbers(known.get("facts", {}))
    run.history.since = int(known.get("since", -1))
    entries = run.journal.lasting()
    run.findings = [Finding.from_dict(entry) for entry in entries if entry["kind"] == "finding"]
    run.fixes = [_change_of(entry) for entry in entries if entry["kind"] == "change" and "touches" in entry]
    turns = [entry for entry in entries if entry["kind"] in ("start", "resume", "end", "error")]
    if turns and turns[-1]["kind"] in ("end", "error"):
        run._ending = run._summary()
    # Where it goes on, or its kernel died, the summary is missing or that of an earlier turn.
    saved = [entry["step"] for entry in entries if entry["kind"] == "save"]
    run._ending = run._ending or {"steps": max(saved, default=0)}
    run.status = run._ending.get("status", "running")
    return run


def _extra_epochs(guard: Any) -> int:
    """Return how many epochs were trained on top of those asked for."""
    return max(0, min(guard.epoch - guard.epochs_asked, guard.controls.extra_epochs))


def _signals(path: Path) -> History:
    """Return the signals of a file, none where it is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as signals:
            return History.from_arrays([(name, signals[name]) for name in signals.files])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return History()


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON lines file, without those that are damaged."""
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(_numbers(row))
    return rows


def _change_of(entry: dict[str, Any]) -> Change:
    return Change(**{name: entry[name] for name in Change.__dataclass_fields__ if name in entry})


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    """Undo the text form that NaN and infinities have in JSON."""
    return {name: float(value) if value in ("nan", "inf", "-inf") else value for name, value in row.items()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
