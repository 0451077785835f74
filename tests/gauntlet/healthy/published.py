"""The healthy configurations that the published repair tools were measured with, scaled to run fast."""

from dataclasses import replace

from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd

CIRCLE = Recipe(
    data=data.circle, net=lambda: dense(2, 32, 32, 32, 1), optimizer=adam(1e-3), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, epochs=22,
)  # fmt: skip
BLOBS = Recipe(data=data.blobs, net=lambda: dense(2, 50, 3), optimizer=adam(1e-3), epochs=12)


def narrow(inputs: int, depth: int, outputs: int) -> nn.Sequential:
    """Return layers of five tanh units, initialised as Keras does."""
    net = dense(inputs, *[5] * depth, outputs, activation=nn.Tanh)
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def lenet() -> nn.Sequential:
    """Return a small LeNet with tanh."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 3), nn.Tanh(), nn.Flatten(),
        nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10),
    )  # fmt: skip


CASES: tuple[Case, ...] = (
    healthy("H1", CIRCLE, source="H1: circle, 3 x 32 relu, Adam 1e-3"),
    healthy("H2", BLOBS, source="H2: blobs, 50 relu, Adam 1e-3"),
    healthy(
        "B05", replace(BLOBS, net=lambda: narrow(2, 5, 3), optimizer=adam(3e-3), epochs=15),
        source="B05: blobs, 5 x 5 tanh",
    ),
    healthy(
        "B06", replace(BLOBS, net=lambda: narrow(2, 17, 3), optimizer=adam(3e-3), epochs=14),
        source="B06: blobs, 17 x 5 tanh",
    ),
    healthy(
        "K05", replace(CIRCLE, net=lambda: narrow(2, 5, 1), optimizer=adam(1e-2), batch=64, epochs=80),
        source="K05: circle, 5 x 5 tanh",
    ),
    healthy(
        "M3", Recipe(data=data.pictures, net=lenet, optimizer=adam(3e-3), epochs=6), source="M3: LeNet with tanh",
    ),
    healthy(
        "M4", Recipe(data=data.digits, net=lambda: dense(64, 128, 128, 10), optimizer=adam(1e-3), epochs=6),
        source="M4: digits, 2 x 128 relu",
    ),
    healthy(
        "P14s[.1]", Recipe(data=data.digits, net=lambda: dense(64, 64, 10), optimizer=sgd(0.1, momentum=0.9), epochs=6),
        source="P14s: digits, SGD 0.1 with momentum",
    ),
    healthy(
        "P02f", replace(BLOBS, optimizer=adam(1e-3), batch=1, epochs=1), source="P02f: blobs, 50 relu, Adam, batch 1",
    ),
)  # fmt: skip
"""The published healthy ones."""
