"""Inputs and targets in the wrong units, with slips and sentinels in them, or with values that are missing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tests.gauntlet import data
from tests.gauntlet.data import Data
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, sgd
from tests.gauntlet.third import nets, sets
from tests.gauntlet.third.twins import (
    CANCER,
    CIRCUITS,
    DIABETES,
    FORECAST,
    HASTIE,
    HOUSES,
    IRIS,
    MOONS,
    ROWS,
    SIGNAL,
    TILES,
    WAVES,
    WINE,
    sick,
)  # fmt: skip

Change = Callable[[torch.Tensor], torch.Tensor]


def _all_inputs(recipe: Recipe, change: Change) -> Callable[[], Data]:
    """Return the data whose inputs, to train and to judge by, are in other units."""

    def make() -> Data:
        rows = recipe.data()
        return rows._replace(inputs=change(rows.inputs), val_inputs=change(rows.val_inputs))

    return make


def _some_rows(recipe: Recipe, share: float, change: Change, *, targets: bool = False) -> Callable[[], Data]:
    """Return the data with a share of the training rows changed."""

    def make() -> Data:
        rows = recipe.data()
        chosen = torch.tensor(np.random.default_rng(51).random(len(rows.inputs)) < share)
        values = (rows.targets if targets else rows.inputs).clone()
        values[chosen] = change(values[chosen])
        return rows._replace(targets=values) if targets else rows._replace(inputs=values)

    return make


def _some_cells(recipe: Recipe, share: float, value: float) -> Callable[[], Data]:
    """Return the data with a share of the cells to train on set to a value."""

    def make() -> Data:
        rows = recipe.data()
        chosen = torch.tensor(np.random.default_rng(52).random(tuple(rows.inputs.shape)) < share)
        return rows._replace(inputs=torch.where(chosen, torch.tensor(value), rows.inputs))

    return make


def _with_column(column: Change) -> Change:
    """Return a change that makes another last column out of the inputs."""
    return lambda inputs: torch.cat([inputs[:, :-1], column(inputs)], 1)


def _column(number: int, change: Change) -> Change:
    def changed(inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.clone()
        inputs[:, number] = change(inputs[:, number])
        return inputs

    return changed


def _as_clock(inputs: torch.Tensor) -> torch.Tensor:
    """Return seconds since 1970, of one day."""
    return 1.7e9 + 86400 * torch.linspace(0, 1, len(inputs))[:, None]


def _imagenet(pixels: torch.Tensor) -> torch.Tensor:
    """Standardise by the usual means of pixels from 0 to 1, though these are from 0 to 255."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (pixels * 255 - mean[:, None, None]) / deviation[:, None, None]


SCALES = [
    sick("houses_own_units", "D02 B03", HOUSES, "feet, rooms and metres as they are",
         data=lambda: sets.houses(inputs_scaled=False)),
    sick("houses_own_units_tanh", "D02 B03", replace(HOUSES, net=lambda: dense(5, 32, 32, 1, activation=nn.Tanh)),
         "feet, rooms and metres as they are, before a tanh", data=lambda: sets.houses(inputs_scaled=False)),
    sick("circuits_own_units", "D02 B03", CIRCUITS, "ohms, hertz and farads as they are, with SGD",
         data=lambda: sets.circuits(scaled=False), optimizer=sgd(1e-2, momentum=0.9)),
    sick("wine_own_units", "D02 B03", WINE, "wines in their own units with SGD", data=lambda: data.wine(scaled=False)),
    sick("cancer_own_units", "D02 B03", replace(CANCER, optimizer=sgd(0.05, momentum=0.9)),
         "tumours in their own units with SGD", data=lambda: data.cancer(scaled=False)),
    sick("hastie_customer_number", "D02 B03", HASTIE, "one column is a number of customers up to a million",
         data=_all_inputs(HASTIE, _with_column(lambda inputs: 1e6 * torch.rand(
             len(inputs), 1, generator=torch.Generator().manual_seed(1))))),
    sick("cancer_clock", "D02 B03", CANCER, "one column is a time in seconds since 1970",
         data=_all_inputs(CANCER, _with_column(_as_clock))),
    sick("tiles_raw_pixels", "B03", replace(TILES, optimizer=sgd(0.02, momentum=0.9)), "pixels to 255 with SGD",
         data=lambda: sets.tiles(high=255.0)),
    sick("tiles_imagenet_of_bytes", "B03", replace(TILES, optimizer=sgd(0.02, momentum=0.9)),
         "the usual means of pixels to 1 are taken off pixels to 255", data=_all_inputs(TILES, _imagenet)),
    sick("tiles_scaled_twice", "B03 L02", TILES, "pixels are divided by 255 twice, with SGD",
         data=lambda: sets.tiles(high=1 / 255), optimizer=sgd(0.02, momentum=0.9)),
    sick("iris_kelvins", "B03", IRIS, "all values lie at 300, as kelvins do",
         data=_all_inputs(IRIS, lambda inputs: 300 + inputs)),
    sick("moons_tiny_units", "B03", MOONS, "coordinates of a ten thousandth", data=_all_inputs(
        MOONS, lambda inputs: 1e-4 * inputs)),
    sick("waves_raw_counts", "B03", WAVES, "a sensor's counts around 2048 go into a GRU",
         data=_all_inputs(WAVES, lambda inputs: 2048 + 500 * inputs)),
    sick("rows_offset", "B03", ROWS, "rows of pixels to 255 go into a plain recurrent net",
         data=_all_inputs(ROWS, lambda inputs: 255 * inputs)),
    sick("forecast_far_off", "B03 B08", FORECAST, "a series and its next value around 1000",
         data=lambda: _around(1000.0)),
]  # fmt: skip


def _around(level: float) -> Data:
    return Data(*(level + 10 * part for part in sets.forecast()))


OUTLIERS = [
    sick("houses_decimal_slips", "D03", HOUSES, "in two of a hundred sales all numbers slipped by a thousand",
         data=_some_rows(HOUSES, 0.02, lambda inputs: 1000 * inputs)),
    sick("houses_prices_with_zeros_too_many", "D03", HOUSES, "two of a hundred prices are a hundredfold",
         data=_some_rows(HOUSES, 0.02, lambda targets: 100 * targets.abs(), targets=True)),
    sick("diabetes_wrong_unit", "D03", DIABETES, "four of a hundred targets are in another unit",
         data=_some_rows(DIABETES, 0.04, lambda targets: 20 + 0 * targets, targets=True)),
    sick("forecast_glitches", "D03 L10", FORECAST, "one of a hundred values to be foreseen is a glitch of 60",
         data=_some_rows(FORECAST, 0.01, lambda targets: 60 + 0 * targets, targets=True)),
    sick("signal_full_scale", "D03", replace(SIGNAL, net=lambda: nets.Signal(normed=False)),
         "three of a hundred series are at full scale, 65535",
         data=_some_rows(SIGNAL, 0.03, lambda inputs: 65535 + 0 * inputs)),
    sick("wine_one_wild_column", "D03 D02", WINE, "one column has a few values of ten thousand",
         data=_some_rows(WINE, 0.06, _column(3, lambda values: 1e4 + 0 * values))),
]  # fmt: skip

MISSING = [
    sick("cancer_missing_cells", "D07 G03", CANCER, "one of a thousand cells is missing",
         data=_some_cells(CANCER, 1e-3, float("nan"))),
    sick("houses_missing_ages", "D07 G03", HOUSES, "the age is missing in two of a hundred sales",
         data=_some_rows(HOUSES, 0.02, _column(2, lambda values: values * float("nan")))),
    sick("diabetes_missing_targets", "D07 G03", DIABETES, "three of a hundred targets are missing",
         data=_some_rows(DIABETES, 0.03, lambda targets: targets * float("nan"), targets=True)),
    sick("waves_dropped_signal", "D07 G03", WAVES, "two of a hundred series break off",
         data=_some_rows(WAVES, 0.02, _column(-1, lambda values: values * float("nan")))),
    sick("iris_missing_column", "D07 G03", IRIS, "a constant column was standardised, and is NaN everywhere",
         aim="name", data=_all_inputs(IRIS, _column(1, lambda values: values * float("nan")))),
]  # fmt: skip

CASES = [*SCALES, *OUTLIERS, *MISSING]
