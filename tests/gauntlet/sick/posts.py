"""Sick trainings from Stack Overflow, rebuilt small: one answer where several are wanted, and rates.

The posts are those of DeepLocalize (Wardat et al., ICSE 2021) and DeepFD (Cao et al., ICSE 2022); where the data of a
post are not to be had, scikit-learn's stand in for them.
"""

from functools import partial

from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import cancer, digits, tags
from tests.gauntlet.nets import dense, glorot
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.sick.published_twins import CANCER, DIGITS, PLANE, TABLE, XOR, YES_NO, falling, one_hot

CASES = [
    spoilt(
        "digits_sgd_at_3",
        "L01 G01",
        DIGITS,
        "the mean squared error with SGD at 3",
        source="Stack Overflow 48385830",
        data=one_hot(digits),
        net=lambda: dense(64, 30, 10, activation=nn.Sigmoid),
        loss=nn.MSELoss,
        optimizer=sgd(3.0),
        batch=10,
        epochs=2,
    ),
    spoilt(
        "xor_mean_absolute_error",
        "L02 B09",
        XOR,
        "sigmoids, the mean absolute error and SGD at 0.05",
        source="Stack Overflow 31556268 (S3)",
        net=lambda: glorot(dense(2, 4, 1, activation=nn.Sigmoid, end=nn.Sigmoid())),
        loss=nn.L1Loss,
        optimizer=sgd(0.05, momentum=0.11),
    ),
    spoilt(
        "relu_over_negative_targets",
        "B08 G07",
        Recipe(
            data=falling, net=lambda: dense(2, 4, 1), optimizer=adam(2e-2), loss=nn.MSELoss, score=score.fit, epochs=12
        ),
        "a relu as last layer where most targets are negative",
        source="Stack Overflow 48251943",
        net=lambda: dense(2, 4, 1, end=nn.ReLU()),
    ),
    spoilt(
        "tags_softmax_and_mse",
        "B08 L05",
        Recipe(
            data=tags, net=lambda: dense(20, 20, 20, 5, end=nn.Sigmoid()), optimizer=adam(1e-2), epochs=12, **YES_NO
        ),
        "several labels with softmax, the mean squared error, half dropped",
        source="Stack Overflow 38648195",
        net=lambda: dense(20, 20, 20, 5, end=nn.Softmax(1), dropout=0.5),
        loss=nn.MSELoss,
        optimizer=sgd(0.01),
    ),
    spoilt(
        "plane_with_softmax_of_one",
        "B07 G04",
        PLANE,
        "a regression whose last layer is the softmax of one number, which is always 1",
        source="Stack Overflow 33969059",
        net=lambda: dense(20, 25, 25, 1, activation=nn.Tanh, end=nn.Softmax(1)),
        optimizer=sgd(0.1, momentum=0.9),
    ),
    spoilt(
        "xor_softmax_of_one",
        "B07 G04",
        XOR,
        "the softmax of one number",
        source="Stack Overflow 34311586 (S6)",
        net=lambda: glorot(dense(2, 3, 1, activation=nn.Sigmoid, end=nn.Softmax(1))),
        loss=nn.MSELoss,
        optimizer=sgd(1e-3),
    ),
    spoilt(
        "table_softmax_of_one",
        "B07 G04",
        TABLE,
        "the softmax of one number, batch of one",
        source="Stack Overflow 31880720",
        net=lambda: dense(20, 50, 50, 1, end=nn.Softmax(1), dropout=0.2),
        batch=1,
        epochs=1,
    ),
    spoilt(
        "cancer_unscaled_one_row_a_batch",
        "D02 B03",
        CANCER,
        "three features in their own units, a batch of one",
        source="Stack Overflow 39525358",
        data=partial(cancer, scaled=False),
        net=lambda: dense(30, 12, 3, 1, end=nn.Sigmoid()),
        optimizer=adam(1e-3),
        batch=1,
        epochs=1,
    ),
]
