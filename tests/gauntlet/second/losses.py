"""Losses that do not fit the outputs, the targets or the task, as people write them."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.second import shapes
from tests.gauntlet.second.tasks import (
    BARS,
    CANCER,
    CIRCUIT,
    CONV,
    DIABETES,
    DIGITS,
    HASTIE,
    MOONS,
    NORMED,
    PHASE,
    ROWS,
    SUMS,
    TILES,
    WAVE,
)


def broadcast(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(N, 1) minus (N,) is (N, N)."""
    return (outputs - targets.view(-1)).square().mean()


def absolute_broadcast(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(N,) minus (N, 1) is (N, N), here in an absolute error."""
    return (outputs.squeeze(1) - targets).abs().mean()


def numbers_of_classes(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The squared error of all outputs to the number of the class."""
    return (outputs - targets[:, None].float()).square().mean()


def hinge(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """A hinge that wants -1 and 1, and gets 0 and 1."""
    return (1 - outputs * targets).clamp(min=0).mean()


def per_row_sum(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The sum of the squared errors of the batch."""
    return (outputs - targets).square().sum()


def turned(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The likelihood, which is to be as high as can be, without its minus."""
    return outputs.gather(1, targets[:, None]).mean()


CASES = [
    spoilt("b_likelihood_of_logits", "B08 L01", ROWS, "the likelihood loss gets logits, and falls without end",
           loss=nn.NLLLoss, optimizer=adam(3e-2)),
    spoilt("b_softmax_layer_with_sgd", "B08 L02", replace(CONV, optimizer=sgd(0.1)),
           "a softmax layer before cross-entropy, with SGD", net=lambda: nn.Sequential(CONV.net(), nn.Softmax(1))),
    spoilt("b_sigmoid_twice_on_tiles", "B08 L02", replace(TILES, optimizer=sgd(0.02, momentum=0.9)),
           "a sigmoid at the end and another in the loss", net=lambda: nn.Sequential(TILES.net(), nn.Sigmoid())),
    spoilt("b_broadcast_of_a_sequence", "B05 L05", SUMS, "(N, 1) minus (N,) is (N, N): it learns the mean",
           loss=lambda: broadcast),
    spoilt("b_absolute_broadcast", "B05 L05", PHASE, "(N,) minus (N, 1) is (N, N), in an absolute error",
           loss=lambda: absolute_broadcast),
    spoilt("b_broadcast_of_patients", "B05 L05", DIABETES, "a Huber loss of (N, 1) and (N,)",
           loss=lambda: lambda outputs, targets: functional.huber_loss(
               *torch.broadcast_tensors(outputs, targets.view(-1)))),
    spoilt("b_squared_error_of_class_numbers", "B08 B05", MOONS, "each output is pulled to the class number",
           loss=lambda: numbers_of_classes),
    spoilt("b_sum_with_momentum", "B08 L01", CIRCUIT, "the loss is the sum over the batch, with momentum",
           loss=lambda: per_row_sum),
    spoilt("b_sum_of_cross_entropies", "B08 L01", NORMED, "a summed cross-entropy with a rate for the mean",
           net=lambda: dense(64, 64, 64, 10), optimizer=sgd(0.1, momentum=0.9),
           loss=lambda: nn.CrossEntropyLoss(reduction="sum")),
    spoilt("b_hinge_of_noughts", "B08 L06", HASTIE,
           "a hinge wants -1 and 1 and gets 0 and 1: yes is always right",
           loss=lambda: hinge),
    spoilt("b_likelihood_without_its_minus", "B08 L01", DIGITS, "the likelihood is made as low as can be",
           loss=lambda: turned),
    spoilt("b_sigmoid_at_the_end_of_a_regression", "B08 L05", CIRCUIT,
           "a sigmoid at the end, and targets around 0",
           net=lambda: dense(4, 48, 1, end=nn.Sigmoid())),
    spoilt("b_softmax_of_one_output", "B08 G04", CANCER, "a softmax over a single output, which is always 1",
           net=lambda: dense(30, 16, 1, end=nn.Softmax(1))),
    spoilt("b_divided_by_a_temperature", "B08 L02",
           replace(BARS, net=lambda: shapes.convolved(1, 12, 4), optimizer=sgd(0.1, momentum=0.9)),
           "logits are divided by 1000 before cross-entropy",
           loss=lambda: lambda outputs, targets: functional.cross_entropy(outputs / 1000, targets)),
    spoilt("b_error_of_the_mean", "B08 L05", WAVE, "the error of the batch's mean instead of the mean error",
           loss=lambda: lambda outputs, targets: (outputs.mean() - targets.mean()).square(), aim="name"),
]  # fmt: skip
"""Each beside its twin, whose loss fits."""
