"""Rows that lead astray: typing errors, marks for what is missing, far too few, counted or scaled apart."""

import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from tests.gauntlet import data, score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.tables import models, sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

homes = Recipe(
    data=sets.homes,
    net=lambda: dense(7, 48, 48, 1),
    optimizer=adam(3e-3),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=12,
)
shells = Recipe(
    data=sets.shells, net=lambda: dense(4, 48, 48, 4, activation=nn.Tanh), optimizer=adam(5e-3), batch=40, epochs=15
)


def few(rows: int = 70) -> Data:
    """The first diabetics alone."""
    sugar = sets.standard(sets.sugar(), targets=True)
    return sugar._replace(inputs=sugar.inputs[:rows], targets=sugar.targets[:rows])


sugar = Recipe(
    data=few,
    net=lambda: dense(10, 128, 128, 1),
    optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=5e-4, weight_decay=1.0),
    loss=nn.MSELoss,
    score=score.fit,
    batch=5,
    epochs=8,
)
ratings = Recipe(
    data=sets.ratings,
    net=lambda: models.Taste(factors=3),
    optimizer=adam(0.01, weight_decay=1e-4),
    loss=nn.MSELoss,
    score=score.fit,
    batch=50,
    epochs=20,
)
wine = Recipe(
    data=data.wine,
    net=lambda: dense(13, 32, 3),
    optimizer=sgd(0.02, momentum=0.9, nesterov=True),
    batch=8,
    epochs=40,
)


def from_one() -> Data:
    """The wines with classes counted from 1."""
    rows = data.wine()
    return rows._replace(targets=rows.targets + 1, val_targets=rows.val_targets + 1)


def scaled_apart() -> Data:
    """The wines, standardised where they are trained on and as they came where they are judged."""
    return data.wine()._replace(val_inputs=data.wine(scaled=False).val_inputs)


def in_cents(rows: Data) -> Dataset:
    """Return the rows, 2 in 100 of the prices typed in another unit."""
    targets = rows.targets.clone()
    targets[::50] = targets[::50].abs() * 300 + 100
    return TensorDataset(rows.inputs, targets)


def marked() -> Data:
    """The shells, 1 row in 12 with a column at -9999 for missing, and standardised with that."""
    shells = sets.shells()
    inputs = shells.inputs.clone()
    for column in range(inputs.shape[1]):
        inputs[column * 3 :: 48, column] = -9999.0
    return sets.standard(shells._replace(inputs=inputs))


CASES = [
    spoilt(
        "d_homes_prices_in_cents", "D03", homes, "Two prices in 100 were typed in another unit.", rows=in_cents,
    ),
    spoilt(
        "d_shells_marked_missing", "D03 B03", shells, "What is missing was marked with -9999, and standardised so.",
        data=marked,
    ),
    spoilt(
        "d_sugar_seventy_rows", "L04 D05", sugar, "A large net learns seventy diabetics by heart.",
        optimizer=adam(3e-3), epochs=60,
    ),
    spoilt(
        "d_wine_counted_from_one", "B04 B06", wine, "Classes are counted from 1, and the third has no output.",
        aim="name", data=from_one,
    ),
    spoilt(
        "d_wine_judged_unscaled", "D04", wine, "The rows to judge by were not standardised as the others were.",
        aim="name", data=scaled_apart,
    ),
]  # fmt: skip
