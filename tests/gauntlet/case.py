"""What the gauntlet trains: a case has a sick (or healthy) training to make, and the codes that name its illness."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

Score = Callable[[nn.Module, float | None], float]
"""(model, threshold) -> points from 0 to 100 on the validation data; the threshold is a probability."""

FIT = ("model", "train", "val", "epochs", "optimizer", "loss", "step", "metrics", "goal", "scheduler", "accumulate")
"""Fields of a training that `af.fit` takes by the same name."""


class Interruption(KeyboardInterrupt):
    """Somebody stops the kernel; by its own name, so that an arm can tell it from a real Ctrl-C."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What one arm trains: objects made for it alone."""

    model: nn.Module
    train: Any
    """A `DataLoader`, or anything that gives batches anew each epoch."""

    val: Any
    epochs: int
    optimizer: torch.optim.Optimizer
    score: Score
    """Points of a model on the validation data, taken in eval mode; an answer that is not finite is a wrong one."""

    loss: Callable[[Any, Any], Any] | None = None
    """(outputs, targets) -> number or dict of parts; None: `step`, or the package's choice."""

    step: Callable[[nn.Module, Any], Any] | None = None
    """(model, batch) -> number or dict of parts."""

    metrics: dict[str, Callable[[Any, Any], float]] | None = None
    goal: Any = None
    scheduler: tuple[Any, Literal["step", "epoch"]] | None = None
    """A scheduler of the optimizer, and when it is to be stepped."""

    accumulate: int = 1
    """Batches whose gradients are one step."""

    @property
    def arguments(self) -> dict[str, Any]:
        """All that `af.fit` takes, ready to be handed over."""
        return {name: getattr(self, name) for name in FIT}

    def plain_loss(self, batch: Any) -> torch.Tensor:
        """Return the loss of one batch as a plain loop has it: parts are summed."""
        if self.step is not None:
            return _summed(self.step(self.model, batch))
        *inputs, targets = batch
        outputs = self.model(*inputs)
        return _summed((self.loss or usual_loss)(outputs, targets))

    def plain_schedule(self, when: Literal["step", "epoch"]) -> None:
        """Step the scheduler, if this is its time."""
        if self.scheduler is not None and self.scheduler[1] == when:
            self.scheduler[0].step()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One training with its illness, or a healthy one."""

    name: str
    """Its address; the half that it belongs to hangs on it, so it is never changed."""

    codes: tuple[str, ...]
    """The codes that name the illness rightly, at most two; empty for a healthy case."""

    aim: Literal["rescue", "name", "healthy"]
    """Whether it is to be rescued, or only to be named because nothing done in a run can rescue it."""

    make: Callable[[int], Training]
    """Makes the training: the data are fixed, the weights (and the order) hang on the seed."""

    twin: Callable[[int], Training] | None = None
    """Makes the same task as somebody careful would set it up."""

    store: Callable[[Path], Any] | None = None
    """Makes what `store=` is to be, out of an empty folder; None: the folder itself."""

    again: Callable[[int], Training] | None = None
    """Makes what is fitted next over the same store; the first raises `Interruption` somewhere on its way."""

    source: str = ""
    """Where it was published: a post, a number in the tables of others; empty for our own."""

    says: str = ""
    """What is ill about it, in one sentence."""


LATER_SETS = ("b_", "c_", "d_")
"""How the names of the later sets begin, each by authors who did not know the others."""


def half(name: str) -> Literal["seen", "unseen"]:
    """Return the half that a case belongs to: rules are tuned on the seen one only.

    The first set was halved by the same hash. Its unseen cases were looked at once, in November 2026, and are seen ones
    since; the later sets are halved in their place. The fourth was met as a whole once, and halved after that.
    """
    unseen = name.startswith(LATER_SETS) and hashlib.sha256(name.encode()).digest()[0] % 2 == 0
    return "unseen" if unseen else "seen"


def usual_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return what most would take where nothing is said: cross-entropy, or with as many numbers as outputs the MSE."""
    if not targets.is_floating_point():
        return functional.cross_entropy(outputs, targets)
    if bool(((targets == 0) | (targets == 1)).all()):
        return functional.binary_cross_entropy_with_logits(outputs, targets.view_as(outputs))
    return functional.mse_loss(outputs, targets.view_as(outputs))


def _summed(loss: Any) -> torch.Tensor:
    if isinstance(loss, dict):
        return loss["loss"] if "loss" in loss else sum(loss.values())
    return loss
