"""Healthy trainings beside the published ones, and the data that only they need."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, blobs, cancer, circle, digits, iris, plane, split, table, wine, xor
from tests.gauntlet.nets import dense, glorot, he, lecun
from tests.gauntlet.recipe import Recipe, adam

YES_NO = {"loss": nn.BCELoss, "score": score.yes_no}


def one_hot(data: Callable[[], Data]) -> Callable[[], Data]:
    """Return the data with class numbers made to rows (N, K) for training; validation keeps the numbers."""

    def made() -> Data:
        plain = data()
        return plain._replace(
            targets=functional.one_hot(plain.targets).float(), val_targets=functional.one_hot(plain.val_targets).float()
        )

    return made


def permuted_words() -> Data:
    """Words of eight bits and the same bits in another order, targets (N, 8)."""
    bits = np.random.default_rng(8).integers(0, 2, (900, 8)).astype(float)
    return split(bits, bits[:, [3, 7, 0, 5, 1, 6, 2, 4]], 600)


def falling() -> Data:
    """A line that is mostly negative."""
    random = np.random.default_rng(6)
    inputs = random.normal(size=(900, 2))
    return split(inputs, inputs @ np.array([[1.0], [0.7]]) - 2.0, 600)


def scaled_plane() -> Data:
    """The linear regression with standardised targets."""
    plain = plane()
    mean, deviation = plain.targets.mean(), plain.targets.std()
    return plain._replace(
        targets=(plain.targets - mean) / deviation, val_targets=(plain.val_targets - mean) / deviation
    )


CIRCLE = Recipe(
    data=circle, net=lambda: dense(2, 32, 32, 1, end=nn.Sigmoid()), optimizer=adam(1e-2), epochs=12, **YES_NO
)
NARROW = replace(CIRCLE, net=lambda: lecun(dense(2, *[5] * 5, 1, activation=nn.SELU, end=nn.Sigmoid())), epochs=20)
BLOBS = Recipe(data=blobs, net=lambda: he(dense(2, 50, 3)), optimizer=adam(1e-2), epochs=8)
DIGITS = Recipe(data=digits, net=lambda: glorot(dense(64, 64, 64, 10)), optimizer=adam(3e-3))
XOR = Recipe(
    data=xor,
    net=lambda: dense(2, 8, 1, activation=nn.Tanh, end=nn.Sigmoid()),
    optimizer=adam(5e-2),
    batch=8,
    epochs=10,
    **YES_NO,
)
TABLE = Recipe(
    data=table, net=lambda: dense(20, 50, 50, 1, end=nn.Sigmoid()), optimizer=adam(3e-3), epochs=12, **YES_NO
)
CANCER = Recipe(data=cancer, net=lambda: dense(30, 32, 1, end=nn.Sigmoid()), optimizer=adam(3e-3), epochs=12, **YES_NO)
WINE = Recipe(data=wine, net=lambda: dense(13, 32, 3), optimizer=adam(1e-2), batch=8, epochs=12)
IRIS = Recipe(data=iris, net=lambda: dense(4, 16, 3), optimizer=adam(1e-2), batch=8, epochs=15)
PLANE = Recipe(
    data=scaled_plane, net=lambda: dense(20, 25, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit, epochs=12
)
