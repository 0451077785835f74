"""Ready-made runs for the tests: histories from plain lists, a real small run, and a folder that looks like one."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checkpoints import Snapshot
from autofix_nb.data import Fault, Quarantine
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import Controls
from autofix_nb.fixes.wiring import rewire_optimizer
from autofix_nb.history import History
from autofix_nb.journal import Journal
from autofix_nb.objective import split_batch, task_of
from autofix_nb.report import build


def history(**series: list[float]) -> History:
    """Build a history from plain lists, the first value of each at step 0."""
    run = History()
    for name, values in series.items():
        for step, value in enumerate(values):
            run.record(step, **{name: value})
    return run


def epochs(goals: list[float], *, higher_is_better: bool = True, steps: int = 10, **more: Any) -> History:
    """Build a history with one row an epoch, whose goal is as listed."""
    run = History()
    for epoch, goal in enumerate(goals, start=1):
        row = {"epoch": epoch, "step": epoch * steps, "loss": 1.0 / epoch, "lr": 0.1, "goal": goal}
        run.add_epoch(row | {"goal_name": "val/accuracy", "higher_is_better": higher_is_better} | more)
    return run


def finding(**fields: Any) -> Finding:
    """Return a finding of which only what matters is said."""
    usual = {
        "code": "G01",
        "title": "Exploding gradients",
        "severity": Severity.WARNING,
        "step": 100,
        "measured": 500.0,
        "limit": 100.0,
        "says": "gradient norm 500, limit 100",
        "fixes": ("clip_gradients", "scale_lr"),
    }
    return Finding(**usual | fields)


def sick_pictures(rows: int = 24, side: int = 6) -> DataLoader:
    """Return a loader of pictures from 0 to 255, ordered by class and not shuffled, with few of the last class."""
    generator = torch.Generator().manual_seed(2)
    pictures = torch.randint(0, 256, (rows, 3, side, side), generator=generator).float()
    labels = (torch.arange(rows) >= rows // 2).long() + (torch.arange(rows) >= rows - 3).long()
    return DataLoader(TensorDataset(pictures, labels), batch_size=8)


class RealRun:
    """What a fix sees of a run, with a real model that was trained for a few steps.

    Before training there was much to fix: the last bias is in no group of the optimizer, the data are
    `sick_pictures`, the loss has no weights.
    """

    def __init__(self, steps: int = 6, model: nn.Module | None = None) -> None:
        torch.manual_seed(0)
        usual = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        self.model = usual if model is None else model
        self.optimizer = torch.optim.Adam(list(self.model.parameters())[:-1], lr=0.01)
        self.train, self.val = sick_pictures(), sick_pictures()
        self.loss = nn.CrossEntropyLoss()
        self.controls = Controls()
        self.history = History()
        self.quarantine = Quarantine()
        self.snapshot: Snapshot | None = None
        self.suspects: list[Fault] = []
        self.found_before: list[Finding] = []
        self.task = task_of(self.loss, torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
        self.steps = 0
        self.take_steps(steps // 2)
        self.snapshot = Snapshot(self.steps, self.model, self.optimizer)
        self.take_steps(steps - steps // 2)
        row = {"step": self.steps, "steps": self.steps, "val/threshold": 0.25, "higher_is_better": True}
        for epoch, goal in enumerate((0.1, 0.4, 0.8), start=1):
            self.history.add_epoch(
                row | {"epoch": epoch, "goal": goal, "val/f1_at_half": 0.4, "val/f1_at_threshold": 0.6}
            )
        self.history.facts |= {"planned_epochs": 3, "steps_per_epoch": 2}
        self.extra_steps_left = 20

    def take_steps(self, steps: int) -> None:
        """Take some steps on random rows."""
        for _ in range(steps):
            inputs, targets = torch.randn(16, 4), torch.randint(0, 3, (16,))
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            self.steps += 1
            self.history.record(self.steps, loss=loss.item(), grad_norm=2.0, lr=0.01)
            self.history.record(self.steps, **{"loss/near": 0.1 * loss.item(), "loss/far": 0.9 * loss.item()})

    def sample_batches(self, count: int) -> list[Any]:
        """Return batches that fit the model, always the same."""
        generator = torch.Generator().manual_seed(3)
        return [
            (torch.randn(16, 4, generator=generator), torch.randint(0, 3, (16,), generator=generator))
            for _ in range(count)
        ]

    split = staticmethod(split_batch)

    def rewire(self, joined=(), left=()) -> None:
        """Let parameters join and leave the optimizer."""
        rewire_optimizer(self.optimizer, joined, left)

    def begin_again(self) -> None:
        """Nothing: the live run goes back to its first weights here, and keeps the way back itself."""

    def set_aside(self, fault: Fault) -> None:
        """Put one sample into quarantine."""
        self.quarantine.add(fault, epoch=0, position=3)

    def bits(self) -> dict[str, Any]:
        """Return all of it as bytes and plain values, to compare before and after."""
        return {
            "weights": {name: _bits(part) for name, part in self.model.state_dict().items()},
            "structure": structure(self.model),
            "optimizer": _deep_bits(self.optimizer.state_dict()),
            "groups": [[id(parameter) for parameter in group["params"]] for group in self.optimizer.param_groups],
            "train": _identities(self.train),
            "val": _identities(self.val),
            "loss": {name: part if part is None else _bits(part) for name, part in self.loss._buffers.items()},
            "controls": self.controls.state() | {"stop": self.controls.stop},
            "quarantine": self.quarantine.state(),
            "history": _deep_bits(self.history.state()),
            "random": _bits(torch.get_rng_state()),
            "snapshot": self.snapshot and _deep_bits(self.snapshot.weights),
            "suspects": list(self.suspects),
        }


def structure(model: nn.Module) -> list[Any]:
    """Return what a model is made of: its modules in their order, by class, settings and mode, and what learns."""
    modules = [
        (name, type(module), module.extra_repr(), module.training, sorted(map(str, vars(module))))
        for name, module in model.named_modules(remove_duplicate=False)
    ]
    learning = [(name, id(one), one.requires_grad) for name, one in model.named_parameters(remove_duplicate=False)]
    return modules + learning


def report(**fields: Any) -> dict[str, Any]:
    """Return the report of an uneventful run, but for the fields given."""
    usual = {
        "settings": {"name": "leaves"},
        "status": "finished",
        "history": History(),
        "journal": Journal(),
        "quarantine": Quarantine(),
        "findings": [],
        "ending": {"steps": 60, "seconds": 4.2},
    }
    return build(**usual | fields)


def fault(index: Any = 7, **fields: Any) -> Fault:
    """Return what is known of a sample that could not be used."""
    return Fault(**{"index": index, "kind": "raises", "reason": "ValueError: broken"} | fields)


def trainee(run: History, **fields: Any) -> SimpleNamespace:
    """Return what a fix sees of a run that has only a history."""
    usual = {"history": run, "controls": Controls(), "quarantine": Quarantine(), "snapshot": None, "suspects": []}
    return SimpleNamespace(**usual | fields)


def _identities(loader: DataLoader) -> dict[str, int]:
    parts = vars(loader) | {"batches": loader.batch_sampler.sampler, "count": len(vars(loader.batch_sampler))}
    return {name: id(part) for name, part in parts.items()}


def _bits(tensor: torch.Tensor) -> tuple[str, tuple[int, ...], bytes]:
    return str(tensor.dtype), tuple(tensor.shape), tensor.detach().cpu().contiguous().numpy().tobytes()


def _deep_bits(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return _bits(value)
    if hasattr(value, "tobytes"):
        return value.tobytes()
    if isinstance(value, dict):
        return {name: _deep_bits(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_deep_bits(part) for part in value]
    return value
