"""Inputs and targets in their own units, with offsets, with a loud column, with rows far out."""

from dataclasses import replace

import torch

from tests.gauntlet.data import Data, cancer, wine
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.second import sets, shapes
from tests.gauntlet.second.sets import with_inputs, with_targets
from tests.gauntlet.second.tasks import (
    BARS,
    CANCER,
    CIRCUIT,
    CONV,
    COPIES,
    DIABETES,
    HASTIE,
    MOONS,
    PHASE,
    RATINGS,
    RINGS,
    SUMS,
    TAGS,
    TILES,
    TONES,
    TONES_READ,
    WAVE,
    WINE,
    adamw,
)


def louder(data: Data, column: int, factor: float, offset: float = 0.0) -> Data:
    """Return the data with one column in other units."""

    def change(inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.clone()
        inputs[:, column] = inputs[:, column] * factor + offset
        return inputs

    return with_inputs(data, change)


def joined(data: Data, factor: float, offset: float = 0.0) -> Data:
    """Return the data with one more column, which says nothing."""
    random = torch.Generator().manual_seed(5)

    def change(inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat([inputs, torch.randn(len(inputs), 1, generator=random) * factor + offset], 1)

    return with_inputs(data, change)


def far(recipe: Recipe, each: int, factor: float, *, targets: bool = False, to: float | None = None) -> Data:
    """Return the data of a recipe in which each so many-th training row is multiplied by a factor, or is a number."""
    data = recipe.data()
    part = (data.targets if targets else data.inputs).clone()
    part[::each] = part[::each] * factor if to is None else to
    return data._replace(targets=part) if targets else data._replace(inputs=part)


UNITS = [
    spoilt("b_tiles_of_bytes", "B03 D02", TILES, "pixels from 0 to 255 with momentum",
           data=lambda: with_inputs(sets.tiles(), lambda pixels: pixels * 255)),
    spoilt("b_circuit_in_its_units", "D02 B03", CIRCUIT, "one feature reaches 1700 and another 1",
           data=lambda: sets.circuit(scaled=False)),
    spoilt("b_tumours_in_their_units", "D02 B03", CANCER, "thirty features in their own units, with momentum",
           data=lambda: cancer(scaled=False)),
    spoilt("b_wine_in_its_units", "D02 B03", replace(WINE, net=lambda: dense(13, 24, 3)),
           "a net without norms on features of which one reaches 1700", data=lambda: wine(scaled=False)),
    spoilt("b_years", "B03", WAVE, "an input between 1999 and 2001",
           data=lambda: with_inputs(sets.wave(), lambda inputs: inputs + 2000)),
    spoilt("b_microvolts", "B03 L02", TONES, "sequences in millionths",
           data=lambda: with_inputs(sets.tones(), lambda inputs: inputs * 1e-6)),
    spoilt("b_kelvin_for_a_gru", "B03", TONES_READ, "sequences around 300, of which a unit is the news",
           data=lambda: with_inputs(sets.tones(), lambda inputs: inputs + 300)),
    spoilt("b_one_loud_column", "D02 B03", HASTIE, "one of ten features is multiplied by 5000",
           data=lambda: louder(sets.hastie(), 4, 5000.0)),
    spoilt("b_a_row_number_as_feature", "D02 B03", replace(MOONS, net=lambda: dense(3, 24, 24, 2),
           data=lambda: joined(sets.moons(), 1.0)),
           "a row number of up to millions is among the features",
           data=lambda: joined(sets.moons(), 3e5, 1e6)),
    spoilt("b_pictures_of_twelve_bits", "B03", CONV, "pixels from 0 to 4095 with SGD", optimizer=sgd(0.05),
           data=lambda: with_inputs(CONV.data(), lambda pixels: pixels * 4095)),
    spoilt("b_quiet_informative_columns", "D02 L02", RINGS, "coordinates in thousandths beside SGD",
           data=lambda: louder(louder(sets.rings(), 0, 1e-3), 1, 1e-3), optimizer=sgd(0.05)),
    spoilt("b_marks_of_ten_thousand", "D02 B03", SUMS, "the marks of an adding problem are 10000 instead of 1",
           data=lambda: with_inputs(sets.sums(), lambda inputs: inputs * torch.tensor([1.0, 1e4]))),
    spoilt("b_labels_of_inputs_at_ten_thousand", "D02 B03", TAGS, "features between 10000 and 10010 with SGD",
           data=lambda: with_inputs(TAGS.data(), lambda inputs: inputs + 1e4), optimizer=sgd(0.1)),
    spoilt("b_patients_raw_targets", "B08 L02", DIABETES, "targets around 150 for outputs that begin at 0",
           data=lambda: with_targets(sets.diabetes(), lambda targets: targets * 77 + 152), optimizer=adam(1e-3)),
    spoilt("b_targets_in_thousandths", "B08 L01", PHASE,
           "targets in thousandths, below the noise of Adam's steps",
           data=lambda: with_targets(sets.phase(), lambda targets: targets * 1e-3), optimizer=adamw(2e-2)),
]  # fmt: skip

FAR_OUT = [
    spoilt("b_rows_a_thousand_times", "D03", HASTIE, "each 50th row is in other units",
           data=lambda: far(HASTIE, 50, 1000.0)),
    spoilt("b_missing_is_minus_9999", "D03 D07", CIRCUIT, "each 20th row is -9999, which stands for missing",
           data=lambda: far(CIRCUIT, 20, 0.0, to=-9999.0)),
    spoilt("b_targets_a_hundred_times", "D03 L10", CIRCUIT, "each 60th target lost its decimal point",
           data=lambda: far(CIRCUIT, 60, 100.0, targets=True)),
    spoilt("b_ratings_of_99", "D03", RATINGS, "each 40th rating is 99, which stands for none",
           data=lambda: far(RATINGS, 40, 0.0, targets=True, to=99.0)),
    spoilt("b_white_pictures", "D03", BARS, "each 25th picture is a hundred times too bright",
           net=lambda: shapes.convolved(1, 12, 4), optimizer=sgd(0.05), data=lambda: far(BARS, 25, 100.0)),
    spoilt("b_curve_with_wild_targets", "D03 L10", WAVE, "each 30th target is 50",
           data=lambda: far(WAVE, 30, 0.0, targets=True, to=50.0)),
    spoilt("b_one_burnt_copy", "D03 L10", COPIES, "two of 1400 pictures are ten thousand times too bright",
           data=lambda: far(COPIES, 700, 1e4), optimizer=sgd(0.3, momentum=0.9)),
]  # fmt: skip

CASES = [*UNITS, *FAR_OUT]
"""Each beside its twin on scaled and clean rows."""
