"""Sick trainings that learn their rows by heart: drawn labels among true ones, too few rows, far too many epochs."""

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data, noisy_labels
from tests.gauntlet.fourth.signals.bodies import Critic, seer
from tests.gauntlet.fourth.signals.material import reviews, tiles, waves
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, spoilt


def _flat_waves() -> Data:
    data = noisy_labels(waves(), 0.5)
    return data._replace(inputs=data.inputs.flatten(1), val_inputs=data.val_inputs.flatten(1))


def _few_reviews() -> Data:
    data = noisy_labels(reviews(), 0.3)
    return data._replace(inputs=data.inputs[:500], targets=data.targets[:500])


def _few_tiles() -> Data:
    data = tiles()
    flips = torch.arange(600) % 3 == 0
    return data._replace(targets=torch.where(flips[:, None], 1 - data.targets, data.targets))


CASES = [
    spoilt(
        "d_waves_by_heart",
        "L04 D10",
        Recipe(
            data=_flat_waves,
            net=lambda: dense(64, 256, 4, dropout=0.3),
            optimizer=adam(1e-3, weight_decay=0.01),
            batch=30,
            epochs=6,
        ),
        "Half of the labels are drawn, and a wide net has forty epochs to learn them all.",
        net=lambda: dense(64, 256, 256, 4),
        optimizer=adam(2e-3),
        epochs=40,
    ),
    spoilt(
        "d_feeling_by_heart",
        "L04 D10",
        Recipe(
            data=_few_reviews,
            net=lambda: Critic(attend=False, drop=0.3),
            optimizer=adam(5e-3, weight_decay=2e-3),
            batch=25,
            epochs=14,
        ),
        "A transformer reads 500 reviews 25 times, three of ten with a drawn label.",
        net=lambda: Critic(width=32),
        optimizer=adam(3e-3),
        epochs=25,
    ),
    spoilt(
        "d_photo_by_heart",
        "L04 D10",
        Recipe(
            data=_few_tiles,
            net=lambda: seer(3, 8, 1, drop=0.2),
            optimizer=adam(2e-3, weight_decay=1e-3),
            loss=nn.BCEWithLogitsLoss,
            score=score.yes_no,
            batch=30,
            epochs=6,
        ),
        "A third of the labels are wrong, and a wide dense net has forty epochs to learn them.",
        net=lambda: nn.Sequential(nn.Flatten(), dense(192, 256, 256, 1)),
        optimizer=adam(1e-3),
        epochs=40,
    ),
]
