"""Parts of a model that do not train."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import curve, digits
from tests.gauntlet.nets import Split, Words
from tests.gauntlet.recipe import Recipe, adam, spoilt
from tests.gauntlet.sick.twins import WORDS


class Detached(Split):
    """Its body is cut off from the gradient."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(inputs).detach())


NARROW = Recipe(data=digits, net=lambda: Split(hidden=12), optimizer=adam(1e-2))
CURVE = Recipe(
    data=curve, net=lambda: Split(10, 64, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit, epochs=12
)


def _frozen(net: nn.Module, *parts: nn.Module) -> nn.Module:
    for part in parts or (net,):
        part.requires_grad_(False)
    return net


def _frozen_body(*sizes: int) -> nn.Module:
    net = Split(*sizes)
    return _frozen(net, net.body)


def _frozen_but_last_bias() -> nn.Module:
    net = _frozen(Split())
    net.head.bias.requires_grad_(True)
    return net


def _frozen_words() -> nn.Module:
    net = Words()
    _frozen(net, net.words, net.body)
    net.places.requires_grad_(False)
    return net


def _of_the_head(lr: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda net: torch.optim.Adam(net.head.parameters(), lr=lr)


def _before_the_body_is_replaced(net: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer, then give the model another body."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    net.body = nn.Sequential(nn.Linear(64, 12), nn.ReLU())
    return optimizer


def _of_frozen_weights(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.head.parameters(), lr=1e-3)


CASES = [
    spoilt(
        "body_not_in_the_optimizer",
        "G04 B07",
        NARROW,
        "the optimizer holds the head alone, the body begins untrained",
        optimizer=_of_the_head(1e-2),
    ),
    spoilt(
        "body_replaced_after_the_optimizer_was_made",
        "G04 B07",
        NARROW,
        source="TrainCheck AC-2665",
        says="the optimizer was made before the body was replaced",
        optimizer=_before_the_body_is_replaced,
    ),
    spoilt(
        "all_frozen_and_the_optimizer_holds_the_head",
        "G04 B07",
        NARROW,
        source="TrainCheck pytorch-forum-84911",
        says="all is frozen, the new head too, and the optimizer holds frozen weights; one bias is left",
        net=_frozen_but_last_bias,
        optimizer=_of_frozen_weights,
    ),
    spoilt(
        "body_frozen_untrained",
        "G04 B07",
        NARROW,
        source="TrainCheck pytorch-115607",
        says="the body stays frozen after a freeze, though it was never trained",
        net=lambda: _frozen_body(64, 12),
    ),
    spoilt(
        "places_and_words_frozen",
        "G04 B07",
        WORDS,
        source="OPT logbook: positions frozen by accident",
        says="embeddings, positions and body of a transformer are frozen by accident",
        net=_frozen_words,
        optimizer=adam(3e-3),
    ),
    spoilt(
        "body_of_a_regression_frozen",
        "G04 B07",
        replace(CURVE, net=lambda: Split(10, 8, 1)),
        "the body of a regression is frozen, though never trained",
        net=lambda: _frozen_body(10, 8, 1),
    ),
    spoilt(
        "body_detached",
        "G04 B07",
        NARROW,
        "the body is detached in `forward`",
        aim="name",
        net=lambda: Detached(hidden=12),
    ),
]
