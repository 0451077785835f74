"""What the tests of exact resuming share: trainings cut into many turns, and all that a run left, bit for bit."""

import itertools
import os
import random
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, TensorDataset

import autofix_nb as af

TIMED_SERIES = frozenset({"step_seconds", "load_seconds", "memory_bytes", "resumed", "saved_seconds_ago"})
"""Signals that come from the clock, the machine, or the resuming itself."""

TIMED_FIELDS = frozenset({"n", "time", "at", "seconds", "step_seconds", "load_seconds", "memory_bytes"})

OWN_KINDS = frozenset({"start", "save", "resume", "end", "error", "died", "broken off"})
"""Entries of the journal that say how a run was cut into turns, and nothing of the training."""

TIMED_CODES = ("R", "E")
"""First letters of the findings that the clock or the machine makes."""


class Cut(BaseException):
    """The turn is over. No `Exception`: those are looked into, and may be mended."""


class CutAt:
    """A loss that ends the turn at its n-th call in training: by raising, or by the stop button (`gently`)."""

    def __init__(
        self, at: int, loss: Callable[..., Any] = nn.functional.cross_entropy, *, gently: bool = False
    ) -> None:
        self.at, self.calls, self.loss, self.gently = at, 0, loss, gently
        self.__name__ = getattr(loss, "__name__", "loss")

    def __call__(self, outputs: Any, targets: Any) -> Any:
        if torch.is_grad_enabled():
            self.calls += 1
            if self.calls == self.at:
                if not self.gently:
                    raise Cut
                os.kill(os.getpid(), signal.SIGINT)
        return self.loss(outputs, targets)


def in_turns(turn: Callable[[int, int], Any], cuts: Iterator[int]) -> Any:
    """Train in turns, each in a kernel of its own as far as a run can tell; returns the run of the last one.

    `turn(number, at)` trains anew with loss calls up to `at`, and raises `Cut` there.
    """
    for number, at in enumerate(cuts):
        unlike_before(number)
        try:
            run = turn(number, at)
        except Cut:
            continue
        if run.status == "finished":
            return run
    unlike_before(-1)
    return turn(-1, 0)


def unlike_before(number: int) -> None:
    """Leave the random streams where a new kernel would not have them either; the first turn's are always the same."""
    torch.manual_seed(1000 + max(0, number))
    np.random.seed(2000 + max(0, number))
    random.seed(3000 + max(0, number))


def left(run: Any) -> dict[str, Any]:
    """Return all that a run left but for what the clock says: weights, history, journal, quarantine, streams."""
    history = run.history
    return {
        "status": run.status,
        "weights": _bits(run.last_weights),
        "best": _bits(run.best_weights),
        "series": {
            name: [part.tobytes() for part in history.series(name)]
            for name in sorted(history.names())
            if name not in TIMED_SERIES
        },
        "epochs": [
            {name: _bits(value) for name, value in row.items() if name not in TIMED_FIELDS} for row in history.epochs
        ],
        "facts": _bits(history.facts),
        "since": history.since,
        "journal": told(run.journal),
        "quarantine": run.quarantine.indices(),
        "streams": (torch.rand(3).tolist(), np.random.randn(3).tolist(), random.gauss(0, 1)),
    }


def told(journal: Any) -> list[dict[str, Any]]:
    """Return what the journal says of the training, without what happened after a save that a run went on from."""
    return [
        {name: _bits(value) for name, value in entry.items() if name not in TIMED_FIELDS}
        for entry in journal.lasting()
        if entry["kind"] not in OWN_KINDS and not str(entry.get("code", "")).startswith(TIMED_CODES)
    ]


def differing(one: Any, other: Any, path: str = "") -> list[str]:
    """Return where two of what `left` gives differ: an assertion on it says more than one on the whole."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            text for name in sorted({*one, *other}, key=str)
            for text in differing(one.get(name), other.get(name), f"{path}/{name}")
        ]  # fmt: skip
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [text for at, two in pairs for text in differing(*two, f"{path}[{at}]")]
    if one == other:
        return []
    return [f"{path}: {_short(one)} against {_short(other)}"]


def _short(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return f"{np.frombuffer(value[0], np.int64)[-6:].tolist()} {np.frombuffer(value[1])[-6:].tolist()}"
    return repr(value)[:300]


def _bits(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {name: _bits(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_bits(part) for part in value]
    return value.hex() if isinstance(value, float) else value


ROWS, FEATURES, CLASSES = 48, 12, 4


def rows(count: int = ROWS) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and targets that can be learnt."""
    generator = torch.Generator().manual_seed(4)
    inputs = torch.randn(count, FEATURES, generator=generator)
    targets = (inputs @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1)
    return inputs, targets


class Augmented(Dataset):
    """Rows that are changed at random each time, by torch's, NumPy's and Python's streams; some are bad."""

    def __init__(self, *, raising: tuple[int, ...] = (), nan: tuple[int, ...] = ()) -> None:
        self.inputs, self.targets = rows()
        self.raising, self.nan = raising, nan

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index in self.raising:
            raise ValueError(f"sample {index} is broken")
        row = self.inputs[index] * (1 + 0.1 * np.random.randn()) + 0.05 * torch.randn(FEATURES)
        row = -row if random.random() < 0.1 else row
        return row * float("nan") if index in self.nan else row, self.targets[index]


class Turned(Sampler):
    """An order of the user's own, another each epoch."""

    def __init__(self) -> None:
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return ROWS

    def __iter__(self) -> Iterator[int]:
        return iter([(7 * place + 5 * self.epoch) % ROWS for place in range(ROWS)])


class InGroups(Sampler):
    """Batches of two sizes, drawn from NumPy's and Python's global streams."""

    def __len__(self) -> int:
        return 8

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.permutation(ROWS).tolist()
        random.shuffle(order)
        bounds = (0, 4, 12, 16, 24, 28, 36, 40, 48)
        return iter([order[start:stop] for start, stop in itertools.pairwise(bounds)])


class Stream(IterableDataset):
    """Rows without an index, augmented."""

    def __iter__(self) -> Iterator[Any]:
        data = Augmented()
        return iter([data[index] for index in range(ROWS)])


class Net(nn.Module):
    """Batch norm, dropout, a buffer that is not persistent and moves with each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(FEATURES, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, CLASSES)
        )
        self.register_buffer("seen", torch.zeros(()), persistent=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return self.body(inputs) * (1 + 1 / (100 + self.seen))


class Plain(nn.Module):
    """A network without normalisation, into which one may be put."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(FEATURES, 16), nn.Linear(16, 16), nn.Linear(16, CLASSES)
        self.bend, self.drop = nn.ReLU(), nn.Dropout(0.2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.third(self.drop(self.bend(self.second(self.bend(self.first(inputs))))))


class Average:
    """An average of a model's weights, moved after each step of its optimizer."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.model, self.steps = model, 0
        self.weights = {name: part.detach().clone() for name, part in model.named_parameters()}
        optimizer.register_step_post_hook(self.move)

    @torch.no_grad()
    def move(self, *_: Any) -> None:
        self.steps += 1
        for name, part in self.model.named_parameters():
            self.weights[name].lerp_(part, 0.1)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        self.weights = {name: part.clone() for name, part in state["weights"].items()}


def trained(store: Any, name: str, number: int, at: int, **options: Any) -> Any:
    """Train `Net` for three epochs of eight batches; whatever is given as a function of the optimizer is made."""
    model = options.pop("model", Net)()
    train = options.pop("train") if "train" in options else DataLoader(Augmented(), batch_size=6, shuffle=True)
    make = options.pop("optimizer", lambda made: torch.optim.Adam(made.parameters(), lr=0.01))
    optimizer = make(model) if callable(make) and not isinstance(make, type) else make
    val = options.pop("val", DataLoader(TensorDataset(*rows(20)), batch_size=10))
    keep = options.pop("keep", None)
    cut = CutAt(at, options.pop("loss", nn.functional.cross_entropy), gently=options.pop("gently", False))
    usual = {"epochs": 3, "seed": 3, "show": "none", "preflight": False, "save_every": 1000, "store": store}
    if keep is not None:
        options["keep"] = keep(model, optimizer)
    if "step" in options:
        take = options.pop("step")
        return af.fit(
            model,
            train,
            val,
            name=name,
            optimizer=optimizer,
            **(usual | options | {"step": lambda net, batch: take(net, batch, cut)}),
        )
    return af.fit(model, train, val, name=name, optimizer=optimizer, loss=cut, **(usual | options))
