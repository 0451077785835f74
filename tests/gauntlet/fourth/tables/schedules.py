"""Rates that fall too early, never rise, rise for ever, and rows that come in order."""

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.tables import sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

lr_scheduler = torch.optim.lr_scheduler

spiral = Recipe(
    data=sets.spiral,
    net=lambda: dense(2, 64, 64, 3),
    optimizer=adam(5e-3),
    batch=40,
    epochs=25,
    scheduler=lambda optimizer: lr_scheduler.StepLR(optimizer, 10, 0.3),
)
hastie = Recipe(
    data=sets.hastie,
    net=lambda: dense(10, 64, 64, 1),
    optimizer=sgd(0.1, momentum=0.9),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=50,
    epochs=20,
    scheduler=lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 50)),
    when="step",
)
wave = Recipe(
    data=sets.wave,
    net=lambda: dense(1, 64, 64, 1),
    optimizer=adam(5e-3),
    loss=nn.MSELoss,
    score=score.fit,
    batch=20,
    epochs=30,
    scheduler=lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.95),
)
shells = Recipe(
    data=sets.shells, net=lambda: dense(4, 64, 64, 4), optimizer=sgd(0.05, momentum=0.9), batch=40, epochs=15
)
homes = Recipe(
    data=sets.homes,
    net=lambda: dense(7, 40, 1),
    optimizer=sgd(0.03, momentum=0.9),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=12,
)


def by_class() -> Data:
    """The shells in the order of their classes."""
    data = sets.shells()
    order = data.targets.argsort(stable=True)
    return data._replace(inputs=data.inputs[order], targets=data.targets[order])


def by_price() -> Data:
    """The homes from the cheapest to the dearest."""
    data = sets.homes()
    order = data.targets[:, 0].argsort()
    return data._replace(inputs=data.inputs[order], targets=data.targets[order])


CASES = [
    spoilt(
        "d_spiral_falls_each_step", "L02 L03", spiral, "The rate falls every ten steps, not epochs.",
        when="step",
    ),
    spoilt(
        "d_hastie_warms_for_ever", "L02", hastie, "The rate warms up over a million steps.",
        scheduler=lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 1_000_000),
    ),
    spoilt(
        "d_wave_rate_grows", "L01", wave, "The factor of the schedule is 1.25 instead of 0.95.",
        scheduler=lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 1.25),
    ),
    spoilt(
        "d_shells_by_class", "D09", shells, "The rows lie in the order of their classes and are not shuffled.",
        data=by_class, shuffle=False,
    ),
    spoilt(
        "d_homes_by_price", "D09", homes, "The homes lie from cheap to dear and are not shuffled.",
        data=by_price, shuffle=False,
    ),
]  # fmt: skip
