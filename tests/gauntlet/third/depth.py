"""Gradients that die or explode, parts that do not train, units that are dead, clipping that holds everything still."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from tests.gauntlet.nets import dense, drawn, glorot, normal, uniform
from tests.gauntlet.recipe import sgd
from tests.gauntlet.third import nets, sets
from tests.gauntlet.third.rates import ENCODER
from tests.gauntlet.third.twins import (
    CANCER,
    CIRCUITS,
    HASTIE,
    HOUSES,
    IRIS,
    LETTERS,
    MOONS,
    RATINGS,
    RESIDUAL,
    REVIEWS,
    RINGS,
    ROWS,
    SPIRALS,
    TILES,
    WAVES,
    WINE,
    sick,
)  # fmt: skip


class Square(nn.Module):
    """The square as an activation."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.square()


class Cut(nn.Module):
    """Passes on what it gets, and no gradient: what a leftover `detach` does."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.detach()


def _changed(net: nn.Module, change: Callable[[nn.Module], Any]) -> nn.Module:
    change(net)
    return net


@torch.no_grad()
def _filled(parts: Iterable[nn.Module], *, weight: float | None = None, bias: float | None = None) -> None:
    for part in parts:
        if weight is not None:
            part.weight.fill_(weight)
        if bias is not None:
            part.bias.fill_(bias)


def _linear(net: nn.Module) -> list[nn.Module]:
    return [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)]


def _scaled_recurrence(net: nn.Module) -> None:
    nn.init.normal_(net.body.weight_hh_l0, 0.0, 1.0)


def _clip_norm(most: float, training: Any) -> None:
    def clip(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], most)

    training.optimizer.register_step_pre_hook(clip)


def _clamp_each(most: float, training: Any) -> None:
    for weight in training.model.parameters():
        weight.register_hook(lambda gradient: gradient.clamp(-most, most))


def _silenced(training: Any) -> None:
    for weight in training.model.body.parameters():
        weight.register_hook(lambda gradient: 0.0 * gradient)


def _frozen(*names: str) -> Callable[[nn.Module], Any]:
    return lambda net: [getattr(net, name).requires_grad_(False) for name in names]


def _new_head(net: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer that was made before the head was replaced."""
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    net.head = nn.Linear(net.head.in_features, net.head.out_features)
    with torch.no_grad():
        net.head.weight.mul_(0.01)
    return optimizer


def _only_biases(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([weight for name, weight in net.named_parameters() if "weight" not in name], lr=3e-3)


VANISHING = [
    sick("moons_deep_sigmoids", "G02", MOONS, "eight sigmoids in a row",
         net=lambda: dense(2, *[32] * 8, 2, activation=nn.Sigmoid)),
    sick("rings_deep_tanh", "G02", RINGS, "twelve tanh whose first weights are far too small",
         net=lambda: drawn(dense(4, *[32] * 12, 3, activation=nn.Tanh), normal(0.02))),
    sick("tiles_sigmoid_pictures", "G02 L02", TILES, "a conv net with sigmoids and small first weights, SGD",
         net=lambda: drawn(nets.pictures(act=nn.Sigmoid), normal(0.02)), optimizer=sgd(0.05, momentum=0.9)),
    sick("encoder_deep_sigmoids", "G02 L03", ENCODER, "an autoencoder of six sigmoids",
         net=lambda: dense(64, 48, 32, 12, 32, 48, 64, activation=nn.Sigmoid)),
    sick("circuits_tiny_weights", "G02", CIRCUITS, "a deep net whose first weights are drawn with 0.001",
         net=lambda: drawn(dense(4, 48, 48, 48, 48, 48, 1), normal(1e-3))),
    sick("wine_ten_sigmoids", "G02", WINE, "ten layers of sigmoids for a small table",
         net=lambda: glorot(dense(13, *[24] * 10, 3, activation=nn.Sigmoid))),
    sick("waves_long_series", "G02", replace(WAVES, data=lambda: sets.waves(100), epochs=6),
         "a plain recurrent net is to remember a hundred steps", aim="name",
         net=lambda: nets.Series(3, nn.RNN)),
    sick("rows_saturated", "G02 G01", ROWS, "the recurrent weights of a plain net are drawn with 1",
         net=lambda: _changed(nets.Series(10, nn.RNN, 48, 8), _scaled_recurrence)),
]  # fmt: skip

EXPLODING = [
    sick("residual_wild_weights", "G01 B08", replace(RESIDUAL, net=lambda: nets.Residual(64, 10, 8)),
         "sixteen residual layers drawn with 0.5 and no norm",
         net=lambda: drawn(nets.Residual(64, 10, 8), normal(0.5))),
    sick("rows_relu_recurrence", "G01 L01", ROWS, "a recurrent net with relu and SGD at 0.1",
         net=lambda: _changed(nets.Series(10, partial(nn.RNN, nonlinearity="relu"), 48, 8),
                              lambda net: nn.init.normal_(net.body.weight_hh_l0, 0.0, 0.5)), optimizer=sgd(0.1)),
    sick("tiles_uniform_weights", "G01 B08", TILES, "a conv net drawn between -1 and 1, SGD",
         net=lambda: drawn(nets.pictures(), uniform(-1, 1)), optimizer=sgd(0.02, momentum=0.9)),
    sick("houses_square_activation", "G01 G03", replace(HOUSES, net=lambda: dense(5, 32, 32, 32, 1)),
         "three squares in a row", net=lambda: dense(5, 32, 32, 32, 1, activation=Square), optimizer=sgd(0.05)),
    sick("houses_dollars_sgd", "G01 G03", HOUSES, "prices in dollars with SGD",
         data=lambda: sets.houses(prices_scaled=False), optimizer=sgd(1e-2)),
]  # fmt: skip

STILL = [
    sick("tiles_all_zero", "G04", TILES, "a conv net whose weights all begin at zero",
         net=lambda: drawn(nets.pictures(), nn.init.zeros_)),
    sick("hastie_all_alike", "G04", HASTIE, "all weights begin at 0.1, so all units are one",
         net=lambda: _changed(dense(10, 64, 1), lambda net: _filled(_linear(net), weight=0.1, bias=0.0))),
    sick("signs_new_head_forgotten", "G04 B07", RESIDUAL, "the optimizer was made before the head was replaced",
         net=lambda: _changed(nets.Residual(64, 10), lambda net: [block.requires_grad_(False) for block in net.blocks]),
         optimizer=_new_head),
    sick("reviews_frozen_words", "G04", REVIEWS, "embeddings of near zero that were loaded frozen",
         net=lambda: _changed(nets.Sentence(50, 2), lambda net: (
             _frozen("words")(net), _filled([net.words], weight=0.0)))),
    sick("letters_frozen_but_head", "G04", LETTERS, "all but the letters is frozen", net=lambda: _changed(
        nets.Letters(), _frozen("body"))),
    sick("spirals_only_biases", "G04 B07", SPIRALS, "a filter of names leaves the optimizer the biases alone",
         optimizer=_only_biases),
    sick("waves_silenced", "G04", WAVES, "a leftover hook multiplies the gradients of the body by zero", aim="name",
         last=_silenced),
    sick("rings_cut", "G04", RINGS, "a leftover detach before the last layer", aim="name",
         net=lambda: nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), Cut(), nn.Linear(48, 3))),
    sick("ratings_people_frozen", "G04 B07", RATINGS, "the table of people is frozen", net=lambda: _changed(
        nets.Taste(), _frozen("people"))),
]  # fmt: skip

CLIPPED = [
    sick("waves_clipped_to_nothing", "G06 L02", replace(WAVES, optimizer=sgd(0.3, momentum=0.9)),
         "the gradient norm is clipped at 0.001", last=partial(_clip_norm, 1e-3)),
    sick("cancer_values_clipped", "G06 L02", replace(CANCER, optimizer=sgd(0.1)),
         "each gradient is clamped to 0.0001 by a hook", last=partial(_clamp_each, 1e-4)),
]  # fmt: skip

DEAD = [
    sick("spirals_biases_of_-5", "G07", SPIRALS, "the hidden biases begin at -5",
         net=lambda: _changed(dense(2, 64, 64, 3), lambda net: _filled(_linear(net)[:-1], bias=-5.0))),
    sick("tiles_dead_pictures", "G07", TILES, "the biases of a conv net begin at -3",
         net=lambda: _changed(nets.pictures(), lambda net: _filled(_linear(net)[:2], bias=-3.0))),
    sick("iris_narrow_and_deep", "G07", IRIS, "twelve layers of three relu units",
         net=lambda: dense(4, *[3] * 12, 3)),
    sick("circuits_relu_at_the_end", "G07 B05", CIRCUITS, "a relu after the last layer, and targets around zero",
         net=lambda: dense(4, 48, 1, end=nn.ReLU())),
    sick("digits_weights_below_zero", "G07", replace(RESIDUAL, net=lambda: dense(64, 64, 64, 64, 10)),
         "weights drawn mostly below zero", net=lambda: drawn(dense(64, 64, 64, 64, 10), uniform(-0.3, 0.05))),
]  # fmt: skip

CASES = [*VANISHING, *EXPLODING, *STILL, *CLIPPED, *DEAD]
