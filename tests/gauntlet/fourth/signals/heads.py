"""Sick nets with several losses, several heads or several labels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import tags
from tests.gauntlet.fourth.signals.bodies import Finder, seer, what_and_where, what_only
from tests.gauntlet.fourth.signals.material import placed, shapes
from tests.gauntlet.nets import dense
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


def _smoothed(weight: float) -> Callable[[Any, Any], Parts]:
    """Return a step that likes answers to be unsure, and says so with a weight."""

    def step(model: nn.Module, batch: Any) -> Parts:
        pictures, kinds = batch
        outputs = model(pictures)
        sureness = (outputs.softmax(1) * outputs.log_softmax(1)).sum(1).mean()
        return {"kind": functional.cross_entropy(outputs, kinds), "sureness": weight * sureness}

    return step


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


def _frozen_body() -> nn.Module:
    net = Finder()
    for weights in net.body.parameters():
        weights.requires_grad_(False)
        weights.mul_(0.3)
    return net


def _cut(training: Any) -> None:
    for weights in training.model.parameters():
        weights.register_hook(lambda gradient: gradient.clamp(-1e-5, 1e-5))


FINDER = Recipe(
    data=placed, net=Finder, optimizer=adam(3e-3), loss=_find(10.0), score=what_and_where, batch=28, epochs=10
)
WHAT = replace(FINDER, score=what_only)
KINDS = Recipe(data=shapes, net=seer, optimizer=adam(3e-3), loss=None, batch=32, epochs=7)
TAGS = Recipe(
    data=tags,
    net=lambda: dense(20, 32, 5),
    optimizer=adam(0.01),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
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
        FINDER,
        "The optimizer was not given one of the heads.",
        optimizer=_body_and_what,
    ),
    spoilt(
        "d_finder_frozen_body", "G04 B07", FINDER, "The body is frozen though it never was trained.", net=_frozen_body
    ),
    spoilt("d_finder_faint_part", "G05", FINDER, "The weight of the places is a millionth.", loss=_find(1e-6)),
    spoilt(
        "d_finder_clamped",
        "L02 G06",
        replace(FINDER, optimizer=sgd(0.1, momentum=0.9), loss=_find(3.0)),
        "Each number of each gradient is clamped to a hundred-thousandth.",
        last=_cut,
    ),
    spoilt(
        "d_kinds_unsure",
        "L11 G05",
        replace(KINDS, step=_smoothed(0.05)),
        "A part that likes unsure answers has a weight of 8, and wins.",
        step=_smoothed(8.0),
    ),
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
        replace(TAGS, optimizer=sgd(0.1, momentum=0.9), epochs=6),
        "The net ends in a sigmoid, and the loss takes another.",
        net=lambda: dense(20, 32, 5, end=nn.Sigmoid()),
    ),
    spoilt(
        "d_tags_grown_inputs",
        "B03 L01",
        TAGS,
        "The net's first layer is fed numbers thousands of times too large.",
        data=lambda: tags()._replace(inputs=3000 * tags().inputs, val_inputs=3000 * tags().val_inputs),
    ),
]
