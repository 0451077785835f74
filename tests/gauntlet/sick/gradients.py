"""First weights and activations through which no gradient, or far too much of it, comes."""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.case import Training
from tests.gauntlet.data import Data, curve, digits, pictures, rows_of_pictures, table
from tests.gauntlet.nets import Reader, conv, dense, drawn, normal
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

DIGITS = Recipe(data=digits, net=lambda: dense(64, 64, 64, 10), optimizer=adam(3e-3))
DEEP = Recipe(data=digits, net=lambda: dense(64, *[48] * 4, 10), optimizer=adam(3e-3))
CONV = Recipe(data=pictures, net=conv, optimizer=adam(3e-3), epochs=5)
READER = Recipe(data=rows_of_pictures, net=lambda: Reader(nn.RNN), optimizer=adam(3e-3), epochs=7)
TABLE = Recipe(
    data=table,
    net=lambda: dense(20, 32, 32, 1),
    optimizer=adam(1e-2),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    epochs=12,
)
CURVE = Recipe(
    data=curve, net=lambda: dense(10, 64, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit, epochs=12
)


def _loud_reader() -> nn.Module:
    reader = Reader(nn.RNN)
    with torch.no_grad():
        reader.body.weight_hh_l0.mul_(20.0)
    return reader


def _sunk(net: nn.Module, bias: float) -> nn.Module:
    """Return the net with the hidden biases far below zero."""
    hidden = [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)][:-1]
    for module in hidden:
        nn.init.constant_(module.bias, bias)
    return net


def _clip(training: Training, limit: float) -> None:
    """Let the optimizer clip all gradients to a norm before each step."""

    def clip(optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        torch.nn.utils.clip_grad_norm_(
            [weight for group in optimizer.param_groups for weight in group["params"]], limit
        )

    training.optimizer.register_step_pre_hook(clip)


def _loud_curve() -> Data:
    plain = curve()
    return plain._replace(inputs=plain.inputs * 1000, val_inputs=plain.val_inputs * 1000)


CASES = [
    spoilt(
        "digits_eight_sigmoids",
        "G02",
        DEEP,
        "eight layers of sigmoids as PyTorch draws them",
        net=lambda: dense(64, *[48] * 8, 10, activation=nn.Sigmoid),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "table_ten_sigmoids_with_sgd",
        "G02 L02",
        TABLE,
        "ten layers of sigmoids with SGD",
        net=lambda: dense(20, *[24] * 10, 1, activation=nn.Sigmoid),
        optimizer=sgd(0.1),
    ),
    spoilt(
        "pictures_sigmoids_before_sgd",
        "G02 L02",
        CONV,
        "a conv net of sigmoids with SGD at 0.05",
        net=lambda: conv(nn.Sigmoid),
        optimizer=sgd(0.05),
    ),
    spoilt(
        "digits_saturated_tanh",
        "G02 G07",
        DIGITS,
        "tanh units that begin at their bounds",
        net=lambda: drawn(dense(64, 64, 64, 10, activation=nn.Tanh), normal(3.0)),
        optimizer=sgd(0.01),
    ),
    spoilt(
        "digits_first_weights_zero",
        "G04 G07",
        DIGITS,
        "all first weights are zero, so that all units stay the same",
        net=lambda: drawn(dense(64, 64, 64, 10), nn.init.zeros_),
    ),
    spoilt(
        "curve_first_weights_zero",
        "G04 G07",
        CURVE,
        "all first weights are zero in a regression",
        net=lambda: drawn(dense(10, 64, 1), nn.init.zeros_),
    ),
    spoilt(
        "digits_first_weights_huge",
        "G01 L01",
        DEEP,
        "first weights with a deviation of 2 in five layers",
        net=lambda: drawn(dense(64, *[48] * 4, 10), normal(2.0)),
        optimizer=adam(1e-3),
    ),
    spoilt(
        "table_first_weights_huge_with_sgd",
        "G01 L01",
        TABLE,
        "first weights with a deviation of 1 in six layers, and SGD",
        net=lambda: drawn(dense(20, *[32] * 5, 1), normal(1.0)),
        optimizer=sgd(0.01),
    ),
    spoilt(
        "digits_first_weights_tiny",
        "G02 L02",
        DEEP,
        "first weights with a deviation of 0.01 in five layers, and SGD",
        net=lambda: drawn(dense(64, *[48] * 4, 10), normal(0.01)),
        optimizer=sgd(0.1),
    ),
    spoilt(
        "digits_dead_from_the_start",
        "G07 G04",
        DIGITS,
        "hidden biases of -10: no relu ever opens",
        net=lambda: _sunk(dense(64, 64, 64, 10), -10.0),
    ),
    spoilt(
        "pictures_dead_from_the_start",
        "G07 G04",
        CONV,
        "convolutions with biases of -5: no relu ever opens",
        net=lambda: _sunk(conv(), -5.0),
    ),
    spoilt(
        "table_killed_by_the_first_steps",
        "G07 L01",
        TABLE,
        "relus that a high rate kills in the first steps",
        net=lambda: dense(20, *[16] * 6, 1),
        optimizer=adam(0.3),
    ),
    spoilt(
        "reader_with_loud_memory",
        "G01 G02",
        READER,
        "a recurrent net whose inner weights begin twenty times too large",
        net=_loud_reader,
        optimizer=sgd(0.05),
    ),
    spoilt(
        "deep_relus_with_sgd",
        "G02 L02",
        DEEP,
        "twelve layers of relus as PyTorch draws them, with SGD",
        net=lambda: dense(64, *[48] * 12, 10),
        optimizer=sgd(0.1),
    ),
    spoilt(
        "curve_tanh_of_loud_inputs",
        "B03 G02",
        replace(CURVE, net=lambda: dense(10, 64, 1, activation=nn.Tanh)),
        "features of a thousand before tanh, which stands at its bounds",
        data=_loud_curve,
    ),
    spoilt(
        "clipped_to_almost_nothing",
        "G06 L02",
        DIGITS,
        "gradients are clipped to a norm of 0.0001 before SGD",
        optimizer=sgd(0.1),
        last=partial(_clip, limit=1e-4),
    ),
    spoilt(
        "clipped_to_almost_nothing_on_a_curve",
        "G06 L02",
        CURVE,
        "gradients are clipped to a norm of 0.001 before SGD with momentum",
        optimizer=sgd(0.05, momentum=0.9),
        last=partial(_clip, limit=1e-3),
    ),
]
