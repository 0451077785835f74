"""Nets that solve an equation: what holds at the edges is the same for any rows, and no penalty."""

from math import pi
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.case import Case
from tests.gauntlet.data import Data, split
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam

FORCE = 4 * pi**2


def rod() -> Data:
    """Places (N, 1) along a rod, and the solution there."""
    places = np.random.default_rng(2).random((480, 1))
    return split(places, np.sin(2 * pi * places) + places, 320)


def solving_step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
    """The second derivative is that of a sine; the ends are held at 0 and 1."""
    with torch.enable_grad():
        places, ends = batch[0].clone().requires_grad_(), torch.tensor([[0.0], [1.0]])
        slope = torch.autograd.grad(model(places).sum(), places, create_graph=True)[0]
        bend = torch.autograd.grad(slope.sum(), places, create_graph=True)[0]
        off = bend / FORCE + torch.sin(2 * pi * places)
        return {"equation": off.square().mean(), "edges": (model(ends) - ends).square().mean()}


CASES: tuple[Case, ...] = (
    healthy("physics-informed net", Recipe(
        data=rod, net=lambda: dense(1, 32, 32, 1, activation=nn.Tanh), optimizer=adam(1e-2), loss=None,
        step=solving_step, score=score.fit, epochs=50, batch=64,
    )),
)  # fmt: skip
"""Trainings without targets that end well."""
