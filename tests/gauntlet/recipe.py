"""A training as one line a part: data, net, loss, optimizer. A case is a recipe with something spoilt in it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from tests.gauntlet import score
from tests.gauntlet.case import Case, Training
from tests.gauntlet.data import Data, loaders


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Called with a seed, it makes everything anew. `dataclasses.replace` makes another of it."""

    data: Callable[[], Data]
    net: Callable[[], nn.Module]
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    loss: Callable[[], Callable[[Any, Any], Any]] | None = nn.CrossEntropyLoss
    """Makes the loss; None where there is a step."""

    step: Callable[[nn.Module, Any], Any] | None = None
    score: Callable[[nn.Module, Data, float | None], float] = score.accuracy
    batch: int = 32
    epochs: int = 7
    shuffle: bool = True
    rows: Callable[[Data], Dataset] | None = None
    """Makes the training set where it is more than the rows of the data."""

    scheduler: Callable[[torch.optim.Optimizer], Any] | None = None
    when: str = "epoch"
    """When the scheduler is stepped."""

    metrics: dict[str, Callable[[Any, Any], float]] | None = None
    goal: Any = None
    accumulate: int = 1
    last: Callable[[Any], None] = field(default=lambda training: None)
    """What is done at last to what was made, such as a hook."""

    def __call__(self, seed: int) -> Training:
        """Return the training of this seed."""
        data = self.data()
        torch.manual_seed(seed)
        net = self.net()
        optimizer = self.optimizer(net)
        rows = None if self.rows is None else self.rows(data)
        train, val = loaders(data, self.batch, shuffle=self.shuffle, train=rows)
        training = Training(
            model=net,
            train=train,
            val=val,
            epochs=self.epochs,
            optimizer=optimizer,
            loss=None if self.loss is None else self.loss(),
            step=self.step,
            metrics=self.metrics,
            goal=self.goal,
            accumulate=self.accumulate,
            scheduler=None if self.scheduler is None else (self.scheduler(optimizer), self.when),
            score=lambda model, threshold: self.score(model, data, threshold),
        )
        self.last(training)
        return training


def spoilt(
    name: str, codes: str, twin: Recipe, says: str, *, aim: str = "rescue", source: str = "", **changes: Any
) -> Case:
    """Return a sick case: the recipe of its twin with some parts changed."""
    sick = replace(twin, **changes)
    return Case(name=name, codes=tuple(codes.split()), aim=aim, make=sick, twin=twin, says=says, source=source)


def sgd(lr: float, **more: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return what makes plain SGD."""
    return lambda net: torch.optim.SGD(net.parameters(), lr=lr, **more)


def adam(lr: float, **more: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return what makes Adam."""
    return lambda net: torch.optim.Adam(net.parameters(), lr=lr, **more)
