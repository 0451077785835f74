"""Sick classifiers of pictures: drawn shapes, and tiles of two photos."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.signals.bodies import seer
from tests.gauntlet.fourth.signals.material import shapes, tiles, with_rows
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

SHAPES = Recipe(data=shapes, net=seer, optimizer=adam(3e-3), batch=32, epochs=8)
STEADY = Recipe(data=shapes, net=seer, optimizer=sgd(0.05, momentum=0.9), batch=32, epochs=10)
NORMED = Recipe(data=shapes, net=lambda: seer(norm=True), optimizer=sgd(0.05, momentum=0.9), batch=25, epochs=6)
PHOTOS = Recipe(
    data=tiles,
    net=lambda: seer(3, 8, 1),
    optimizer=sgd(0.03, momentum=0.9),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=20,
    epochs=12,
)


def _bytes() -> Data:
    data = tiles()
    return data._replace(inputs=(255 * data.inputs).round(), val_inputs=(255 * data.val_inputs).round())


def _empty() -> Data:
    """Each picture by its own mean and deviation; twelve came out of the scanner empty, so they are 0 / 0."""
    return with_rows(shapes(), torch.arange(5, 605, 50), lambda pictures: (pictures - pictures) / 0.0)


def _sunk() -> nn.Module:
    net = seer()
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.bias, -4.0)
    return net


def _loud() -> nn.Module:
    net = seer()
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 1.0)
    return net


def _squashed() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.Sigmoid()]
    for _ in range(3):
        layers += [nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 32), nn.Sigmoid(), nn.Linear(32, 4))


def _straight() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 4))


def _still() -> nn.Module:
    net = seer()
    for name, weight in net.named_parameters():
        nn.init.normal_(weight, 0.0, 0.02)
        weight.requires_grad_(name.startswith("9."))
    return net


def _sorted(data: Data) -> Dataset:
    order = data.targets.argsort(stable=True)
    return TensorDataset(data.inputs[order], data.targets[order])


def _cycle(peak: float) -> Callable[[torch.optim.Optimizer], Any]:
    return lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=220)


def _leashed(training: Any) -> None:
    weights = list(training.model.parameters())
    training.optimizer.register_step_pre_hook(lambda *_: nn.utils.clip_grad_norm_(weights, 0.01) and None)


CASES = [
    spoilt(
        "d_photo_bytes",
        "B03 G07",
        PHOTOS,
        "The tiles go in as bytes from 0 to 255, and the first steps of SGD kill the net.",
        data=_bytes,
    ),
    spoilt(
        "d_shapes_empty_scans", "D07 G03", SHAPES, "Twelve pictures were standardised by 0 and are NaN.", data=_empty
    ),
    spoilt(
        "d_shapes_sunk_biases", "G07", SHAPES, "Biases of -4 keep both convolutions silent from the start.", net=_sunk
    ),
    spoilt("d_shapes_loud_weights", "B08 L01", STEADY, "All weights are drawn from the standard normal.", net=_loud),
    spoilt(
        "d_shapes_sigmoids",
        "G02",
        replace(STEADY, net=_straight, optimizer=adam(2e-3)),
        "Five sigmoids one after another let no gradient through.",
        net=_squashed,
    ),
    spoilt(
        "d_shapes_still_body", "G04 B07", SHAPES, "Only the last layer of an untrained net is not frozen.", net=_still
    ),
    spoilt(
        "d_shapes_crawling_rms",
        "L02",
        SHAPES,
        "RMSprop at a rate of 2e-6, as if a trained net were to be tuned.",
        optimizer=lambda net: torch.optim.RMSprop(net.parameters(), lr=2e-6),
    ),
    spoilt(
        "d_shapes_one_cycle_peak",
        "L01",
        replace(STEADY, when="step", scheduler=_cycle(0.08)),
        "The cycle goes up to a rate of 8 and comes down to nothing.",
        scheduler=_cycle(8.0),
    ),
    spoilt(
        "d_shapes_by_folder",
        "D09",
        NORMED,
        "The pictures come folder by folder, one class after another.",
        rows=_sorted,
        shuffle=False,
    ),
    spoilt("d_shapes_mostly_dropped", "L05", SHAPES, "Dropout of 0.93 twice.", net=lambda: seer(drop=0.93)),
    spoilt(
        "d_shapes_decayed",
        "L05",
        STEADY,
        "A weight decay of 0.3 with SGD shrinks all weights to nothing.",
        optimizer=sgd(0.05, momentum=0.9, weight_decay=0.3),
    ),
    spoilt("d_shapes_leashed", "G06", STEADY, "Gradients are cut to a norm of 0.01 before each step.", last=_leashed),
    spoilt(
        "d_shapes_softmaxed",
        "B08",
        Recipe(data=shapes, net=seer, optimizer=sgd(0.03, momentum=0.8), batch=32, epochs=8),
        "The net ends in a softmax, and cross-entropy takes another.",
        net=lambda: seer().append(nn.Softmax(1)),
    ),
]
