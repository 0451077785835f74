"""Losses of two parts, one of which drowns the other."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet.fourth.tables import sets
from tests.gauntlet.recipe import Recipe, adam, spoilt


class Both(nn.Module):
    """One body for a class and for the inputs themselves; it answers with the classes."""

    def __init__(self, features: int = 4, hidden: int = 24, classes: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.classes, self.copy = nn.Linear(hidden, classes), nn.Linear(hidden, features)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.classes(self.body(inputs))


def both(weight: float, unit: float = 1.0) -> Any:
    """Return a step that names the class and gives back the inputs, in units of `unit`."""

    def step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        inputs, labels = batch
        hidden = model.body(inputs)
        again = functional.mse_loss(model.copy(hidden), inputs * unit)
        return {"class": functional.cross_entropy(model.classes(hidden), labels), "again": weight * again}

    return step


class Narrow(nn.Module):
    """A noisy code of six numbers between the points and their class."""

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, 6))
        self.classes = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 3))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.classes(self.code(points))


def bottleneck(weight: float) -> Any:
    """Return a step that names the class from a noisy code, and asks for codes near 0."""

    def step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        points, labels = batch
        code = model.code(points)
        outputs = model.classes(code + torch.randn_like(code))
        divergence = 0.5 * code.square().sum(1).mean()
        return {"class": functional.cross_entropy(outputs, labels), "divergence": weight * divergence}

    return step


copies = Recipe(data=sets.shells, net=Both, optimizer=adam(3e-3), loss=None, step=both(0.1), batch=40, epochs=20)
spiral = Recipe(
    data=sets.spiral, net=Narrow, optimizer=adam(5e-3), loss=None, step=bottleneck(1e-3), batch=40, epochs=30
)

CASES = [
    spoilt(
        "d_shells_copy_in_thousands", "G05", copies, "What is to be given back is in thousands, squared.",
        step=both(1.0, 1000.0),
    ),
    spoilt(
        "d_spiral_code_collapsed", "G05 L11", spiral, "The part that wants codes near 0 leaves nothing in them.",
        step=bottleneck(2.0),
    ),
]  # fmt: skip
