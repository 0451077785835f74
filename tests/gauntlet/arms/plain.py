"""The loop that everybody writes first, and the same begun anew with another seed."""

from collections.abc import Iterator

import torch

from tests.gauntlet.arms.base import Arm, Outcome, batches
from tests.gauntlet.case import Case, Training

ANOTHER = 1000
"""Added to the seed of who tries again."""


def loop(training: Training, seed: int) -> Iterator[int]:
    """Train as planned; yields the epoch (from 0) after each of its steps."""
    for epoch in range(training.epochs):
        training.model.train()
        waiting = 0
        training.optimizer.zero_grad()
        for batch in batches(training, seed, epoch):
            (training.plain_loss(batch) / training.accumulate).backward()
            waiting += 1
            if waiting == training.accumulate:
                _step(training)
                waiting = 0
                yield epoch
        if waiting:
            _step(training)
            yield epoch
        training.plain_schedule("epoch")


def _step(training: Training) -> None:
    training.optimizer.step()
    training.optimizer.zero_grad()
    training.plain_schedule("step")


class Plain(Arm):
    """The training as it is written down, without anything around it."""

    name = "plain"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        outcome.training = case.make(seed)
        torch.manual_seed(seed)
        for _ in loop(outcome.training, seed):
            pass


class Reseed(Arm):
    """The same with another seed: a retrain is a rival of every repair."""

    name = "reseed"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        Plain().train(case, seed + ANOTHER, outcome)


class Twin(Arm):
    """The healthy twin of a sick case, in the plain loop."""

    name = "twin"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        if case.twin is None:
            return
        outcome.training = case.twin(seed)
        torch.manual_seed(seed)
        for _ in loop(outcome.training, seed):
            pass
