"""Random search over rate, optimizer and first weights, with half as many steps more than the training has."""

import random
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from tests.gauntlet.arms.base import Arm, Outcome, planned_steps
from tests.gauntlet.arms.plain import loop
from tests.gauntlet.case import Case, Interruption, Training

TRIES = 5
SHARE = 8
"""Each try runs for an eighth of the plan; the best goes on to its end: 4 eighths are spent on the others."""

OPTIMIZERS = {
    "SGD": lambda weights, rate: torch.optim.SGD(weights, rate, momentum=0.9),
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "RMSprop": torch.optim.RMSprop,
}
DRAWS = {"as it is": None, "He": nn.init.kaiming_uniform_, "Xavier": nn.init.xavier_uniform_}


class RandomSearch(Arm):
    """The first of five tries is the training as it is, four are drawn: rates from 1e-5 to 1 by their logarithm.

    The best by its points on the validation data goes on, which is more than the others are told: a rival is rather
    favoured.
    """

    name = "random search"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        draw = random.Random(seed)
        best, best_points, going = None, -1.0, None
        for number in range(TRIES):
            training = case.make(seed)
            if number:
                training = _drawn(training, draw)
            torch.manual_seed(seed)
            outcome.training = outcome.training or training
            steps = loop(training, seed)
            points, error = _begin(training, steps)
            if points > best_points:
                best, best_points, going = training, points, steps
                outcome.training, outcome.error = best, error
        for _ in going or ():
            pass


def _begin(training: Training, steps: Iterator[int]) -> tuple[float, str]:
    """Run the first eighth of a try; return its points, and how it broke."""
    try:
        for _, _ in zip(range(max(1, planned_steps(training) // SHARE)), steps, strict=False):
            pass
        return training.score(training.model, None), ""
    except (Exception, Interruption) as error:  # noqa: BLE001 - a try that breaks is a bad one
        return 0.0, f"{type(error).__name__}: {error}"[:300]


def _drawn(training: Training, draw: random.Random) -> Training:
    """Return the training with a rate, an optimizer and first weights at random."""
    rate = 10 ** draw.uniform(-5, 0)
    make = OPTIMIZERS[draw.choice(list(OPTIMIZERS))]
    fill = DRAWS[draw.choice(list(DRAWS))]
    if fill is not None:
        with torch.no_grad():
            for weight in training.model.parameters():
                if weight.requires_grad and weight.dim() >= 2:
                    fill(weight)
    weights = [weight for weight in training.model.parameters() if weight.requires_grad]
    return replace(training, optimizer=make(weights, rate), scheduler=None)
