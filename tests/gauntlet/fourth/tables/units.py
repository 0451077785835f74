"""Columns and targets in the units that they came in."""

from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.tables import sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

circuit = Recipe(
    data=lambda: sets.standard(sets.circuit(), targets=True),
    net=lambda: dense(4, 48, 48, 1),
    optimizer=sgd(0.05),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=12,
)
sugar = Recipe(
    data=lambda: sets.standard(sets.sugar(), targets=True),
    net=lambda: dense(10, 16, 1),
    optimizer=adam(3e-3, weight_decay=1e-3),
    loss=nn.MSELoss,
    score=score.fit,
    batch=20,
    epochs=15,
)
line = Recipe(
    data=lambda: sets.standard(sets.sugar(), targets=True),
    net=lambda: nn.Linear(10, 1),
    optimizer=sgd(0.01),
    loss=nn.MSELoss,
    score=score.fit,
    batch=25,
    epochs=15,
)
wine = Recipe(
    data=data.wine,
    net=lambda: dense(13, 24, 3, activation=nn.Tanh),
    optimizer=sgd(0.05, momentum=0.9),
    batch=10,
    epochs=40,
)
hastie = Recipe(
    data=sets.hastie,
    net=lambda: dense(10, 64, 64, 1),
    optimizer=adam(3e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=50,
    epochs=15,
)
roll = Recipe(
    data=lambda: sets.standard(sets.roll()),
    net=lambda: dense(3, 48, 48, 1, activation=nn.Tanh),
    optimizer=sgd(0.05, momentum=0.9),
    loss=nn.MSELoss,
    score=score.fit,
    batch=20,
    epochs=20,
)
shells = Recipe(data=sets.shells, net=lambda: dense(4, 64, 64, 4), optimizer=adam(3e-3), batch=40, epochs=15)


def one_in_dollars() -> Data:
    """Hastie's features, the fourth as an income in dollars."""
    return sets.columns(sets.hastie(), {3: 20000.0}, {3: 55000.0})


def far_off() -> Data:
    """The shells in kelvin, pascal, millibar and a year: hardly any spread beside the size."""
    return sets.columns(sets.shells(), {0: 3.0, 1: 90.0, 2: 4.0, 3: 5.0}, {0: 295.0, 1: 101300.0, 2: 1013.0, 3: 2015.0})


CASES = [
    spoilt(
        "d_circuit_raw_by_sgd", "D02 G03", circuit, "Ohms, hertz and farads as they are overflow under plain SGD.",
        data=sets.circuit,
    ),
    spoilt(
        "d_sugar_target_raw", "L02 B08", sugar, "The disease is left at 25 to 346, and Adam has no time to get there.",
        data=lambda: sets.standard(sets.sugar()),
    ),
    spoilt(
        "d_sugar_columns_tiny", "L02 B03", line, "The columns have deviation 0.05, so that SGD hardly moves a weight.",
        data=lambda: sets.standard(sets.sugar(), inputs=False, targets=True),
    ),
    spoilt(
        "d_wine_raw_tanh", "D02 B03", wine, "Proline in the hundreds holds each tanh at its ends.",
        data=lambda: data.wine(scaled=False),
    ),
    spoilt(
        "d_hastie_one_in_dollars", "D02 B03", hastie, "One column of ten is in dollars and drowns the others.",
        data=one_in_dollars,
    ),
    spoilt(
        "d_shells_far_off", "B03 D02", shells, "Pressures and years are far from 0 and spread little.", data=far_off,
    ),
    spoilt(
        "d_roll_in_millimetres", "B03 L01", roll, "Coordinates of some thousand hold each tanh at its ends.",
        data=lambda: sets.columns(sets.roll(), dict.fromkeys(range(3), 100.0)),
    ),
]  # fmt: skip
