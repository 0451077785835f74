"""Clipping, decay, dropout and penalties that are stronger than the task."""

from typing import Any

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.case import Training
from tests.gauntlet.fourth.tables import models, sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt


def clipped(norm: float) -> Any:
    """Return what clips the gradients before each step of the optimizer."""

    def register(training: Training) -> None:
        def clip(optimizer: torch.optim.Optimizer, arguments: Any, named: Any) -> None:
            nn.utils.clip_grad_norm_(training.model.parameters(), norm)

        training.optimizer.register_step_pre_hook(clip)

    return register


def penalised(strength: float) -> Any:
    """Return a step with the sum of all absolute weights as a part of its loss."""

    def step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        penalty = sum(weight.abs().sum() for weight in model.parameters())
        return {"fit": nn.functional.mse_loss(model(inputs), targets), "penalty": strength * penalty}

    return step


homes = Recipe(
    data=sets.homes,
    net=lambda: dense(7, 48, 48, 1),
    optimizer=sgd(0.05),
    loss=nn.MSELoss,
    score=score.fit,
    batch=25,
    epochs=15,
    last=clipped(5.0),
)
spiral = Recipe(
    data=sets.spiral,
    net=lambda: dense(2, 64, 64, 3),
    optimizer=adam(5e-3, weight_decay=1e-5),
    batch=40,
    epochs=25,
)
hastie = Recipe(
    data=sets.hastie,
    net=lambda: dense(10, 64, 64, 1, dropout=0.1),
    optimizer=adam(3e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=50,
    epochs=20,
)
circuit = Recipe(
    data=lambda: sets.standard(sets.circuit(), targets=True),
    net=lambda: dense(4, 48, 48, 1),
    optimizer=adam(3e-3),
    loss=None,
    step=penalised(1e-6),
    score=score.fit,
    batch=40,
    epochs=20,
)
ratings = Recipe(
    data=sets.ratings,
    net=models.Taste,
    optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.01),
    loss=nn.SmoothL1Loss,
    score=score.fit,
    batch=50,
    epochs=12,
)

CASES = [
    spoilt(
        "d_homes_clipped_to_nothing", "G06 L02", homes, "Gradients are clipped to a norm of 0.002.",
        last=clipped(0.002),
    ),
    spoilt(
        "d_spiral_decayed", "L05 L03", spiral, "A weight decay of 0.3 in Adam draws all weights to 0.",
        optimizer=adam(5e-3, weight_decay=0.3),
    ),
    spoilt(
        "d_hastie_dropped_out", "L05", hastie, "The share to keep was given as the share to drop.",
        net=lambda: dense(10, 64, 64, 1, dropout=0.95),
    ),
    spoilt(
        "d_circuit_penalised", "G05 L11", circuit, "The sum of absolute weights counts for far more than the fit.",
        step=penalised(0.1),
    ),
    spoilt(
        "d_ratings_decayed", "L05 L03", ratings, "A decay of 30 in AdamW takes a third of each weight at a step.",
        optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=30.0),
    ),
]  # fmt: skip
