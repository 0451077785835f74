"""The trainings that `prove_resume` kills, and how a process kills itself at a given moment: always by SIGKILL.

Each is small and has what is easily lost: random augmentation, dropout and batch norm, schedules, accumulated steps,
samples set aside, an average of the weights, changes under trial, a model whose structure was changed on the way.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler

import autofix_nb as af
from autofix_nb.checkpoints import pieces
from autofix_nb.detectors import Detector
from autofix_nb.finding import Severity
from autofix_nb.loop import deaths, whole_state
from autofix_nb.loop.guard import Guard
from autofix_nb.run import reporting

ROWS, FEATURES, CLASSES, BATCH = 120, 12, 4, 6
EPOCHS = 5
SAVE_EVERY = 6
"""Steps between two saves."""

NAME = "killed"
TIMED = frozenset({"step_seconds", "load_seconds", "memory_bytes", "resumed", "saved_seconds_ago", "mirror_failed"})
"""Signals that the clock, the machine or the resuming makes."""


class Augmented(Dataset):
    """Rows changed at random by torch's, NumPy's and Python's streams; some of them raise or hold NaN."""

    def __init__(self, *, raising: tuple[int, ...] = (), nan: tuple[int, ...] = ()) -> None:
        generator = torch.Generator().manual_seed(4)
        self.inputs = torch.randn(ROWS, FEATURES, generator=generator)
        self.targets = (self.inputs @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1)
        self.raising, self.nan = raising, nan

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index in self.raising:
            raise ValueError(f"sample {index} is broken")
        row = self.inputs[index] * (1 + 0.1 * np.random.randn()) + 0.05 * torch.randn(FEATURES)
        row = -row if random.random() < 0.1 else row
        return row * float("nan") if index in self.nan else row, self.targets[index]


class Average:
    """An average of the weights, moved after each step of the optimizer."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.model = model
        self.weights = {name: part.detach().clone() for name, part in model.named_parameters()}
        optimizer.register_step_post_hook(self.move)

    @torch.no_grad()
    def move(self, *_: Any) -> None:
        """Come nearer to the model's weights."""
        for name, part in self.model.named_parameters():
            self.weights[name].lerp_(part, 0.1)

    def state_dict(self) -> dict[str, Any]:
        """Return the average."""
        return {"weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put an average back."""
        self.weights = {name: part.clone() for name, part in state["weights"].items()}


@dataclass(frozen=True, kw_only=True)
class Told(Detector):
    """Asks for one fix at one step, whatever the training is like: what is proved here is not whether it helps."""

    code: ClassVar = "G08"
    title: ClassVar = "Told to"
    when: ClassVar = "step"
    reads: ClassVar = ("loss",)
    fixes: ClassVar = ("insert_norm",)
    step: int = 10

    def check(self, history: Any) -> Any:
        """Return the finding at that step."""
        return self.found(history, "told to", severity=Severity.WARNING) if history.step("loss") == self.step else None


@dataclass(frozen=True, kw_only=True)
class ToldToClip(Told):
    """The same for a setting of the loop."""

    code: ClassVar = "G09"
    fixes: ClassVar = ("scale_lr",)
    step: int = 25


def _one_cycle(turn: int) -> dict[str, Any]:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=EPOCHS * ROWS // BATCH)
    train = DataLoader(Augmented(), batch_size=BATCH, shuffle=True, num_workers=turn % 3)
    return {"model": model, "optimizer": optimizer, "train": train, "scheduler": (schedule, "step")}


def _accumulated(turn: int) -> dict[str, Any]:
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    data = Augmented(raising=(7, 30), nan=(11,))
    train = DataLoader(data, BATCH, sampler=WeightedRandomSampler([1.0 + at % 3 for at in range(ROWS)], 4 * ROWS))
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    keep = {"average": Average(model, optimizer)}
    return {"model": model, "optimizer": optimizer, "train": train, "scheduler": plateau, "keep": keep, "accumulate": 3}


def _mended(turn: int) -> dict[str, Any]:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    train = DataLoader(Augmented(), batch_size=BATCH, shuffle=True)
    return {"model": model, "optimizer": optimizer, "train": train, "detectors": [Told(), ToldToClip()]}


TRAININGS: dict[str, Callable[[int], dict[str, Any]]] = {
    "one-cycle, 0-2 workers": _one_cycle,
    "accumulated, plateau": _accumulated,
    "mended on the way": _mended,
    "mirrored": _mended,
}
"""By name, what makes the arguments of `fit` for one turn; the number of workers may differ between turns."""

MIRRORED = "mirrored"


def network() -> nn.Module:
    """Return a small network with batch norm and dropout."""
    return nn.Sequential(
        nn.Linear(FEATURES, 24), nn.ReLU(), nn.Linear(24, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(24, CLASSES),
    )  # fmt: skip


def train(name: str, store: str, turn: int, *, fresh: bool) -> Any:
    """Train in one process from wherever the run stands to its end; a `fresh` one begins where the whole run does."""
    deaths.DEATHS = 10**9  # kills at random may hit one batch twice, which would rightly be left out
    reporting.to_png = lambda *_: None  # the picture in the report takes longer than such a training
    seed = 0 if fresh else 1000 + turn
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    data = Augmented()
    val = DataLoader(TensorDataset(data.inputs[:40], data.targets[:40]), batch_size=20)
    options: dict[str, Any] = {"detectors": [], "autofix": "auto"} | TRAININGS[name](turn)
    return af.fit(
        options.pop("model"), options.pop("train"), val, epochs=EPOCHS, seed=3, name=NAME, store=store, show="none",
        preflight=False, save_every=SAVE_EVERY, loss=nn.functional.cross_entropy, **options,
    )  # fmt: skip


def digest(run: Any) -> dict[str, str]:
    """Return SHA-256s of what a finished run left: weights, and history without what the clock says."""
    weights, history = hashlib.sha256(), hashlib.sha256()
    for part, tensors in (("last", run.last_weights), ("best", run.best_weights)):
        for name, tensor in tensors.items():
            weights.update(f"{part} {name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            weights.update(tensor.contiguous().numpy().tobytes())
    for name in sorted(set(run.history.names()) - TIMED):
        for part in run.history.series(name):
            history.update(name.encode() + part.tobytes())
    rows = [{name: value for name, value in row.items() if name not in TIMED} for row in run.history.epochs]
    history.update(json.dumps([rows, run.quarantine.indices()], sort_keys=True, default=str).encode())
    return {"weights": weights.hexdigest(), "history": history.hexdigest()}


class Moments:
    """Counts the moments at which a process may be killed, by name; kills it at one of them, or writes them all down.

    Moments: between any two operations on files that the writer's or the mirror's thread makes, in the middle of each
    file; in a step while a change is on trial; and while a changed model is made again, or in the steps after that.
    """

    def __init__(self, *, at: tuple[str, int] | None = None) -> None:
        self.at = at
        self.seen: dict[str, int] = {}
        self.replayed = False

    def come(self, name: str) -> None:
        """A moment of this name has come."""
        count = self.seen[name] = self.seen.get(name, 0) + 1
        if self.at == (name, count):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """From here on, in this process."""
        for where, function in ((os, "fsync"), (os, "replace"), (os, "unlink"), (os, "truncate")):
            setattr(where, function, self._around(getattr(where, function), function))
        pieces._Hashing.write = self._around(pieces._Hashing.write, "write")
        shutil.copyfileobj = self._around(shutil.copyfileobj, "copy")
        step, replay = Guard.step, whole_state.make_again

        def stepped(guard: Any, *args: Any) -> Any:
            if guard.policy.trials:
                self.come("trial")
            if self.replayed:
                self.come("replayed")
            return step(guard, *args)

        def replaying(guard: Any) -> None:
            policy = guard.policy
            built_in = [number for number, fix in policy.standing if fix.is_built_in(policy.changes[number])]
            if built_in:
                self.come("replay")
            replay(guard)
            self.replayed |= bool(built_in)
            if built_in:
                self.come("replay")

        Guard.step = stepped  # type: ignore[method-assign]
        whole_state.make_again = replaying

    def _around(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            thread = threading.current_thread().name
            kind = "save" if thread == "autofix_nb-writer" else "upload" if thread.startswith("mirror to") else ""
            if not kind:
                return function(*args, **options)
            of = f"{kind}: {name} {'' if name in ('write', 'copy', 'fsync') else _file_of(args)}".rstrip()
            self.come(of)
            result = function(*args, **options)
            self.come(of)
            return result

        return called


def _file_of(args: tuple[Any, ...]) -> str:
    """Return what kind of file an operation is on."""
    named: Iterator[str] = (Path(str(one)).name for one in reversed(args))
    name = next(named, "")
    return "manifest" if name.startswith("step-") else name.partition("-")[0]
