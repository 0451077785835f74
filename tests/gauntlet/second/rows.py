"""Rows that cannot be read or batched, that lie in order, come twice, are wrong, or are late."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from tests.gauntlet.data import Data, iris
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.second import sets
from tests.gauntlet.second.tasks import (
    BARS,
    CANCER,
    CONV,
    DIABETES,
    DIGITS,
    HASTIE,
    NORMED,
    RINGS,
    ROWS,
    TILES,
    TONES,
    WAVE,
    WINE,
)


class Rows(Dataset):
    """The training rows, each of which goes through a change that knows its number."""

    def __init__(self, data: Data, change: Callable[[int, torch.Tensor, torch.Tensor], Any]) -> None:
        self.data, self.change = data, change

    def __len__(self) -> int:
        return len(self.data.inputs)

    def __getitem__(self, row: int) -> Any:
        return self.change(row, self.data.inputs[row], self.data.targets[row])


def raising(error: Exception, each: int) -> Callable[[Data], Rows]:
    """Return rows of which each so many-th cannot be read."""

    def change(row: int, inputs: torch.Tensor, targets: torch.Tensor) -> Any:
        if row % each == each // 2:
            raise error
        return inputs, targets

    return lambda data: Rows(data, change)


def shorter(row: int, inputs: torch.Tensor, targets: torch.Tensor) -> Any:
    """A sequence that ends too soon cannot be stacked with the others."""
    return (inputs[:20] if row == 300 else inputs), targets


def missing(row: int, inputs: torch.Tensor, targets: torch.Tensor) -> Any:
    """What a `try` gives back for a picture that it could not open."""
    return None if row in (77, 410) else (inputs, targets)


def grey(row: int, inputs: torch.Tensor, targets: torch.Tensor) -> Any:
    """A grey picture among those of three colours."""
    return (inputs[:1] if row % 90 == 4 else inputs), targets


def late(row: int, inputs: torch.Tensor, targets: torch.Tensor) -> Any:
    """A row that is decoded at great length."""
    time.sleep(0.0015)
    return inputs, targets


def in_order(data: Data) -> Data:
    """Return the training rows sorted by their target."""
    order = torch.argsort(data.targets.reshape(len(data.targets), -1)[:, 0], stable=True)
    return data._replace(inputs=data.inputs[order], targets=data.targets[order])


def along(data: Data, column: int = 0) -> Data:
    """Return the training rows sorted by a feature, as if they came in order of time."""
    order = torch.argsort(data.inputs[:, column])
    return data._replace(inputs=data.inputs[order], targets=data.targets[order])


def shared(data: Data, rows: int) -> Data:
    """Return the data with validation rows among those to train on."""
    return data._replace(
        inputs=torch.cat([data.inputs, data.val_inputs[:rows]]),
        targets=torch.cat([data.targets, data.val_targets[:rows]]),
    )


def twice(data: Data, rows: int, times: int) -> Data:
    """Return the data in which a few rows come many times."""
    few = torch.arange(rows).repeat(times)
    return data._replace(
        inputs=torch.cat([data.inputs[:300], data.inputs[few]]),
        targets=torch.cat([data.targets[:300], data.targets[few]]),
    )


def other_light(data: Data) -> Data:
    """Return validation rows that are brighter, and of less contrast."""
    return data._replace(val_inputs=0.3 * data.val_inputs + 2)


def one_side(data: Data) -> Data:
    """Return only training rows whose input is below 0."""
    kept = data.inputs[:, 0] < 0
    return data._replace(inputs=data.inputs[kept], targets=data.targets[kept])


def mislabelled(data: Data, share: float) -> Data:
    """Return the data with a share of its labels moved on to the next class, or turned round."""
    random = np.random.default_rng(8)
    chosen = torch.tensor(random.random(len(data.targets)) < share)
    targets = data.targets.clone()
    targets[chosen] = 1 - targets[chosen] if targets.is_floating_point() else (targets[chosen] + 1) % 3
    return data._replace(targets=targets)


def lost(data: Data, column: int) -> Data:
    """Return the data with a column that is missing throughout."""

    def change(inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.clone()
        inputs[:, column] = float("nan")
        return inputs

    return data._replace(inputs=change(data.inputs))


CASES = [
    spoilt("b_tiles_that_cannot_be_opened", "D08 R02", TILES, "each 60th photo tile raises when it is opened",
           rows=raising(OSError("image file is truncated (7 bytes not processed)"), 60)),
    spoilt("b_waves_without_a_header", "D08 R02", TONES, "one of 300 sequences has no header",
           rows=raising(ValueError("file does not start with RIFF id"), 300)),
    spoilt("b_keys_that_are_not_there", "D08 R02", WINE, "two rows ask for a key that is not there",
           rows=raising(KeyError("patient_0417"), 50)),
    spoilt("b_a_sequence_too_short", "B02 R02", TONES, "one sequence ends too soon to be stacked",
           rows=lambda data: Rows(data, shorter)),
    spoilt("b_none_for_a_picture", "B02 R02", BARS, "two rows are None, as of a reader that swallows errors",
           rows=lambda data: Rows(data, missing)),
    spoilt("b_grey_among_colours", "B02 R02", TILES, "each 90th tile has one colour instead of three",
           rows=lambda data: Rows(data, grey)),
    spoilt("b_sorted_digits", "D09", CONV, "the pictures lie in order of their class, and are not shuffled",
           data=lambda: in_order(CONV.data()), shuffle=False),
    spoilt("b_sorted_rings", "D09", replace(RINGS, batch=10, epochs=12), "rings from the inside out, unshuffled",
           data=lambda: in_order(sets.rings()), shuffle=False, optimizer=adam(2e-2)),
    spoilt("b_sorted_curve", "D09", replace(WAVE, epochs=15), "a curve from left to right, again and again",
           data=lambda: along(sets.wave()), shuffle=False, optimizer=sgd(0.1, momentum=0.9)),
    spoilt("b_sorted_with_batch_norm", "D09", NORMED, "digits in order before batch norm",
           data=lambda: in_order(NORMED.data()), shuffle=False),
    spoilt("b_loader_is_late", "R04", HASTIE,
           "each row takes one and a half milliseconds to be read", aim="name",
           rows=lambda data: Rows(sets.fewer(data, 700), late), batch=70, epochs=6),
    spoilt("b_validation_rows_are_learnt", "D06", DIABETES,
           "a hundred validation rows are among the training rows",
           data=lambda: shared(sets.diabetes(), 100), aim="name"),
    spoilt("b_few_rows_many_times", "D06", replace(ROWS, batch=32), "ten rows make up two thirds of the set",
           data=lambda: twice(ROWS.data(), 10, 60), aim="name"),
    spoilt("b_validated_in_another_light", "D04", TILES, "validation photos are brighter and of less contrast",
           data=lambda: other_light(sets.tiles()), aim="name"),
    spoilt("b_trained_on_one_side", "D04", HASTIE, "the training rows have a feature below 0 only",
           data=lambda: one_side(sets.hastie()), aim="name", epochs=25),
    spoilt("b_fifteen_digits", "D05", DIGITS, "fifteen digits for ten thousand weights",
           data=lambda: sets.fewer(DIGITS.data(), 15), aim="name", batch=5, epochs=40),
    spoilt("b_twelve_patients", "D05 L04", DIABETES, "twelve patients for a net of thousands of weights",
           data=lambda: sets.fewer(sets.diabetes(), 12), net=lambda: dense(10, 64, 64, 1), aim="name", batch=4,
           epochs=60),
    spoilt("b_irises_by_the_wrong_name", "D10", replace(WINE, data=iris, net=lambda: dense(4, 32, 3)),
           "six of ten labels are those of the next class", data=lambda: mislabelled(iris(), 0.6), aim="name"),
    spoilt("b_yes_for_no", "D10", HASTIE, "four of ten answers are turned round", aim="name",
           data=lambda: mislabelled(sets.hastie(), 0.42)),
    spoilt("b_a_column_that_is_missing", "D07 G03", CANCER,
           "a feature of the training rows is missing throughout",
           data=lambda: lost(CANCER.data(), 7)),
]  # fmt: skip
"""Each beside its twin, whose rows are in order or out of it, as they should be."""
