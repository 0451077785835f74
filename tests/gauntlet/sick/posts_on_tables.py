"""Sick trainings from Stack Overflow, rebuilt small, most of them over small tables.

The posts are those of DeepLocalize (Wardat et al., ICSE 2021) and DeepFD (Cao et al., ICSE 2022); where the data of a
post are not to be had, scikit-learn's stand in for them.
"""

from functools import partial

import torch
from torch import nn

from tests.gauntlet.data import cancer, iris, pictures, wine
from tests.gauntlet.nets import conv, dense, drawn, normal
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.sick.published_twins import CANCER, DIGITS, IRIS, TABLE, WINE, YES_NO, one_hot, permuted_words


def _rmsprop(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(net.parameters(), lr=1e-3)


CASES = [
    spoilt(
        "permuted_words_in_small_sigmoids",
        "L02 G02",
        Recipe(
            data=permuted_words,
            net=lambda: dense(8, 16, 8, end=nn.Sigmoid()),
            optimizer=adam(1e-2),
            epochs=15,
            **YES_NO,
        ),
        "three layers of sigmoids that begin very small, SGD at 0.01",
        source="Stack Overflow 39217567",
        net=lambda: drawn(dense(8, 8, 8, 8, activation=nn.Sigmoid, end=nn.Sigmoid()), normal(0.05)),
        loss=nn.MSELoss,
        optimizer=sgd(0.01),
    ),
    spoilt(
        "iris_sigmoid_and_unscaled",
        "B08 L02",
        IRIS,
        "sigmoids before the cross-entropy, features as they are",
        source="Stack Overflow 59278771",
        data=partial(iris, scaled=False),
        net=lambda: dense(4, 4, 3, end=nn.Sigmoid()),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "wine_tanh_softmax_and_mse",
        "B08 B03",
        WINE,
        "tanh on features as they are, half dropped, softmax and the mean squared error",
        source="Stack Overflow 34673164",
        data=one_hot(partial(wine, scaled=False)),
        net=lambda: dense(13, 64, 64, 3, activation=nn.Tanh, end=nn.Softmax(1), dropout=0.5),
        loss=nn.MSELoss,
        optimizer=sgd(0.1),
    ),
    spoilt(
        "cancer_relu_before_the_loss",
        "B08 B03",
        CANCER,
        "features as they are, and a relu where the loss wants logits",
        source="Stack Overflow 44066044",
        data=partial(cancer, scaled=False),
        net=lambda: dense(30, 12, 8, 1, end=nn.ReLU()),
        loss=nn.BCEWithLogitsLoss,
        optimizer=adam(1e-3),
    ),
    spoilt(
        "pictures_relu_before_the_loss",
        "B08 G07",
        Recipe(data=pictures, net=conv, optimizer=adam(3e-3), epochs=5),
        "a conv net whose last layer is a relu",
        source="Stack Overflow 47352366",
        net=lambda: conv(end=nn.ReLU()),
        optimizer=sgd(0.3),
    ),
    spoilt(
        "table_sigmoid_softmax_of_one",
        "B07 G04",
        TABLE,
        "a sigmoid, then the softmax of one number, and the mean absolute error",
        source="Stack Overflow 45442843",
        net=lambda: dense(20, 16, 1, end=nn.Sequential(nn.Sigmoid(), nn.Softmax(1))),
        loss=nn.L1Loss,
        optimizer=_rmsprop,
        batch=64,
        epochs=20,
    ),
    spoilt(
        "wine_wide_and_unscaled",
        "B03 D02",
        WINE,
        "features as they are before a wide net, half of it dropped",
        source="Stack Overflow 31627380",
        data=partial(wine, scaled=False),
        net=lambda: dense(13, 128, 128, 3, dropout=0.5),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "digits_sigmoid_before_cross_entropy",
        "B08 L02",
        DIGITS,
        "sigmoids in the middle and before the cross-entropy, little training",
        source="Stack Overflow 58609115",
        net=lambda: dense(64, 69, 10, activation=nn.Sigmoid, end=nn.Sigmoid()),
        optimizer=sgd(0.1),
        batch=50,
        epochs=3,
    ),
]
