"""Classes that are never answered, and thresholds that are not at one half."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, rare, split
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.sick.twins import CONV, DIGITS


def by_pixel(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of every pixel, (N, K, H, W) and (N, H, W)."""
    return functional.cross_entropy(outputs, targets)


def weighted_by_pixel(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same with each rare pixel counted twenty times."""
    weights = outputs.new_tensor([1.0, *[20.0] * (outputs.shape[1] - 1)])
    return functional.cross_entropy(outputs, targets, weight=weights)


def recall_of_all(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean share of right answers over the classes."""
    right = outputs.argmax(1) == targets
    return float(torch.stack([right[targets == label].float().mean() for label in targets.unique()]).mean())


def specks() -> Data:
    """Noisy pictures (1, 12, 12) with faint specks; the targets (12, 12) say where: 1 % of all pixels."""
    random = np.random.default_rng(9)
    where = (random.random((500, 12, 12)) < 0.01).astype(int)
    return split((random.normal(size=where.shape) + 3.0 * where)[:, None], where, 340)


def two_kinds_of_specks() -> Data:
    """The same with bright and dark specks, 1 % of each."""
    random = np.random.default_rng(10)
    where = random.choice(3, (500, 12, 12), p=[0.98, 0.01, 0.01])
    return split((random.normal(size=where.shape) + np.array([0.0, 3.0, -3.0])[where])[:, None], where, 340)


def rare_yes() -> Data:
    """The rare class as a yes, targets (N, 1)."""
    plain = rare(0.12, apart=0.4)
    return plain._replace(targets=plain.targets[:, None].float(), val_targets=plain.val_targets[:, None].float())


def _leaning(label: int, bias: float) -> nn.Module:
    net = dense(64, 64, 10)
    with torch.no_grad():
        net[-1].bias[label] = bias
    return net


BALANCED = {"score": score.balanced, "metrics": {"recall_of_all": recall_of_all}, "goal": "val/recall_of_all"}
RARE = Recipe(
    data=rare,
    net=lambda: dense(10, 32, 2),
    optimizer=adam(5e-3),
    epochs=8,
    **BALANCED,
    loss=lambda: nn.CrossEntropyLoss(weight=torch.tensor([0.05, 0.95])),
)
SPECKS = Recipe(
    data=specks,
    net=lambda: nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1)),
    optimizer=adam(1e-2),
    loss=lambda: weighted_by_pixel,
    epochs=12,
    **BALANCED,
)
KINDS = replace(
    SPECKS,
    data=two_kinds_of_specks,
    net=lambda: nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1)),
)
YES = Recipe(
    data=rare_yes,
    net=lambda: dense(10, 32, 1),
    optimizer=adam(5e-3),
    epochs=10,
    score=score.f1,
    loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0])),
)


CASES = [
    spoilt(
        "rare_class_forgotten",
        "L07 D01",
        replace(RARE, data=partial(rare, 0.04, apart=0.7)),
        "4 % of one class, the mean recall is the goal",
        loss=nn.CrossEntropyLoss,
    ),
    spoilt(
        "rarer_class_forgotten",
        "L07 D01",
        replace(RARE, data=partial(rare, 0.03)),
        "3 % of one class, the mean recall is the goal, SGD",
        loss=nn.CrossEntropyLoss,
        optimizer=sgd(0.1),
    ),
    spoilt(
        "specks_drowned_by_the_background",
        "L08 D01",
        SPECKS,
        "99 % of all pixels are background and easy",
        loss=lambda: by_pixel,
    ),
    spoilt(
        "two_kinds_of_specks_drowned",
        "L08 D01",
        KINDS,
        "98 % of all pixels are background and easy, with SGD",
        loss=lambda: by_pixel,
        optimizer=sgd(0.1, momentum=0.9),
    ),
    spoilt(
        "threshold_too_high",
        "L09 D01",
        YES,
        "12 % of yes, F1 is the goal, the threshold of 0.5 is too high",
        loss=nn.BCEWithLogitsLoss,
    ),
    spoilt(
        "threshold_too_low",
        "L09",
        YES,
        "yes counts thirty times too much, so that 0.5 is too low",
        loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([60.0])),
    ),
    spoilt(
        "always_the_first_class",
        "L06 L02",
        DIGITS,
        "the last bias begins so high that one class is always said",
        net=lambda: _leaning(0, 30.0),
        optimizer=sgd(0.05),
    ),
    spoilt(
        "always_one_class_by_rate",
        "L06 L01",
        CONV,
        "momentum SGD at 0.5 drives all answers into one class",
        optimizer=sgd(0.5, momentum=0.9),
    ),
]
