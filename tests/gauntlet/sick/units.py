"""Features and targets in units that no net likes."""

from collections.abc import Callable
from functools import partial

import torch

from tests.gauntlet.data import Data, cancer, curve, digits, pictures, table, wine
from tests.gauntlet.recipe import sgd, spoilt
from tests.gauntlet.sick.twins import CANCER, CONV, CURVE, DIGITS, TABLE, WINE


def in_units(data: Callable[[], Data], factor: float, *, shift: float = 0.0) -> Callable[[], Data]:
    """Return the data with inputs in another unit."""

    def made() -> Data:
        plain = data()
        return plain._replace(inputs=plain.inputs * factor + shift, val_inputs=plain.val_inputs * factor + shift)

    return made


def apart(data: Callable[[], Data]) -> Data:
    """Return the data with each feature in a unit of its own, from 0.001 to 10000."""
    plain = data()
    units = torch.logspace(-3, 4, plain.inputs.shape[1])
    return plain._replace(inputs=plain.inputs * units, val_inputs=plain.val_inputs * units)


def targets_in_units(factor: float, *, shift: float = 0.0) -> Data:
    """Return the curve with targets in another unit."""
    plain = curve()
    return plain._replace(targets=plain.targets * factor + shift, val_targets=plain.val_targets * factor + shift)


CASES = [
    spoilt(
        "raw_pixels_with_sgd",
        "B03 L01",
        DIGITS,
        "pixels from 0 to 255 with momentum SGD",
        data=in_units(digits, 255.0),
        optimizer=sgd(0.01, momentum=0.9),
    ),
    spoilt(
        "raw_pictures_with_sgd",
        "B03 L01",
        CONV,
        "pictures from 0 to 255 with SGD",
        data=in_units(pictures, 255.0),
        optimizer=sgd(0.05),
    ),
    spoilt(
        "inputs_far_from_zero",
        "B03 L01",
        TABLE,
        "features around 1000, whose spread is 1, with Adam",
        data=in_units(table, 1.0, shift=1000.0),
    ),
    spoilt(
        "features_in_units_of_ten_thousand",
        "B03 G01",
        CURVE,
        "features in units of ten thousand, with SGD",
        data=in_units(curve, 1e4),
        optimizer=sgd(0.05),
    ),
    spoilt(
        "features_in_their_own_units",
        "D02 B03",
        CANCER,
        "features in their own units, with SGD",
        data=partial(cancer, scaled=False),
        optimizer=sgd(0.01),
    ),
    spoilt(
        "wines_in_their_own_units",
        "D02 B03",
        WINE,
        "features in their own units, with momentum SGD",
        data=partial(wine, scaled=False),
        optimizer=sgd(0.01, momentum=0.9),
    ),
    spoilt(
        "features_apart_by_ten_million",
        "D02 B03",
        TABLE,
        "each feature in a unit of its own, from 0.001 to 10000",
        data=partial(apart, table),
    ),
    spoilt(
        "targets_in_hundred_thousands",
        "G01 L01",
        CURVE,
        "targets in hundred thousands, with SGD",
        data=partial(targets_in_units, 1e5),
        optimizer=sgd(0.05),
    ),
    spoilt(
        "targets_far_from_zero",
        "L02 B08",
        CURVE,
        "targets around ten thousand with a spread of a hundred, with Adam",
        data=partial(targets_in_units, 100.0, shift=1e4),
    ),
]
