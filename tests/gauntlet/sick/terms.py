"""Terms of a loss that drown each other or work against each other."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import curve, digits, table
from tests.gauntlet.nets import Split, dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt


class TwoHeads(nn.Module):
    """A body under a head of classes and a head of numbers."""

    def __init__(self, hidden: int = 12) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, hidden), nn.ReLU())
        self.classes = nn.Linear(hidden, 10)
        self.numbers = nn.Linear(hidden, 64)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.classes(self.body(inputs))


def _both(weight: float, *, noise: float = 0.0) -> Callable[[nn.Module, list[torch.Tensor]], dict[str, torch.Tensor]]:
    """Return a step with two tasks: classes, and the pixels of the mirrored picture."""

    def step(model: nn.Module, batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        hidden = model.body(inputs)
        wanted = inputs.flip(1) if not noise else inputs.roll(1, 0) * noise
        return {
            "classes": functional.cross_entropy(model.classes(hidden), targets),
            "numbers": weight * functional.mse_loss(model.numbers(hidden), wanted),
        }

    return step


def _contrast(weight: float) -> Callable[[nn.Module, list[torch.Tensor]], dict[str, torch.Tensor]]:
    """Return a step that pulls different classes together where `weight` is positive."""

    def step(model: nn.Module, batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        hidden = model.body(inputs)
        apart = torch.cdist(hidden, hidden).square()[targets[:, None] != targets].mean()
        return {"classes": functional.cross_entropy(model.head(hidden), targets), "contrast": weight * apart}

    return step


def _small(weight: float) -> Callable[[nn.Module, list[torch.Tensor]], dict[str, torch.Tensor]]:
    """Return a step that also wants the answers of a regression to be small."""

    def step(model: nn.Module, batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        outputs = model(inputs)
        return {"error": functional.mse_loss(outputs, targets), "size": weight * outputs.square().mean()}

    return step


def _undecided(weight: float) -> Callable[[nn.Module, list[torch.Tensor]], dict[str, torch.Tensor]]:
    """Return a step whose second part rewards the other answer."""

    def step(model: nn.Module, batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        outputs = model(inputs)
        wrong = functional.softplus(outputs * (2 * targets - 1)).mean()
        return {"right": functional.binary_cross_entropy_with_logits(outputs, targets), "other": weight * wrong}

    return step


CURVE = Recipe(
    data=curve, net=lambda: Split(10, 64, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit, epochs=12
)


TWO = Recipe(
    data=digits,
    net=TwoHeads,
    optimizer=adam(1e-2),
    loss=None,
    step=_both(1.0),
    epochs=8,
    goal=("val/loss/classes", "min"),
)
CONTRAST = Recipe(
    data=digits,
    net=lambda: Split(hidden=32),
    optimizer=adam(3e-3),
    loss=None,
    step=_contrast(0.0),
    goal=("val/loss/classes", "min"),
)
SMALL = replace(CURVE, loss=None, step=_small(0.01), goal=("val/loss/error", "min"))
TABLE = Recipe(
    data=table,
    net=lambda: dense(20, 32, 1),
    optimizer=adam(1e-2),
    loss=None,
    step=_undecided(0.0),
    score=score.yes_no,
    epochs=10,
    goal=("val/loss/right", "min"),
)


CASES = [
    spoilt(
        "pixels_drown_the_classes",
        "G05",
        TWO,
        "the second of two losses counts ten thousand times the first",
        step=_both(1e4),
    ),
    spoilt(
        "noise_drowns_the_classes",
        "G05",
        TWO,
        "a loss of things that cannot be known counts a thousand times too much",
        step=_both(1e3, noise=30.0),
    ),
    spoilt(
        "classes_count_almost_nothing",
        "G05 L02",
        replace(TWO, optimizer=sgd(0.3)),
        "the loss of the classes is lost beside the other, with SGD",
        step=_both(1e3),
        optimizer=sgd(3e-4),
    ),
    spoilt(
        "contrast_with_the_wrong_sign",
        "L11 G05",
        CONTRAST,
        "a contrastive term pulls different classes together",
        step=_contrast(10.0),
    ),
    spoilt(
        "answers_wanted_small",
        "L11 G05",
        SMALL,
        "a penalty on the size of the answers outweighs the error",
        step=_small(3.0),
    ),
    spoilt(
        "a_part_rewards_the_other_answer",
        "L11",
        TABLE,
        "the second part rewards the wrong answer a little more",
        step=_undecided(1.05),
    ),
]
