"""Rows that raise, that are in order, that are strange, twice or mislabelled; runs that are slow or too large."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from tests.gauntlet import data
from tests.gauntlet.data import Data, noisy_labels
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, sgd
from tests.gauntlet.third import sets
from tests.gauntlet.third.twins import (
    CANCER,
    CIRCUITS,
    HASTIE,
    HOUSES,
    LETTERS,
    MOONS,
    RESIDUAL,
    REVIEWS,
    RINGS,
    SIGNAL,
    SPIRALS,
    TILES,
    WAVES,
    sick,
)  # fmt: skip


class Broken(Dataset):
    """Rows of which each `every`-th goes through `spoil`: it raises, or gives something else."""

    def __init__(self, rows: Data, every: int, spoil: Callable[[Any, Any], Any]) -> None:
        self.rows, self.every, self.spoil = rows, every, spoil

    def __len__(self) -> int:
        return len(self.rows.inputs)

    def __getitem__(self, index: int) -> Any:
        inputs, targets = self.rows.inputs[index], self.rows.targets[index]
        return self.spoil(inputs, targets) if index % self.every == self.every // 2 else (inputs, targets)


def broken(every: int, spoil: Callable[[Any, Any], Any]) -> Callable[[Data], Dataset]:
    """Return what makes a training set with broken rows."""
    return lambda rows: Broken(rows, every, spoil)


def _raising(error: Exception) -> Callable[[Any, Any], Any]:
    def spoil(inputs: Any, targets: Any) -> Any:
        raise error

    return spoil


def _slow(inputs: Any, targets: Any) -> Any:
    time.sleep(0.002)
    return inputs, targets


def _sorted(recipe: Recipe) -> Callable[[], Data]:
    """Return the data with training rows in the order of their targets."""

    def make() -> Data:
        rows = recipe.data()
        order = rows.targets.flatten().argsort(stable=True)
        return rows._replace(inputs=rows.inputs[order], targets=rows.targets[order])

    return make


def _shifted(recipe: Recipe, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], Data]:
    """Return the data whose rows to judge by come from elsewhere."""

    def make() -> Data:
        rows = recipe.data()
        return rows._replace(val_inputs=change(rows.val_inputs))

    return make


def _twice() -> Data:
    """Return few houses of which most are the same: thirty sales, each twenty times."""
    rows = sets.houses()
    return rows._replace(inputs=rows.inputs[:30].repeat(20, 1), targets=rows.targets[:30].repeat(20, 1))


def _shared() -> Data:
    """Return points of which half of those to judge by are learnt too; judged by are the others."""
    rows = sets.spirals()
    return rows._replace(
        inputs=torch.cat([rows.inputs[:60], rows.val_inputs[:150]]),
        targets=torch.cat([rows.targets[:60], rows.val_targets[:150].flip(0)]),
    )


def _swapped() -> Data:
    """Return letters' neighbours: two digits were taken for each other in most training rows."""
    rows = data.digits()
    targets = rows.targets.clone()
    for one, other in ((3, 8), (1, 7), (4, 9)):
        for row in (rows.targets == one).nonzero().flatten()[::3]:
            targets[row] = other
        for row in (rows.targets == other).nonzero().flatten()[::3]:
            targets[row] = one
    return rows._replace(targets=targets)


def _from_one() -> Data:
    rows = sets.rings()
    return rows._replace(targets=rows.targets + 1)


def _in_doubles() -> Data:
    return Data(*(part.double() for part in sets.houses()))


def _colours_last() -> Data:
    rows = sets.tiles()
    return rows._replace(inputs=rows.inputs.permute(0, 2, 3, 1).contiguous())


class Small(nn.Module):
    """Stands for a card that holds 24 rows with their gradients."""

    def __init__(self, body: nn.Module, rows: int = 24) -> None:
        super().__init__()
        self.body, self.rows = body, rows

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training and torch.is_grad_enabled() and len(inputs) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.body(inputs)


class AcrossRows(nn.Module):
    """An attention whose softmax runs over the rows of a batch in place of the words."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.words, self.weigh, self.head = nn.Embedding(50, 24), nn.Linear(24, 1), nn.Linear(24, 2)
        self.pair = nn.GRU(24, 24, batch_first=True)
        self.dim = dim

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        states, _ = self.pair(self.words(words_NT))
        return self.head((states * self.weigh(states).softmax(self.dim)).sum(1))


class FirstOfBatch(nn.Module):
    """Takes off the mean of the batch, as if it were that of the row."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim, self.body = dim, dense(64, 64, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.body((inputs - inputs.mean(self.dim, keepdim=True)).cumsum(self.dim))


def _nothing_in_it(recipe: Recipe) -> Callable[[], Data]:
    """Return the data whose inputs lost all that they had: integers were divided without a rest."""

    def make() -> Data:
        rows = recipe.data()
        return rows._replace(inputs=rows.inputs // 255, val_inputs=rows.val_inputs // 255)

    return make


RAISING = [
    sick("tiles_truncated_files", "R02 D08", TILES, "one of forty files is truncated",
         rows=broken(40, _raising(OSError("image file is truncated (12 bytes not processed)")))),
    sick("reviews_cannot_be_parsed", "R02 D08", REVIEWS, "one of fifty lines cannot be parsed",
         rows=broken(50, _raising(ValueError("could not convert string to float: 'n/a'")))),
    sick("circuits_missing_key", "R02 D08", CIRCUITS, "one of sixty records lacks a key",
         rows=broken(60, _raising(KeyError("ohms")))),
    sick("waves_uneven_lengths", "B02 R02", WAVES, "one of thirty series is shorter, and no batch can be built",
         rows=broken(30, lambda inputs, targets: (inputs[:31], targets))),
    sick("cancer_rows_of_none", "B02 R02", CANCER, "one of eighty rows is None",
         rows=broken(80, lambda inputs, targets: None)),
    sick("tiles_grey_pictures", "B02 R02", TILES, "one of sixty pictures has one colour and not three",
         rows=broken(60, lambda inputs, targets: (inputs[:1], targets))),
    sick("letters_unknown_sign", "R02 B06", LETTERS, "one of two hundred rows holds a letter beyond the table",
         rows=broken(200, lambda inputs, targets: (inputs + 27, targets))),
    sick("spirals_label_of_99", "B04 R02", SPIRALS, "one of a hundred labels is 99",
         rows=broken(100, lambda inputs, targets: (inputs, targets + 99))),
    sick("rings_classes_from_one", "B04", RINGS, "classes are counted from one", aim="name", data=_from_one),
    sick("houses_in_doubles", "B03 B06", HOUSES, "inputs are doubles and the net is not", aim="name", data=_in_doubles),
    sick("tiles_colours_last", "B03 B01", TILES, "colours are the last dimension", aim="name", data=_colours_last),
    sick("spirals_out_of_memory", "R01", replace(SPIRALS, net=lambda: Small(dense(2, 64, 64, 3)), batch=16, epochs=12),
         "a batch is larger than what the card holds", batch=64, epochs=25),
]  # fmt: skip

ORDERED = [
    sick("tiles_in_order", "D09", TILES, "first one photo, then the other, and not shuffled", data=_sorted(TILES),
         shuffle=False),
    sick("waves_in_order", "D09", WAVES, "series in the order of their classes", data=_sorted(WAVES), shuffle=False),
    sick("houses_in_order", "D09", HOUSES, "prices that rise from row to row", data=_sorted(HOUSES), shuffle=False,
         optimizer=sgd(0.05, momentum=0.9)),
    sick("signal_in_order", "D09", SIGNAL, "a net with batch norm sees one class after the other",
         data=_sorted(SIGNAL), shuffle=False),
]  # fmt: skip

STRANGE = [
    sick("signal_judged_elsewhere", "D04", SIGNAL, "the series to judge by are four times as loud", aim="name",
         data=_shifted(SIGNAL, lambda inputs: 4 * inputs - 3)),
    sick("cancer_judged_unscaled", "D04", CANCER, "only the training rows were standardised", aim="name",
         data=_shifted(CANCER, lambda inputs: 30 * inputs + 100)),
    sick("houses_thirty_sales", "D06 D05", HOUSES, "thirty sales, each twenty times", aim="name", data=_twice),
    sick("spirals_shared", "D06", SPIRALS, "half of the rows to judge by are trained on with others' labels",
         aim="name", data=_shared),
    sick("digits_swapped_labels", "D10", RESIDUAL, "a third of three pairs of digits are swapped", aim="name",
         data=_swapped),
    sick("moons_wrong_labels", "D10", MOONS, "half of the labels are drawn", aim="name",
         data=lambda: noisy_labels(sets.moons(), 0.5)),
    sick("reviews_across_rows", "B10", replace(REVIEWS, net=lambda: AcrossRows(1)),
         "a softmax over the rows of a batch", aim="name", net=lambda: AcrossRows(0)),
    sick("digits_mean_of_batch", "B10", replace(RESIDUAL, net=lambda: FirstOfBatch(1)),
         "sums run over the rows of a batch and not over the pixels", aim="name", net=lambda: FirstOfBatch(0)),
    sick("tiles_nothing_in_it", "B09 D07", TILES, "whole numbers divided by 255 leave nothing", aim="name",
         data=_nothing_in_it(replace(TILES, data=lambda: sets.tiles(high=254.0)))),
    sick("hastie_slow_rows", "R04", HASTIE, "each row takes two milliseconds to read", aim="name",
         rows=broken(1, _slow), epochs=3),
]  # fmt: skip

CASES = [*RAISING, *ORDERED, *STRANGE]
