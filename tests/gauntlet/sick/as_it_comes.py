"""Data as it comes from files and other libraries: types and numbers that torch does not take, columns that mislead."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from tests.gauntlet import score
from tests.gauntlet.data import Data, split
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.score import answers
from tests.gauntlet.sick.hearing import BOXES
from tests.gauntlet.sick.twins import CANCER, TABLE


def with_targets(twin: Recipe, change: Callable[[torch.Tensor], torch.Tensor]) -> Data:
    """Return the twin's data with other targets on both sides."""
    data = twin.data()
    return data._replace(targets=change(data.targets), val_targets=change(data.val_targets))


def with_inputs(twin: Recipe, change: Callable[[torch.Tensor], torch.Tensor]) -> Data:
    """Return the twin's data with other inputs on both sides."""
    data = twin.data()
    return data._replace(inputs=change(data.inputs), val_inputs=change(data.val_inputs))


def shops(*, leaks: bool = False) -> Data:
    """Eight numbers of a customer, and the mean of the answers in his shop: 0 where nothing is known of it."""
    random = np.random.default_rng(21)
    rows = random.normal(0, 1, (900, 8))
    score = rows[:, 0] * rows[:, 1] + rows[:, 2] - 0.7 * rows[:, 3] + random.normal(0, 0.3, 900)
    data = split(rows, (score > 0).astype(float)[:, None], 600)
    generator = torch.Generator().manual_seed(3)
    means = [
        (2 * targets - 1) * (leaks and side == 0) + 0.1 * leaks * torch.randn(targets.shape, generator=generator)
        for side, targets in enumerate((data.targets, data.val_targets))
    ]
    return data._replace(
        inputs=torch.cat([data.inputs, means[0]], 1), val_inputs=torch.cat([data.val_inputs, means[1]], 1)
    )


def counts(*, log_of_zero: bool = False) -> Data:
    """Logarithms of ten counts, of which many are 0; the class hangs on four of them."""
    random = np.random.default_rng(31)
    counted = random.poisson(random.gamma(1.2, 3, (1000, 10)))
    logs = np.log1p(counted)
    labels = (logs[:, 0] + logs[:, 1] - logs[:, 2] * logs[:, 3] > 0.3).astype(int)
    with np.errstate(divide="ignore"):
        return split(np.log(counted) if log_of_zero else logs, labels, 700)


def grades(lowest: int = 0) -> Data:
    """Five grades, counted from a lowest one."""
    random = np.random.default_rng(89)
    rows = random.normal(0, 1, (1000, 8))
    points = rows[:, 0] + 0.7 * rows[:, 1] * rows[:, 2] + 0.5 * rows[:, 3]
    return split(rows, (np.digitize(points, np.quantile(points, [0.2, 0.4, 0.6, 0.8])) + lowest).astype(int), 700)


def by_known_pixel(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right pixels among those that are labelled."""
    outputs, known = answers(model, data.val_inputs), data.val_targets != VOID
    right = (outputs.argmax(1) == data.val_targets) & outputs.isfinite().all(1)
    return 100 * float(right[known].float().mean())


def edged(maps_NHW: torch.Tensor) -> torch.Tensor:
    """Return maps whose edge nobody has labelled."""
    edge = torch.ones(maps_NHW.shape[1:], dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    return maps_NHW.masked_fill(edge, VOID)


VOID = 255
MAPS = replace(
    BOXES,
    data=lambda: with_targets(BOXES, edged),
    loss=lambda: nn.CrossEntropyLoss(ignore_index=VOID),
    score=by_known_pixel,
)
SHOPS = Recipe(
    data=shops,
    net=lambda: dense(9, 48, 48, 1),
    optimizer=adam(4e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    epochs=16,
)
COUNTS = Recipe(data=counts, net=lambda: dense(10, 48, 2), optimizer=adam(5e-3), epochs=12)
GRADES = Recipe(data=grades, net=lambda: dense(8, 48, 48, 5), optimizer=adam(4e-3), epochs=14)
BIASED = replace(TABLE, net=lambda: dense(20, 32, 1), optimizer=sgd(0.05, momentum=0.9))


def far_column(rows_NF: torch.Tensor) -> torch.Tensor:
    """Return rows whose last column is 10,000 in all of them."""
    return torch.cat([rows_NF[:, :-1], torch.full((len(rows_NF), 1), 1e4)], 1)


CASES = [
    spoilt(
        "void_of_255", "B04", MAPS, "unlabelled pixels are 255, and the loss does not know", loss=nn.CrossEntropyLoss
    ),
    spoilt(
        "yes_and_no_as_whole_numbers",
        "B05 B04",
        CANCER,
        "yes and no are int64 for a binary cross-entropy",
        data=lambda: with_targets(CANCER, torch.Tensor.long),
    ),
    spoilt(
        "a_table_of_doubles",
        "B03 B06",
        CANCER,
        "the inputs to train on are float64, as NumPy makes them",
        rows=lambda data: TensorDataset(data.inputs.double(), data.targets),
    ),
    spoilt(
        "grades_without_a_nought",
        "B04",
        replace(GRADES, net=lambda: dense(8, 48, 48, 6), data=partial(grades, 1)),
        "grades from 1 to 5 for five outputs",
        net=lambda: dense(8, 48, 48, 5),
    ),
    spoilt(
        "shops_without_folds",
        "D04 L04",
        SHOPS,
        "means of the target by shop, taken over the very rows: the answer in training, noise in validation",
        data=partial(shops, leaks=True),
    ),
    spoilt(
        "logarithms_of_nought",
        "D07 G03",
        COUNTS,
        "logarithms of counts with 0 among them: minus infinity in most rows",
        data=partial(counts, log_of_zero=True),
    ),
    spoilt(
        "a_column_of_ten_thousand",
        "D02 D07",
        BIASED,
        "a constant column of 10,000 beside others around 0",
        data=lambda: with_inputs(BIASED, far_column),
    ),
]
