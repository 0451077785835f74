"""Targets written otherwise than the loss takes them, in units that the run has no time for, and answers far wider."""

from dataclasses import replace
from functools import partial

from torch import nn

from tests.gauntlet.data import Data, tags
from tests.gauntlet.nets import dense, drawn, normal
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.sick.twins import CANCER, CIRCLE, CURVE, TABLE
from tests.gauntlet.sick.units import targets_in_units

TAGS = replace(TABLE, data=tags, net=lambda: dense(20, 32, 5))
SHARES = replace(CIRCLE, net=lambda: dense(2, 32, 32, 1, end=nn.Sigmoid()), loss=nn.MSELoss)
SLOW = replace(CURVE, optimizer=adam(3e-3))


def written(twin: Recipe, high: float, low: float = 0.0) -> Data:
    """Return the twin's data with other numbers for yes and no, on the side that is trained on."""
    data = twin.data()
    return data._replace(targets=low + (high - low) * data.targets)


CASES = [
    spoilt(
        "labels_of_one_and_two", "B04 B08", CANCER, "1 and 2 for no and yes", data=partial(written, CANCER, 2.0, 1.0)
    ),
    spoilt("tags_of_ten", "B04 B08", TAGS, "tags are marked by a 10", data=partial(written, TAGS, 10.0)),
    spoilt(
        "per_cent_for_a_sigmoid", "B04 B08", SHARES, "0 and 100 for a sigmoid", data=partial(written, SHARES, 100.0)
    ),
    spoilt(
        "kelvin_with_adam",
        "B08 L02",
        SLOW,
        "temperatures of 290 with a spread of 6, and a usual rate",
        data=partial(targets_in_units, 6.0, shift=290.0),
    ),
    spoilt(
        "counts_by_distances",
        "B08 L02",
        SLOW,
        "counts around 120, their absolute error, and a usual rate",
        data=partial(targets_in_units, 40.0, shift=120.0),
        loss=nn.L1Loss,
    ),
    spoilt(
        "targets_of_a_ten_thousandth",
        "B08 L02",
        replace(SLOW, optimizer=sgd(0.05, momentum=0.9)),
        "targets of a ten thousandth, beside which all answers are noise",
        data=partial(targets_in_units, 1e-4),
    ),
    spoilt(
        "wide_answers_of_two_layers",
        "B08 G01",
        SLOW,
        "weights of deviation 1, so that the answers begin 50 times as wide as the targets",
        net=lambda: drawn(dense(10, 64, 64, 1), normal(1.0)),
    ),
]
