"""The weights that a run leaves, with what must be known of them: their epoch, their goal, the changes they need."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from autofix_nb.checkpoints import Store
from autofix_nb.errors import ConfigurationError, StoreError
from autofix_nb.fixes import FIXES, Change
from autofix_nb.journal import plain
from autofix_nb.run import Run, open_run

WHICH = ("best", "last")


@dataclass(frozen=True)
class Taken:
    """Weights and buffers on the CPU, and where they come from."""

    weights: Mapping[str, Any]
    changes: tuple[Change, ...]
    """What the run changed of the model before these weights fit it, oldest first."""

    run: str
    """Name of the run."""

    which: str
    """`best`, or `last`."""

    epoch: int
    """Epochs that were over when they were taken."""

    goal_name: str = ""
    goal: float | None = None
    """What was measured with them; None where nothing was."""

    model: str = ""
    """Name of the model's class."""

    def about(self) -> dict[str, str]:
        """Return everything but the weights, as text by name: what the metadata of a file can hold."""
        try:
            own = version("autofix_nb")
        except PackageNotFoundError:  # used from its folder
            own = ""
        known = {
            "format": "pt",  # by which Hugging Face's loaders know whose tensors these are
            "made_by": f"autofix_nb {own}".strip(),
            "torch": str(torch.__version__),
            "run": self.run,
            "which": self.which,
            "epoch": str(self.epoch),
            "goal_name": self.goal_name,
            "goal": "" if self.goal is None else repr(self.goal),
            "model": self.model,
            "changes": json.dumps([plain(asdict(change)) for change in self.changes], ensure_ascii=False),
            "changed": "; ".join(f"{change.fix}: {change.says}" for change in self.changes),
        }
        return {name: value for name, value in known.items() if value not in ("", "[]")}

    @classmethod
    def from_about(cls, weights: Mapping[str, Any], about: Mapping[str, str]) -> "Taken":
        """Rebuild it from weights and from what `about` returned.

        Raises:
            StoreError: when the changes are none that this version knows.
        """
        try:
            changes = tuple(Change(**change) for change in json.loads(about.get("changes", "[]")))
            epoch, goal = int(about.get("epoch", 0)), float(about["goal"]) if "goal" in about else None
        except (ValueError, TypeError) as error:
            raise StoreError(f"`run`: what the file says of itself cannot be read ({error})") from error
        unknown = sorted({change.fix for change in changes} - set(FIXES))
        if unknown:
            raise StoreError(f"`run`: the file needs changes that this version does not know: {', '.join(unknown)}")
        names = {name: str(about.get(name, "")) for name in ("run", "which", "goal_name", "model")}
        return cls(weights, changes, epoch=epoch, goal=goal, **names)

    def __str__(self) -> str:
        measured = "" if self.goal is None else f", {self.goal_name or 'goal'} {self.goal:.4g}"
        changed = f"; changed by {', '.join(dict.fromkeys(one.fix for one in self.changes))}" if self.changes else ""
        return f"the {self.which or 'exported'} weights of run {self.run!r}: epoch {self.epoch}{measured}{changed}"


def take(run: Run | str | Path, which: str = "best") -> Taken:
    """Return the weights of a run; where there was no goal to be best in, the last ones are the best.

    Raises:
        ConfigurationError: when `which` is neither of both, or `run` is no run.
        StoreError: when the folder is not that of a run, or holds no whole checkpoint.
    """
    if which not in WHICH:
        raise ConfigurationError(f"`which` must be 'best' or 'last', got {which!r}")
    if not isinstance(run, Run):
        if not isinstance(run, str | Path):
            raise ConfigurationError(f"`run` is a {type(run).__name__}, wanted what `fit` returned, or its folder")
        run = open_run(run)
    store = Store(run.folder / "checkpoints", writable=False)
    if store.is_empty:
        raise StoreError(f"`run` {str(run.folder)!r} holds no checkpoint: it ended before anything was saved")
    checkpoint, loaded = store.read(*(("best", "state") if which == "best" else ("state",)))
    if which == "best" and "best" in checkpoint.lost:
        raise StoreError(
            f"`run` {str(run.folder)!r} has lost the weights of its best epoch ({checkpoint.lost['best']}); "
            "`which='last'` gives the last ones"
        )
    which = which if which == "best" and "best" in loaded else "last"
    state = loaded["best" if which == "best" else "state"]
    changes = tuple(change for change in run.changes_of(state, loaded["state"]) if change.touches == "model")
    epoch = int(state["epoch"])
    row = next((row for row in run.history.epochs if row.get("epoch") == epoch), {})
    goal = state.get("value") if which == "best" else None if state.get("position") else row.get("goal")
    name = str(row.get("goal_name", ""))
    kind = run._settings().get("identity", {}).get("model", "")
    return Taken(state["model"], changes, run.folder.name, which, epoch, name, goal, str(kind))
