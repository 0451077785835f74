"""What an arm is: somebody's way to train a case; and what came of it, as one plain row."""

import math
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from autofix_nb.data import guard_loader
from tests.gauntlet.case import Case, Interruption, Training, half

Row = dict[str, Any]


@dataclass
class Outcome:
    """What an arm leaves behind, filled on the way: what raises is judged by what it had until then."""

    folder: Path
    """An empty folder for whatever an arm writes."""

    training: Training | None = None
    threshold: float | None = None
    findings: list[tuple[str, int, str, str]] = field(default_factory=list)
    """Code, step, severity and sentence of all that was said."""

    interventions: list[str] = field(default_factory=list)
    """Names of what was changed in the run: services that are announced, such as stopping early, are none."""

    error: str = ""


class Arm(ABC):
    """Somebody's way to train a case. All arms get the same data, first weights, order of batches and steps."""

    name: ClassVar[str]
    package: ClassVar[str] = ""
    """What must be installed for it."""

    @property
    def missing(self) -> str:
        """Why it cannot be run here, or nothing."""
        there = not self.package or find_spec(self.package.split(".")[0]) is not None
        return "" if there else f"{self.package} is not installed"

    @abstractmethod
    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        """Train the case of this seed, and note in the outcome what is to be judged."""


def run(arm: Arm, case: Case, seed: int) -> Row:
    """Train, and return a row of plain values. Whatever raises in an arm is written down."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        outcome = Outcome(Path(folder))
        began = time.process_time()
        try:
            with _counting(outcome) as steps:
                arm.train(case, seed, outcome)
        except (Exception, Interruption) as error:  # noqa: BLE001 - that it breaks is a result
            outcome.error = f"{type(error).__name__}: {error}"[:300]
        seconds = time.process_time() - began  # of this process: the machine may be shared
        planned = planned_steps(outcome.training)
        return {
            "case": case.name,
            "arm": arm.name,
            "seed": seed,
            "half": half(case.name),
            "aim": case.aim,
            "codes": list(case.codes),
            "score": _score(outcome),
            "threshold": outcome.threshold,
            "steps": len(steps),
            "planned": planned,
            "seconds": round(seconds, 3),
            "findings": [list(finding) for finding in outcome.findings],
            "interventions": outcome.interventions,
            "error": outcome.error,
        }


def planned_steps(training: Training | None) -> int:
    """Return the optimizer steps that a training asks for; 0 where its data have no length."""
    try:
        return training.epochs * -(-len(training.train) // training.accumulate)
    except (TypeError, AttributeError):
        return 0


def batches(training: Training, seed: int, epoch: int) -> Iterator[Any]:
    """Yield the batches of an epoch, the same for all arms. A sample that raises does so here too."""
    for batch in guard_loader(training.train, seed, guarded=False).epoch(epoch):
        yield batch.data


def validation_loss(training: Training) -> float:
    """Return the mean loss over the validation data, infinity where it is not finite."""
    model: nn.Module = training.model
    model.eval()
    total = rows = 0.0
    with torch.no_grad(), torch.random.fork_rng():
        for batch in training.val:
            size = len(batch[0]) if isinstance(batch, list | tuple) else 1
            total += float(training.plain_loss(batch)) * size
            rows += size
    model.train()
    return total / rows if math.isfinite(total) else math.inf


def _score(outcome: Outcome) -> float:
    """Return the points, the lowest where there is nothing to judge."""
    if outcome.training is None:
        return 0.0
    try:
        points = float(outcome.training.score(outcome.training.model, outcome.threshold))
    except Exception as error:  # noqa: BLE001 - a model that cannot answer is wrong
        outcome.error = outcome.error or f"score: {type(error).__name__}: {error}"[:300]
        return 0.0
    return round(points, 3) if math.isfinite(points) else 0.0


@contextmanager
def _counting(outcome: Outcome) -> Iterator[list[None]]:
    """Count the steps of all optimizers, also of those that are tried on the side; not those that made the case."""
    steps: list[None] = []

    def count(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if outcome.training is not None:
            steps.append(None)

    handle = register_optimizer_step_post_hook(count)
    try:
        yield steps
    finally:
        handle.remove()
