"""Keeps a run on disk: what is saved and when, and how a run goes on after the kernel died."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from autofix_nb.checkpoints import Store, copied, portable_or_dropped, random_state, set_random_state, write_atomically
from autofix_nb.errors import ConfigurationError, ResumeError, StoreError
from autofix_nb.history import History
from autofix_nb.journal import Journal, plain
from autofix_nb.loop.first_state import FirstState

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

SHARE_OF_TIME = 0.005
"""Saving takes at most this share of the run's time (the last save and those at a stop aside)."""

LEAST_SECONDS = 1.0
"""Two saves lie at least this far apart."""

TABLES_SECONDS = 10.0
"""The tables for other programs (epochs, signals) are renewed this often; the checkpoint holds the same."""


class Best:
    """The weights of the epoch with the best goal so far, on the CPU."""

    def __init__(self) -> None:
        self.epoch = 0
        """Counted from 1; 0 where no epoch had a goal yet."""

        self.value = float("nan")
        self.weights: dict[str, torch.Tensor] | None = None
        self.written = 0
        """Epoch whose weights lie in `best.pt`."""

        self.standing: list[int] = []
        """Numbers of the changes in force then: these weights fit a model with them, and with no others."""

    def forget(self) -> None:
        """Begin anew: what was measured before cannot be compared with what comes."""
        self.epoch, self.value, self.weights = 0, float("nan"), None

    def offer(
        self, value: float, epoch: int, higher_is_better: bool, model: torch.nn.Module, standing: Iterable[int] = ()
    ) -> bool:
        """Take the weights of this epoch if they are better than all before; returns whether they were."""
        if value != value or (self.epoch and not (value > self.value if higher_is_better else value < self.value)):
            return False
        self.epoch, self.value, self.standing = epoch, value, list(standing)
        self.weights = copied(model.state_dict())
        return True


class Keeper:
    """One run's folder: opened or made, saved into, read back."""

    def __init__(
        self, folder: Path, *, resume: Any, save_every: Any, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if resume not in ("auto", True, False):
            raise ConfigurationError(f"`resume` must be 'auto', True or False, got {resume!r}")
        if save_every != "auto" and not (isinstance(save_every, int) and save_every > 0):
            raise ConfigurationError(f"`save_every` must be 'auto' or a number of steps, got {save_every!r}")
        self.folder = folder
        self.moved_to: Path | None = None
        if resume is False and (folder / "checkpoints").exists():
            self.moved_to = _move_aside(folder)
        self.store = Store(folder / "checkpoints")
        self.journal = Journal(folder / "journal.jsonl")
        self.best = Best()
        self.last_saved_step = -1
        self.problems: list[str] = []
        self._resume = resume
        self.asked_every = 0 if save_every == "auto" else int(save_every)
        """Steps between two saves, on request; 0 saves as often as it costs next to nothing."""

        self._clock = clock
        self._next_save = clock() + LEAST_SECONDS
        self._next_tables = 0.0
        self._dropped_said = False
        self._failed = 0
        self._last_good: float | None = None
        self._first_written: dict[str, Any] | None = None
        """The first weights that lie in `first.pt`."""

    @property
    def can_resume(self) -> bool:
        """Whether there is something to go on from."""
        last = self.journal.last("save")
        trained = last is None or last.get("step") != 0  # a run that failed before its first step holds nothing
        return self._resume is not False and self.store.has("last") and trained

    def save_if_due(self, guard: "Guard") -> None:
        """Save when enough time (or, on request, enough steps) went by."""
        if self.asked_every:
            if guard.step_count - self.last_saved_step >= self.asked_every:
                self.save(guard)
        elif self._clock() >= self._next_save:
            self.save(guard)

    def save(self, guard: "Guard") -> bool:
        """Save everything now. A disk that refuses is a finding and not the end of the training."""
        began = self._clock()
        try:
            self.store.save("last", self._state(guard))
            if self.best.weights is not None and self.best.written != self.best.epoch:
                self.store.save(
                    "best",
                    {
                        "model": self.best.weights,
                        "epoch": self.best.epoch,
                        "value": self.best.value,
                        "standing": self.best.standing,
                    },
                )
                self.best.written = self.best.epoch
            if guard.first is not None and self._first_written is not guard.first.weights:
                self.store.save("first", guard.first.state())
                self._first_written = guard.first.weights
            if guard.status != "running" or began >= self._next_tables:
                self._write_tables(guard.history)
                self._next_tables = began + TABLES_SECONDS
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            if isinstance(error, StoreError):
                raise
            said = f"saving failed at step {guard.step_count}: {error}"
            if not self.problems:
                self.journal.append("save failed", step=guard.step_count, why=str(error))
            self.problems.append(said)
            self._failed += 1
            guard.history.record(guard.step_count, save_failed=self._failed)
            if self._last_good is not None:
                guard.history.record(guard.step_count, saved_seconds_ago=self._clock() - self._last_good)
            self._next_save = self._clock() + 30.0
            return False
        seconds = self._clock() - began
        self.last_saved_step = guard.step_count
        self._last_good = self._clock()
        if self._failed:  # a run that was never in trouble has nothing of this in its history
            guard.history.record(guard.step_count, saved_seconds_ago=0.0)
        self._next_save = self._clock() + max(LEAST_SECONDS, seconds / SHARE_OF_TIME)
        self.journal.append(
            "save", step=guard.step_count, epoch=guard.epoch, position=guard.position, seconds=round(seconds, 4)
        )
        return True

    def resume(self, guard: "Guard", identity: dict[str, Any]) -> dict[str, Any]:
        """Put everything back as it was at the last save, and return the saved state.

        Raises:
            ResumeError: when the saved run is another training; the message lists the differences.
            StoreError: when no whole checkpoint is left.
        """
        differences = self._differences(identity)
        # The very model of the earlier turn, in the same kernel, has the changes made to it already.
        state = self.store.load("last") if self._has_changed_structure() or not differences else None
        if differences and state is not None and _is_as_saved(guard, state):
            differences = [said for said in differences if not said.startswith(STRUCTURAL)]
        self._refuse(differences)
        if state is None:
            raise StoreError(f"`{self.folder}` holds no checkpoint to resume from; begin anew with `resume=False`")
        guard.controls.restore(state["controls"])
        guard.policy.restore(state["policy"])
        guard.policy.replay(guard)
        guard.found_before = [one for one in guard.policy.findings if one.step == 0 and one.code[0] in "EBD"]
        guard.follow_controls()
        guard.model.load_state_dict(state["model"])
        guard.optimizer.load_state_dict(state["optimizer"])
        if state.get("users_optimizer") is not None:
            guard.stepper.users_optimizer.load_state_dict(state["users_optimizer"])
        guard.stepper.restore(state.get("stepper", guard.stepper.state()))
        if self.store.has("first"):
            guard.first = FirstState.from_state(self.store.load("first"))
            self._first_written = guard.first.weights
        if guard.scheduler is not None and state["scheduler"] is not None:
            guard.scheduler.load_state_dict(guard.scheduler.state_dict() | state["scheduler"])
        if guard.stepper.scaler is not None and state["scaler"] is not None:
            guard.stepper.scaler.load_state_dict(state["scaler"])
        guard.history = History.from_state(state["history"])
        guard.recorder.history = guard.history
        guard.quarantine.restore(state["quarantine"])
        guard.trouble.restore(state["trouble"])
        guard.epoch, guard.position, guard.step_count = state["epoch"], state["position"], state["step"]
        guard.seed, guard.seconds, guard.status = state["seed"], state["seconds"], state["status"]
        guard.sums.restore(state["epoch_sums"])
        best = self.store.load("best") if self.store.has("best") else None
        if best is not None:
            self.best.epoch, self.best.value = int(best["epoch"]), float(best["value"])
            self.best.weights = best["model"]
            self.best.standing = list(best.get("standing", ()))
            self.best.written = self.best.epoch
        set_random_state(state["random"])
        self.last_saved_step = int(state["step"])
        return state

    def check_data(self, loader: Any, data: str | None) -> None:
        """Note size, batch size and fingerprint of the training data, or compare them with what was noted.

        Raises:
            ResumeError: when the run was begun on other data.
        """
        dataset = getattr(loader, "dataset", None)
        known = {
            "samples": len(dataset) if hasattr(dataset, "__len__") else None,
            "batch size": getattr(loader, "batch_size", None),
            "data": data,
        }
        settings = self.settings()
        self._refuse(self._differences(known))
        settings["identity"] = settings.get("identity", {}) | known
        self.write_settings(settings)

    def _refuse(self, differences: list[str]) -> None:
        if differences:
            prepared = sorted({entry["fix"] for entry in self.journal.entries("prepared")})
            again = (
                f"Before it {', '.join(prepared)} was applied: apply that again. Else begin" if prepared else "Begin"
            )
            raise ResumeError(
                f"`name`: the run in {str(self.folder)!r} is another training: {'; '.join(differences)}. {again} anew "
                "with "
                "`resume=False` (the old run is kept under another name), or give another `name=`"
            )

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write `run.json`: what was asked for, on what, with which versions."""
        write_atomically(self.folder / "run.json", json.dumps(plain(settings), indent=2, ensure_ascii=False) + "\n")

    def settings(self) -> dict[str, Any]:
        """Return what `run.json` holds; empty where it is missing or damaged."""
        try:
            return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`: how the run ended."""
        try:
            write_atomically(
                self.folder / "summary.json", json.dumps(plain(summary), indent=2, ensure_ascii=False) + "\n"
            )
        except OSError as error:
            self.problems.append(f"`summary.json` could not be written: {error}")

    def _state(self, guard: "Guard") -> dict[str, Any]:
        scheduler = None
        if guard.scheduler is not None:
            scheduler, dropped = portable_or_dropped(guard.scheduler.state_dict(), "scheduler")
            if dropped and not self._dropped_said:
                self._dropped_said = True
                self.journal.append("note", text=f"not saved, as only a pickle could hold them: {', '.join(dropped)}")
        return {
            "model": guard.model.state_dict(),
            "optimizer": guard.optimizer.state_dict(),
            "users_optimizer": guard.stepper.users_optimizer.state_dict()
            if guard.stepper.users_optimizer is not guard.optimizer
            else None,
            "stepper": guard.stepper.state(),
            "scheduler": scheduler,
            "scaler": guard.stepper.scaler.state_dict() if guard.stepper.scaler is not None else None,
            "controls": guard.controls.state(),
            "random": random_state(),
            "epoch": guard.epoch,
            "position": guard.position,
            "step": guard.step_count,
            "status": guard.status,
            "epochs": guard.epochs_asked,
            "seed": guard.seed,
            "seconds": guard.seconds,
            "epoch_sums": guard.sums.state(),
            "history": guard.history.state(),
            "quarantine": guard.quarantine.state(),
            "policy": guard.policy.state(),
            "trouble": guard.trouble.state(),
        }

    def _write_tables(self, history: History) -> None:
        rows = "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in history.epochs)
        write_atomically(self.folder / "history.jsonl", rows)
        known = {"since": history.since, "facts": history.facts}
        write_atomically(self.folder / "facts.json", json.dumps(plain(known), indent=2, ensure_ascii=False) + "\n")
        signals = self.folder / "signals.npz"
        new = self.folder / "signals.new.npz"
        np.savez_compressed(new, **dict(history.to_arrays()))
        new.replace(signals)

    def _has_changed_structure(self) -> bool:
        return any(entry.get("touches") == "model" for entry in self.journal.entries("change"))

    def _differences(self, identity: dict[str, Any]) -> list[str]:
        before = self.settings().get("identity", {})
        return [
            f"{name} was {_short(before[name])}, now {_short(value)}"
            for name, value in plain(identity).items()
            if before.get(name) not in (None, "") and value not in (None, "") and before[name] != value
        ]


STRUCTURAL = ("model was ", "weights was ", "optimizer parameters was ")
"""How differences begin that a change to the model's structure makes."""


def _is_as_saved(guard: "Guard", state: dict[str, Any]) -> bool:
    """Tell whether the model has the very parts that a checkpoint holds."""
    now, saved = guard.model.state_dict(), state["model"]
    return {name: getattr(part, "shape", None) for name, part in now.items()} == {
        name: getattr(part, "shape", None) for name, part in saved.items()
    }


MOVED_BY_SCHEDULERS = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")


def identity_of(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, loss: str, *, scheduled: bool = False
) -> dict[str, Any]:
    """Return what must be the same for a training to be the same one, besides the data: shapes, optimizer, loss.

    `scheduled` leaves out what a scheduler moves: an optimizer used before has other values of it.
    """
    shapes = {name: list(part.shape) for name, part in model.state_dict().items() if isinstance(part, torch.Tensor)}
    groups = [
        {name: value for name, value in group.items() if isinstance(value, int | float | bool | str | tuple)}
        for group in optimizer.state_dict()["param_groups"]
    ]
    for group in groups:
        if scheduled:
            for name in MOVED_BY_SCHEDULERS:
                group.pop(name, None)
            continue
        # The scheduler moves these; what the user asked for is under `initial_lr` then.
        group["lr"] = group.pop("initial_lr", group.get("lr"))
    return {
        "model": type(model).__name__,
        "weights": shapes,
        "optimizer": type(optimizer).__name__,
        "hyperparameters": groups,
        "optimizer parameters": [len(group["params"]) for group in optimizer.param_groups],
        "loss": loss,
    }


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."


def _move_aside(folder: Path) -> Path:
    """Give an earlier run of the same name another one; nothing is deleted."""
    number = 1
    while (target := folder.with_name(f"{folder.name}.before-{number}")).exists():
        number += 1
    try:
        folder.rename(target)
    except OSError as error:
        raise StoreError(f"`store`: {str(folder)!r} cannot be renamed ({error}); give another `name=`") from error
    return target
