"""Losses that do not fit the outputs or the targets."""

from typing import Any

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.tables import sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

spiral = Recipe(data=sets.spiral, net=lambda: dense(2, 64, 64, 3), optimizer=sgd(0.04), batch=40, epochs=30)
moons = Recipe(
    data=sets.moons,
    net=lambda: dense(2, 32, 32, 1, end=nn.Sigmoid()),
    optimizer=adam(3e-3),
    loss=nn.BCELoss,
    score=score.yes_no,
    epochs=20,
)
slow = Recipe(
    data=sets.topics,
    net=lambda: dense(16, 64, 8),
    optimizer=sgd(0.3),
    loss=nn.BCEWithLogitsLoss,
    score=score.f1,
    epochs=15,
)
tags = Recipe(
    data=lambda: sets.topics(cut=1.2),
    net=lambda: dense(16, 64, 8),
    optimizer=adam(5e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.f1,
    epochs=20,
)
homes = Recipe(
    data=sets.homes, net=lambda: dense(7, 48, 1), optimizer=adam(3e-3), loss=nn.MSELoss, score=score.fit, epochs=12
)
phase = Recipe(
    data=lambda: sets.standard(sets.circuit(phase=True), targets=True),
    net=lambda: dense(4, 48, 48, 1),
    optimizer=adam(3e-3),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=15,
)
summed = Recipe(
    data=lambda: sets.standard(sets.circuit(), targets=True),
    net=lambda: dense(4, 48, 48, 1),
    optimizer=sgd(0.05),
    loss=nn.MSELoss,
    score=score.fit,
    batch=50,
    epochs=20,
)


def flat_targets() -> Data:
    """The homes with their prices as (N,)."""
    data = sets.homes()
    return data._replace(targets=data.targets[:, 0], val_targets=data.val_targets[:, 0])


def squares(outputs: Any, targets: Any) -> torch.Tensor:
    """Return the mean square, as many write it by hand."""
    return ((outputs - targets) ** 2).mean()


CASES = [
    spoilt(
        "d_spiral_softmax_twice", "B08", spiral, "A softmax ends the net, and cross-entropy takes another.",
        net=lambda: dense(2, 64, 64, 3, end=nn.Softmax(dim=1)),
    ),
    spoilt(
        "d_topics_as_one_class", "B08 L07", tags, "Cross-entropy is taken where several labels can be true.",
        loss=nn.CrossEntropyLoss,
    ),
    spoilt(
        "d_moons_softmax_of_one", "B08 G02", moons, "A softmax over one output is 1 whatever goes in.",
        net=lambda: dense(2, 32, 32, 1, end=nn.Softmax(dim=1)),
    ),
    spoilt(
        "d_homes_broadcast", "B05", homes, "Outputs (N, 1) less targets (N,) make a square of all pairs.",
        data=flat_targets, loss=lambda: squares,
    ),
    spoilt(
        "d_phase_behind_sigmoid", "B08 L05", phase, "A sigmoid ends the net of targets that go below 0 and above 1.",
        net=lambda: dense(4, 48, 48, 1, end=nn.Sigmoid()),
    ),
    spoilt(
        "d_circuit_summed", "B08 L01", summed, "The squares are summed over the batch at a rate meant for the mean.",
        loss=lambda: nn.MSELoss(reduction="sum"),
    ),
    spoilt(
        "d_topics_sigmoid_twice", "B08", slow, "A sigmoid ends the net, and the loss takes another.",
        net=lambda: dense(16, 64, 8, end=nn.Sigmoid()),
    ),
]  # fmt: skip
