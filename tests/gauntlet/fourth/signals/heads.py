"""Sick nets with several losses, several heads or several labels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.fourth.signals.bodies import Finder, seer, what_and_where, what_only
from tests.gauntlet.fourth.signals.material import placed, several, shapes
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

Parts = dict[str, torch.Tensor]


def _find(weight: float, unit: float = 1.0) -> Callable[[], Callable[[Any, torch.Tensor], Parts]]:
    """Return the loss of a finder whose places are in units of a width over `unit`."""

    def parts(outputs: Any, targets: torch.Tensor) -> Parts:
        what, where = outputs
        return {
            "what": functional.cross_entropy(what, targets[:, 0].long()),
            "where": weight * (where - unit * targets[:, 1:]).square().mean(),
        }

    return lambda: parts


def _sparse(weight: float) -> Callable[[Any, Any], Parts]:
    """Return a step that wants few and small weights."""

    def step(model: nn.Module, batch: Any) -> Parts:
        pictures, kinds = batch
        size = sum(weights.abs().sum() for weights in model.parameters())
        return {"kind": functional.cross_entropy(model(pictures), kinds), "size": weight * size}

    return step


def _alike(sign: float) -> Callable[[Any, Any], Parts]:
    """Return a step that compares the answers to a picture and to a noisy copy of it."""

    def step(model: nn.Module, batch: Any) -> Parts:
        pictures, kinds = batch
        clear, noisy = model(pictures), model(pictures + 0.1 * torch.randn_like(pictures))
        return {
            "kind": functional.cross_entropy(clear, kinds),
            "alike": sign * (clear - noisy).square().mean(),
        }

    return step


def _body_and_what(net: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam([*net.body.parameters(), *net.what.parameters()], lr=3e-3)


def _quiet_places() -> nn.Module:
    """A finder that says 0 for all places at first."""
    net = Finder()
    nn.init.zeros_(net.where.weight)
    nn.init.zeros_(net.where.bias)
    return net


FINDER = Recipe(
    data=placed, net=Finder, optimizer=adam(3e-3), loss=_find(10.0), score=what_and_where, batch=28, epochs=10
)
WHAT = replace(FINDER, score=what_only)
KINDS = Recipe(data=shapes, net=seer, optimizer=adam(3e-3), loss=None, batch=32, epochs=7)
TAGS = Recipe(
    data=several,
    net=seer,
    optimizer=adam(3e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.f1,
    batch=32,
    epochs=10,
)

CASES = [
    spoilt(
        "d_finder_far_places",
        "G05",
        WHAT,
        "The places are told in thousandths of a millimetre, and their error drowns the other.",
        loss=_find(1.0, 1e5),
    ),
    spoilt(
        "d_finder_lost_head",
        "B07 G04",
        replace(FINDER, net=_quiet_places),
        "The optimizer was not given one of the heads.",
        optimizer=_body_and_what,
    ),
    spoilt("d_finder_faint_part", "G05", FINDER, "The weight of the places is a millionth.", loss=_find(1e-6)),
    spoilt(
        "d_kinds_too_sparse",
        "G05 L11",
        replace(KINDS, step=_sparse(1e-5)),
        "A part that wants small weights has a weight of 0.1, and wins.",
        step=_sparse(0.1),
    ),
    spoilt(
        "d_kinds_unlike",
        "L11 L01",
        replace(KINDS, step=_alike(0.1)),
        "The part that compares a picture with its noisy copy has the wrong sign, and grows without end.",
        step=_alike(-2.0),
    ),
    spoilt(
        "d_tags_one_of_many",
        "B08",
        TAGS,
        "Several labels may be right, and the loss is that of one class out of many.",
        loss=nn.CrossEntropyLoss,
    ),
    spoilt(
        "d_tags_hinged_twice",
        "B08",
        replace(TAGS, optimizer=sgd(0.1, momentum=0.9)),
        "The net ends in a sigmoid, and the loss takes another.",
        net=lambda: seer().append(nn.Sigmoid()),
    ),
]
