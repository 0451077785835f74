"""First weights such as no rule draws, and signals that come to nothing through time and depth."""

import numpy as np
import torch
from torch import nn

from tests.gauntlet.data import Data, split
from tests.gauntlet.nets import Words, dense, drawn
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.sick.twins import CURVE, DIGITS, WORDS


def first_mark() -> Data:
    """Noisy sequences of 24 steps whose class is marked in the first step alone."""
    random = np.random.default_rng(4)
    rows, marks = random.normal(size=(900, 24, 5)) * 0.5, random.integers(0, 4, 900)
    rows[np.arange(900), 0, marks] += 2.5
    return split(rows, marks, 600)


class Memory(nn.Module):
    """Answers by its last state alone; its recurrent weights are orthogonal, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.memory, self.head = nn.RNN(5, 32, batch_first=True), nn.Linear(32, 4)
        nn.init.orthogonal_(self.memory.weight_hh_l0)
        with torch.no_grad():
            self.memory.weight_hh_l0.mul_(factor)

    def forward(self, rows_NTF: torch.Tensor) -> torch.Tensor:
        return self.head(self.memory(rows_NTF)[0][:, -1])


def loud_attention() -> nn.Module:
    """Return a transformer whose matrices are 40 times as large as they should be."""
    net = Words()
    with torch.no_grad():
        for part in net.body.parameters():
            if part.dim() > 1:
                part.mul_(40.0)
    return net


MARK = Recipe(data=first_mark, net=lambda: Memory(1.0), optimizer=adam(2e-3), batch=25, epochs=12)

CASES = [
    spoilt(
        "first_mark_forgotten",
        "G02",
        MARK,
        "recurrent weights a twentieth of what they should be, and the mark is in the first of 24 steps",
        net=lambda: Memory(0.05),
    ),
    spoilt(
        "digits_first_weights_one_number",
        "G04 G07",
        DIGITS,
        "all first weights are 0.05, so that all units stay the same",
        net=lambda: drawn(dense(64, 64, 10), lambda weight: nn.init.constant_(weight, 0.05)),
    ),
    spoilt(
        "words_loud_attention",
        "G02 L01",
        WORDS,
        "the matrices of a transformer are 40 times too large",
        net=loud_attention,
    ),
    spoilt(
        "curve_five_sigmoids_with_sgd",
        "G02 L02",
        CURVE,
        "five layers of sigmoids with SGD",
        net=lambda: dense(10, *[32] * 5, 1, activation=nn.Sigmoid),
        optimizer=sgd(0.1),
    ),
]
