"""Losses that do not fit the outputs or the targets."""

import torch
from torch import nn

from tests.gauntlet.data import Data, curve
from tests.gauntlet.nets import conv, dense
from tests.gauntlet.recipe import sgd, spoilt
from tests.gauntlet.sick.twins import CONV, CURVE, DIGITS


def summed_squares(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The squared errors of a batch, summed."""
    return (outputs - targets).square().sum()


def every_with_every(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Squared errors of (N, 1) and (N,), which torch broadcasts to (N, N)."""
    return (outputs - targets).square().mean()


def every_with_every_absolute(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Absolute errors of (N, 1) and (N,), broadcast likewise."""
    return (outputs - targets).abs().mean()


def without_last_dimension() -> Data:
    """The curve with targets (N,) in place of (N, 1)."""
    plain = curve()
    return plain._replace(targets=plain.targets[:, 0], val_targets=plain.val_targets[:, 0])


CASES = [
    spoilt(
        "softmax_before_cross_entropy_with_sgd",
        "B08 L02",
        DIGITS,
        "softmax before the cross-entropy, SGD at 0.1",
        net=lambda: dense(64, 64, 10, end=nn.Softmax(1)),
        optimizer=sgd(0.1),
    ),
    spoilt(
        "softmax_before_cross_entropy_on_pictures",
        "B08 L02",
        CONV,
        "softmax before the cross-entropy of a conv net",
        net=lambda: conv(end=nn.Softmax(1)),
        optimizer=sgd(0.05, momentum=0.9),
    ),
    spoilt(
        "sum_of_the_cross_entropy",
        "B08 L01",
        DIGITS,
        "the cross-entropy is summed over the batch, SGD at 0.1",
        loss=lambda: nn.CrossEntropyLoss(reduction="sum"),
        optimizer=sgd(0.1, momentum=0.9),
        batch=64,
        epochs=10,
    ),
    spoilt(
        "sum_of_the_squares",
        "B08 G01",
        CURVE,
        "squared errors are summed over the batch, SGD at 0.02",
        source="TheDeepChecker, sum in place of mean",
        loss=lambda: summed_squares,
        optimizer=sgd(0.02),
    ),
    spoilt(
        "squares_of_every_with_every",
        "B05",
        CURVE,
        "outputs (N, 1) and targets (N,) are broadcast to (N, N)",
        source="TheDeepChecker, broadcasting loss",
        data=without_last_dimension,
        loss=lambda: every_with_every,
    ),
    spoilt(
        "errors_of_every_with_every",
        "B05",
        CURVE,
        "absolute errors, broadcast to (N, N)",
        data=without_last_dimension,
        loss=lambda: every_with_every_absolute,
    ),
    spoilt(
        "probabilities_where_logarithms_are_wanted",
        "B08 L02",
        DIGITS,
        "a softmax before a loss that wants log-probabilities, with SGD",
        net=lambda: dense(64, 64, 10, end=nn.Softmax(1)),
        loss=nn.NLLLoss,
        optimizer=sgd(0.1),
    ),
    spoilt(
        "relu_over_a_regression",
        "B08 G07",
        CURVE,
        "a relu as last layer where half of the targets are negative",
        net=lambda: dense(10, 64, 1, end=nn.ReLU()),
    ),
    spoilt(
        "sigmoid_over_a_regression",
        "B08 L05",
        CURVE,
        "a sigmoid as last layer of a regression around zero",
        net=lambda: dense(10, 64, 1, end=nn.Sigmoid()),
    ),
]
