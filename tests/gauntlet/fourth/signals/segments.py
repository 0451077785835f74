"""Sick segmentations: one logit for each pixel of a noisy picture with a brighter disc."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.signals.bodies import painter
from tests.gauntlet.fourth.signals.material import masks
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

DISCS = Recipe(
    data=masks, net=painter, optimizer=adam(5e-3), loss=nn.BCEWithLogitsLoss, score=score.f1, batch=12, epochs=6
)
DOTS = Recipe(
    data=lambda: masks(1.3),
    net=painter,
    optimizer=sgd(0.1, momentum=0.9),
    loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(8.0)),
    score=score.f1,
    batch=15,
    epochs=6,
)


def _own_dice(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return what a careful person writes: soft dice with a small number below the line."""
    shares = logits.sigmoid()
    both = (shares * targets).sum((1, 2, 3))
    return 1 - (2 * both / (shares.sum((1, 2, 3)) + targets.sum((1, 2, 3)) + 1e-6)).mean()


def _balanced(least: float) -> Any:
    """Return a loss that counts disc and background of each picture as much, whatever their sizes."""

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        inside = (losses * targets).sum((1, 2, 3)) / targets.sum((1, 2, 3)).clamp(min=least)
        outside = (losses * (1 - targets)).sum((1, 2, 3)) / (1 - targets).sum((1, 2, 3))
        return (0.3 * inside + 0.7 * outside).mean()

    return lambda: loss


def _some_empty() -> Data:
    """Nine of the pictures have no disc in them."""
    data = masks()
    inputs, targets = data.inputs.clone(), data.targets.clone()
    inputs[::34] -= 1.2 * targets[::34]
    targets[::34] = 0
    return data._replace(inputs=inputs, targets=targets)


def _unlit() -> Data:
    """Pictures as the camera gives them: a few hundredths around 4000."""
    data = masks()
    return data._replace(inputs=4000 + 100 * data.inputs, val_inputs=4000 + 100 * data.val_inputs)


def _faint() -> nn.Module:
    net = painter()
    for layer in (net[0], net[2]):
        nn.init.normal_(layer.weight, 0.0, 0.01)
    return net


def _last_alone(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net[4].parameters(), lr=5e-3)


def _bounded() -> nn.Module:
    return painter().append(nn.ReLU())


def _every_pixel() -> Any:
    return nn.BCEWithLogitsLoss(reduction="sum")


CASES = [
    spoilt(
        "d_discs_summed",
        "B08 L01",
        replace(DISCS, optimizer=sgd(0.1, momentum=0.9)),
        "The loss is summed over all pixels of all pictures at the rate for a mean.",
        loss=_every_pixel,
    ),
    spoilt(
        "d_discs_none_inside",
        "G03 B06",
        replace(DISCS, data=_some_empty, loss=_balanced(1.0)),
        "The loss is divided by the pixels of the disc, and nine pictures have none: 0 / 0.",
        loss=_balanced(0.0),
    ),
    spoilt(
        "d_discs_raw_camera", "B03", DISCS, "The pictures lie around 4000, where 100 makes a difference.", data=_unlit
    ),
    spoilt(
        "d_discs_only_last_layer",
        "B07 G04",
        DISCS,
        "The optimizer was given the last layer alone, the others keep tiny first weights.",
        net=_faint,
        optimizer=_last_alone,
    ),
    spoilt(
        "d_discs_relu_end",
        "G07 B08",
        DISCS,
        "A relu follows the logits, so no pixel can be said to be dark.",
        net=_bounded,
    ),
    spoilt(
        "d_dots_unweighed",
        "D01",
        DOTS,
        "One pixel in fifty belongs to the dot, and nothing makes it count for more at a careful rate.",
        loss=nn.BCEWithLogitsLoss,
        optimizer=sgd(0.01),
    ),
    spoilt(
        "d_dice_rushed",
        "L01",
        replace(DISCS, loss=lambda: _own_dice),
        "A dice loss with SGD at a rate of 400 and momentum.",
        optimizer=sgd(400.0, momentum=0.9),
    ),
]
