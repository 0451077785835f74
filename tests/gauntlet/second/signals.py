"""Gradients that explode or vanish on their way, and units that are dead."""

from dataclasses import replace

import torch
from torch import nn

from tests.gauntlet.nets import dense, drawn, normal
from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.second import shapes
from tests.gauntlet.second.tasks import (
    BARS,
    CIRCUIT,
    COPIES,
    DIGITS,
    HASTIE,
    HEADS,
    MOONS,
    RATINGS,
    RECALL,
    RINGS,
    ROWS,
    WAVE,
    WINE,
    adamw,
)


def biased(net: nn.Module, value: float, *, but_last: bool = True) -> nn.Module:
    """Return the net with its biases set to a value."""
    layers = [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv1d)]
    for layer in layers[:-1] if but_last else layers:
        nn.init.constant_(layer.bias, value)
    return net


def scaled(net: nn.Module, factor: float, part: str = "") -> nn.Module:
    """Return the net with the matrices of a part multiplied by a factor."""
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.startswith(part) and weight.ndim > 1:
                weight *= factor
    return net


def sigmoid_conv() -> nn.Module:
    """Return five convolutions, each with a sigmoid after it."""
    layers: list[nn.Module] = []
    for before in (1, 8, 8, 8, 8):
        layers += [nn.Conv2d(before, 8, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 144, 4))


def deep(features: int, answers: int, layers: int, activation: type[nn.Module], width: int = 32) -> nn.Module:
    """Return many hidden layers of one width."""
    return dense(features, *[width] * layers, answers, activation=activation)


def negative(net: nn.Module) -> nn.Module:
    """Return the net whose body has no weight above 0."""
    with torch.no_grad():
        net.body[0].weight.abs_().neg_()
        net.body[0].bias.fill_(-0.5)
    return net


EXPLODING = [
    spoilt("b_recurrent_weights_times_six", "G01 L01", RECALL, "a ReLU RNN with recurrent weights of six times",
           net=lambda: scaled(shapes.Last(nn.RNN, 4, 4, nonlinearity="relu"), 6.0, "body.weight_hh"),
           optimizer=sgd(0.05)),
    spoilt("b_wide_start_of_a_deep_net", "G01", replace(CIRCUIT, net=lambda: deep(4, 1, 5, nn.ReLU)),
           "first weights five times too large in six layers",
           net=lambda: scaled(deep(4, 1, 5, nn.ReLU), 5.0)),
    spoilt("b_targets_in_cents", "G01 B08", CIRCUIT, "targets in the thousands with SGD and momentum",
           data=lambda: CIRCUIT.data()._replace(
               targets=CIRCUIT.data().targets * 3000 + 20000, val_targets=CIRCUIT.data().val_targets * 3000 + 20000)),
    spoilt("b_embeddings_of_thirty", "G01 L01", RATINGS, "first embeddings drawn with a deviation of 30",
           net=lambda: shapes.Tastes(spread=30.0), optimizer=sgd(0.5)),
]  # fmt: skip

VANISHING = [
    spoilt("b_eight_sigmoids", "G02", DIGITS, "eight hidden layers of sigmoids",
           net=lambda: nn.Sequential(*deep(64, 10, 8, nn.Sigmoid), nn.LogSoftmax(1)), optimizer=adam(1e-3)),
    spoilt("b_convolutions_of_sigmoids", "G02", BARS, "five convolutions of sigmoids", net=sigmoid_conv,
           optimizer=sgd(0.05, momentum=0.9)),
    spoilt("b_tanh_drawn_at_0.001", "G02", MOONS, "six tanh layers with first weights of 0.001",
           net=lambda: drawn(deep(2, 2, 6, nn.Tanh), normal(1e-3))),
    spoilt("b_saturated_tanh", "G02", WINE,
           "two tanh layers with first weights of 10: all units are saturated",
           net=lambda: drawn(dense(13, 24, 24, 3, activation=nn.Tanh), normal(10.0)), optimizer=sgd(0.02)),
    spoilt("b_twelve_small_relus", "G02", RINGS, "twelve ReLU layers whose first weights shrink what they carry",
           net=lambda: drawn(deep(2, 3, 12, nn.ReLU), normal(0.05))),
    spoilt("b_softsign_of_ten", "G02", HASTIE, "ten softsign layers with plain SGD",
           net=lambda: deep(10, 1, 10, nn.Softsign), optimizer=sgd(0.05)),
    spoilt("b_sigmoid_autoencoder", "G02", COPIES, "an autoencoder of seven sigmoid layers",
           net=lambda: dense(64, 48, 32, 16, 12, 16, 32, 48, 64, activation=nn.Sigmoid),
           optimizer=sgd(0.1, momentum=0.9)),
    spoilt("b_recurrent_weights_of_a_hundredth", "G02 L02", ROWS,
           "a tanh RNN whose recurrent weights are so small that it forgets all but the last row",
           net=lambda: scaled(shapes.Last(nn.RNN, 8, 10), 0.01, "body.weight_hh"), optimizer=sgd(0.05)),
]  # fmt: skip

DEAD = [
    spoilt("b_biases_of_minus_ten", "G07", RINGS, "first biases of -10 before ReLUs",
           net=lambda: biased(dense(2, 32, 32, 3), -10.0)),
    spoilt("b_dead_convolutions", "G07", BARS, "first biases of -4 in a conv net without norms",
           net=lambda: biased(shapes.convolved(1, 12, 4), -4.0)),
    spoilt("b_relu_at_the_end_of_a_regression", "G07 B08", WAVE,
           "a ReLU after the last layer, and targets below 0",
           net=lambda: dense(1, 64, 64, 1, activation=nn.Tanh, end=nn.ReLU())),
    spoilt("b_relu_of_negative_weights", "G07", HEADS, "first weights below 0 on pixels above 0",
           net=lambda: negative(shapes.Heads())),
    spoilt("b_killed_at_the_start", "G07 L01", COPIES, "the first steps of SGD at 30 kill what ReLUs there are",
           optimizer=sgd(30.0), scheduler=lambda of: torch.optim.lr_scheduler.LambdaLR(
               of, lambda step: 1.0 if step < 5 else 0.01), when="step"),
    spoilt("b_most_units_dead", "G07", DIGITS, "first biases of -3 in a net with Adam, so that few units answer",
           net=lambda: biased(dense(64, 128, 64, 10, end=nn.LogSoftmax(1)), -3.0), optimizer=adamw(1e-3)),
]  # fmt: skip

CASES = [*EXPLODING, *VANISHING, *DEAD]
"""Each beside a twin whose signal goes through."""
