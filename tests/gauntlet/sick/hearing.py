"""Losses that do not hear what matters, or hear it the wrong way round, and heads that cannot say what is wanted."""

import numpy as np
import torch
from sklearn import datasets
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, split
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, spoilt
from tests.gauntlet.score import answers
from tests.gauntlet.sick.twins import CANCER, CURVE


def topics() -> Data:
    """Rows with about three of eight labels each, targets (N, 8) of 0 and 1."""
    inputs, targets = datasets.make_multilabel_classification(1100, 30, n_classes=8, n_labels=3, random_state=12)
    return split((inputs - inputs.mean(0)) / inputs.std(0), targets.astype(float), 750)


def several() -> Data:
    """Three linear answers to a row, standardised, targets (N, 3)."""
    inputs, targets = datasets.make_regression(800, 12, n_targets=3, n_informative=8, noise=3.0, random_state=6)
    return split(inputs, (targets - targets.mean(0)) / targets.std(0), 560)


def boxes() -> Data:
    """Noisy pictures (1, 12, 12) of a bright or dark box; the targets (12, 12) say where which of them is."""
    random, count = np.random.default_rng(5), 500
    pictures, maps = random.normal(0, 0.4, (count, 1, 12, 12)), np.zeros((count, 12, 12), int)
    for row in range(count):
        top, bottom = sorted(random.choice(13, 2, replace=False))
        left, right = sorted(random.choice(13, 2, replace=False))
        kind = random.integers(1, 3)
        pictures[row, 0, top:bottom, left:right] += 1.0 if kind == 1 else -1.0
        maps[row, top:bottom, left:right] = kind
    return split(pictures, maps, 350)


def by_pixel(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right pixels: outputs (N, K, H, W) and class numbers (N, H, W)."""
    outputs = answers(model, data.val_inputs)
    right = (outputs.argmax(1) == data.val_targets) & outputs.isfinite().all(1)
    return 100 * float(right.float().mean())


def maps_net() -> nn.Sequential:
    """Return three convolutions that keep the size."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 1)
    )


def first_row(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Squared error of the first row alone."""
    return functional.mse_loss(outputs[0], targets[0])


def swapped(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy with its arguments the other way round."""
    return functional.binary_cross_entropy(targets, outputs)


def minus(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy with a minus too many."""
    return -functional.cross_entropy(outputs, targets)


TOPICS = Recipe(
    data=topics,
    net=lambda: dense(30, 64, 8),
    optimizer=adam(5e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    epochs=10,
)
SEVERAL = Recipe(
    data=several, net=lambda: dense(12, 48, 3), optimizer=adam(5e-3), loss=nn.MSELoss, score=score.fit, epochs=14
)
BOXES = Recipe(data=boxes, net=maps_net, optimizer=adam(1e-2), score=by_pixel, epochs=4, batch=16)

CASES = [
    spoilt(
        "topics_as_one_class",
        "B08 L07",
        TOPICS,
        "cross-entropy of one class a row, where rows hold several labels",
        loss=nn.CrossEntropyLoss,
    ),
    spoilt(
        "answers_above_zero",
        "B08",
        SEVERAL,
        "a softplus ends a regression whose targets are negative in half of the rows",
        net=lambda: dense(12, 48, 3, end=nn.Softplus()),
    ),
    spoilt("first_row_alone", "B08 L01", CURVE, "the loss of the first row of each batch", loss=lambda: first_row),
    spoilt(
        "targets_before_outputs",
        "B08",
        CANCER,
        "binary cross-entropy with its arguments the other way round",
        net=lambda: dense(30, 32, 1, end=nn.Sigmoid()),
        loss=lambda: swapped,
    ),
    spoilt("maps_with_a_minus", "B08", BOXES, "the cross-entropy of a map has a minus too many", loss=lambda: minus),
]
