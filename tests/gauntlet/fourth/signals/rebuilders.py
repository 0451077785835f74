"""Sick autoencoders of grey photo tiles of 100 pixels, plain and variational."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.signals.bodies import Dreamer, rebuilt
from tests.gauntlet.fourth.signals.material import grey, with_rows
from tests.gauntlet.nets import dense, drawn, normal
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

TILES = Recipe(
    data=grey,
    net=lambda: dense(100, 48, 12, 48, 100),
    optimizer=adam(3e-3),
    loss=nn.MSELoss,
    score=score.fit,
    batch=20,
    epochs=14,
)
TANH = replace(
    TILES, net=lambda: dense(100, 40, 10, 40, 100, activation=nn.Tanh), optimizer=sgd(0.5, momentum=0.9), epochs=18
)


class Evidence:
    """The loss of a variational autoencoder: what is lost in rebuilding, and how far the codes are from a normal."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, outputs: Any, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        rows, mean, log_variance = outputs
        distance = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
        return {"rebuilt": (rows - targets).square().mean(), "distance": self.weight * distance}


DREAMS = replace(TILES, net=Dreamer, loss=lambda: Evidence(2e-3), score=rebuilt, epochs=15)


def _bright() -> Data:
    """The tiles in grey values around 120 instead of standardised."""
    data = grey()
    inputs, val_inputs = 120 + 60 * data.inputs, 120 + 60 * data.val_inputs
    return Data(inputs, inputs, val_inputs, val_inputs)


def _hot() -> Data:
    """In one tile of twenty the sensor gave five hundred times of what it saw."""
    data = with_rows(grey(), torch.arange(0, 600, 20), lambda rows: 500 * rows)
    return data._replace(targets=data.inputs)


CASES = [
    spoilt(
        "d_tiles_sigmoid_end",
        "B08 L05",
        TILES,
        "The tiles are standardised, and the net that is to rebuild them ends in a sigmoid.",
        net=lambda: dense(100, 48, 12, 48, 100, end=nn.Sigmoid()),
    ),
    spoilt(
        "d_tiles_saturated",
        "G02 B08",
        TANH,
        "Weights of deviation 2 push every tanh to its ends.",
        net=lambda: drawn(dense(100, 40, 10, 40, 100, activation=nn.Tanh), normal(2.0)),
    ),
    spoilt(
        "d_tiles_grey_values",
        "B03 L01",
        TILES,
        "Inputs and targets are grey values around 120, and SGD diverges.",
        data=_bright,
        optimizer=sgd(0.05, momentum=0.9),
    ),
    spoilt("d_tiles_hot_sensor", "D03", TANH, "One tile in twenty is five hundred times too bright.", data=_hot),
    spoilt("d_tiles_sgd_crawls", "L02", TANH, "SGD at 0.001 for an MSE of a hundred pixels.", optimizer=sgd(1e-3)),
    spoilt(
        "d_dreams_collapsed",
        "G05 L11",
        DREAMS,
        "The distance of the codes is summed where the rebuilding is a mean, and wins: all codes are the same.",
        loss=lambda: Evidence(1.0),
    ),
]
