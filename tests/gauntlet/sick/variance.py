"""Too much regularisation, and too little: trained until the rows are learnt by heart."""

from functools import partial

import numpy as np
import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data, curve, digits, noisy_labels
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.sick.twins import CURVE, DIGITS, TABLE


def few_and_noisy(rows: int, share: float) -> Data:
    """A few digits, with a share of the labels drawn anew."""
    plain = digits()
    return noisy_labels(plain._replace(inputs=plain.inputs[:rows], targets=plain.targets[:rows]), share)


def few_and_noisy_numbers() -> Data:
    """A hundred rows of the curve, with much noise in their targets."""
    plain = curve()
    random = np.random.default_rng(12)
    noise = torch.tensor(random.normal(size=(100, 1)), dtype=torch.float32)
    return plain._replace(inputs=plain.inputs[:100], targets=plain.targets[:100] + 0.8 * noise)


CASES = [
    spoilt(
        "dropout_of_0.95",
        "L05",
        DIGITS,
        "95 % of the units are dropped",
        net=lambda: dense(64, 64, 64, 10, dropout=0.95),
    ),
    spoilt(
        "weight_decay_of_10", "L05", DIGITS, "Adam with a weight decay of 10", optimizer=adam(3e-3, weight_decay=10.0)
    ),
    spoilt(
        "weight_decay_of_2_with_sgd",
        "L05",
        TABLE,
        "SGD with a weight decay of 2",
        source="TheDeepChecker, over-regularised",
        optimizer=sgd(0.1, weight_decay=2.0),
    ),
    spoilt(
        "weight_decay_over_a_regression",
        "L05",
        CURVE,
        "AdamW whose weight decay takes a tenth at each step",
        optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=10.0),
    ),
    spoilt(
        "learnt_by_heart_with_noise",
        "L04 D10",
        Recipe(data=partial(few_and_noisy, 250, 0.5), net=lambda: dense(64, 128, 10), optimizer=adam(3e-3), epochs=8),
        "half of few labels are drawn anew, and training goes on until they are learnt by heart",
        epochs=50,
    ),
    spoilt(
        "learnt_by_heart_on_a_regression",
        "L04 D05",
        Recipe(
            data=few_and_noisy_numbers,
            net=lambda: dense(10, 128, 1),
            optimizer=adam(1e-2),
            loss=nn.MSELoss,
            score=score.fit,
            batch=20,
            epochs=20,
        ),
        "a hundred noisy rows, and training goes on until they are learnt by heart",
        epochs=120,
    ),
]
