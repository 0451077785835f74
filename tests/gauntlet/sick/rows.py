"""Rows that are broken or far out."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch.utils.data import Dataset

from tests.gauntlet.data import Data, curve, digits, pictures
from tests.gauntlet.recipe import sgd, spoilt
from tests.gauntlet.sick.twins import CONV, CURVE, DIGITS, TABLE


class Raising(Dataset):
    """Rows of which some cannot be read."""

    def __init__(self, data: Data, every: int, error: Callable[[str], Exception]) -> None:
        self.data, self.every, self.error = data, every, error

    def __len__(self) -> int:
        return len(self.data.inputs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index % self.every == self.every // 2:
            raise self.error(f"row {index} cannot be read")
        return self.data.inputs[index], self.data.targets[index]


class Shortened(Raising):
    """Rows of which some are shorter than the others."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        row = self.data.inputs[index]
        return (row[:-1] if index % self.every == self.every // 2 else row), self.data.targets[index]


def _changed(
    data: Callable[[], Data], share: float, change: Callable[[Data, torch.Tensor], Data]
) -> Callable[[], Data]:
    """Return the data with `change` done to a share of its training rows (at least one), evenly spread."""

    def made() -> Data:
        plain = data()
        rows = torch.arange(0, len(plain.inputs), max(1, int(1 / share)))
        return change(plain._replace(inputs=plain.inputs.clone(), targets=plain.targets.clone()), rows)

    return made


def inputs_of(value: float) -> Callable[[Data, torch.Tensor], Data]:
    """Return a change that sets one number of each of the rows."""

    def change(data: Data, rows: torch.Tensor) -> Data:
        data.inputs.flatten(1)[rows, 3] = value
        return data

    return change


def louder(factor: float) -> Callable[[Data, torch.Tensor], Data]:
    """Return a change that multiplies whole rows."""

    def change(data: Data, rows: torch.Tensor) -> Data:
        data.inputs[rows] = data.inputs[rows] * factor
        return data

    return change


def targets_of(value: float) -> Callable[[Data, torch.Tensor], Data]:
    """Return a change that sets the targets of the rows."""

    def change(data: Data, rows: torch.Tensor) -> Data:
        data.targets[rows] = value
        return data

    return change


NAN = float("nan")


CASES = [
    spoilt("one_row_of_nan", "G03 D07", DIGITS, "one row holds NaN", data=_changed(digits, 1e-9, inputs_of(NAN))),
    spoilt(
        "two_percent_of_nan", "G03 D07", DIGITS, "2 % of the rows hold NaN", data=_changed(digits, 0.02, inputs_of(NAN))
    ),
    spoilt(
        "infinite_pixels",
        "G03 D07",
        CONV,
        "1 % of the pictures hold an infinite pixel",
        data=_changed(pictures, 0.01, inputs_of(float("inf"))),
    ),
    spoilt(
        "nan_among_the_targets",
        "G03 D07",
        CURVE,
        "2 % of the targets of a regression are NaN",
        data=_changed(curve, 0.02, targets_of(NAN)),
    ),
    spoilt(
        "rows_that_raise",
        "R02 B02",
        DIGITS,
        "3 % of the rows raise a ValueError",
        rows=lambda data: Raising(data, 33, ValueError),
    ),
    spoilt(
        "files_that_cannot_be_read",
        "D08 R02",
        CONV,
        "2 % of the rows raise an OSError, as a broken picture does",
        rows=lambda data: Raising(data, 50, OSError),
    ),
    spoilt(
        "many_files_that_cannot_be_read",
        "D08 R02",
        TABLE,
        "a tenth of the rows raises an OSError",
        rows=lambda data: Raising(data, 10, OSError),
    ),
    spoilt(
        "rows_of_another_length",
        "B02 R02",
        DIGITS,
        "2 % of the rows are shorter than the others",
        rows=lambda data: Shortened(data, 50, ValueError),
    ),
    spoilt(
        "rows_a_million_times_too_loud",
        "D03 L10",
        replace(DIGITS, optimizer=sgd(0.1, momentum=0.9)),
        "one row in seven hundred is a million times too loud",
        data=_changed(digits, 1 / 700, louder(1e6)),
    ),
    spoilt(
        "rows_far_out_in_a_curve",
        "D03 L10",
        replace(CURVE, optimizer=sgd(0.05, momentum=0.9)),
        "1 % of the rows are ten thousand times too loud",
        data=_changed(curve, 0.01, louder(1e4)),
    ),
    spoilt(
        "targets_far_out",
        "D03 L10",
        CURVE,
        "1 % of the targets stand at 300 where the others lie around 0",
        data=_changed(curve, 0.01, targets_of(300.0)),
    ),
    spoilt(
        "one_target_of_a_million",
        "D03 L10",
        replace(CURVE, optimizer=sgd(0.05)),
        "one target of a million, with SGD",
        data=_changed(curve, 1e-9, targets_of(1e6)),
    ),
]
