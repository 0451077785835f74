"""Learnt by heart, or hardly learnt; rare classes, easy examples, a threshold that is not in the middle."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.data import Data, noisy_labels
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd
from tests.gauntlet.third import nets, sets
from tests.gauntlet.third.twins import (
    ATTENTIVE,
    DIABETES,
    HASTIE,
    HOUSES,
    MOONS,
    RATINGS,
    RESIDUAL,
    RINGS,
    SIGNAL,
    TILES,
    WAVES,
    sick,
)  # fmt: skip


def _first(rows: Data, number: int) -> Data:
    return rows._replace(inputs=rows.inputs[:number], targets=rows.targets[:number])


def _noisy_digits() -> Data:
    return noisy_labels(_first(data.digits(), 500), 0.6)


def _noisy_curve() -> Data:
    """Return a hundred rows whose targets are noisy."""
    rows = _first(data.curve(), 100)
    noise = torch.tensor(np.random.default_rng(60).standard_normal((100, 1)), dtype=torch.float32)
    return rows._replace(targets=rows.targets + 0.7 * noise)


def _noisy_waves() -> Data:
    return noisy_labels(sets.waves(), 0.35)


def _noisy_houses() -> Data:
    """Return prices with as much noise again."""
    rows = _first(sets.houses(), 120)
    noise = torch.tensor(np.random.default_rng(61).standard_normal((120, 1)), dtype=torch.float32)
    return rows._replace(targets=rows.targets + 0.8 * noise)


def _thinned(make: Callable[[], Data], keep: dict[int, float]) -> Callable[[], Data]:
    """Return the data of which only a share of some classes is kept to train on."""

    def thinned() -> Data:
        rows, random = make(), np.random.default_rng(62)
        share = np.array([keep.get(int(label), 1.0) for label in rows.targets.flatten()])
        kept = torch.tensor(random.random(len(share)) < share)
        return rows._replace(inputs=rows.inputs[kept], targets=rows.targets[kept])

    return thinned


def _weighted(rows: Callable[[], Data]) -> Callable[[], nn.Module]:
    """Return the cross-entropy whose weights undo the imbalance."""

    def loss() -> nn.Module:
        counts = torch.bincount(rows().targets).float().clamp(min=1)
        return nn.CrossEntropyLoss(weight=counts.sum() / counts / len(counts))

    return loss


def _counted(rows: Callable[[], Data]) -> Callable[[], nn.Module]:
    """Return the cross-entropy whose weights make the imbalance worse: shares in place of their inverse."""

    def loss() -> nn.Module:
        counts = torch.bincount(rows().targets).float()
        return nn.CrossEntropyLoss(weight=counts / counts.mean())

    return loss


def _marked(weight: float) -> Callable[[], nn.Module]:
    return lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight))


def _rare_yes() -> Data:
    rows = data.rare(0.06, 1800, apart=0.8)
    return rows._replace(targets=rows.targets.float()[:, None], val_targets=rows.val_targets.float()[:, None])


def _rarer_yes() -> Data:
    rows = data.rare(0.04, 1800, apart=0.6)
    return rows._replace(targets=rows.targets.float()[:, None], val_targets=rows.val_targets.float()[:, None])


def _said(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the F1 of yes at a probability of a half, as a user's own metric."""
    said, true = outputs > 0, targets > 0.5
    return float(2 * (said & true).sum() / (said.sum() + true.sum()).clamp(min=1))


def _pixels() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))


def _adam_decay(lr: float, decay: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return adam(lr, weight_decay=decay)


def _dropped(share: float) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Linear(64, 48), nn.ReLU(), nn.Dropout(share),
        nn.Linear(48, 48), nn.ReLU(), nn.Dropout(share),
        nn.Linear(48, 10),
    )  # fmt: skip


NOISY = Recipe(data=_noisy_digits, net=lambda: dense(64, 64, 10), optimizer=adam(2e-3), epochs=6)
CURVE = Recipe(
    data=_noisy_curve, net=lambda: dense(10, 16, 1), optimizer=adam(5e-3, weight_decay=1e-2), loss=nn.MSELoss,
    score=score.fit, batch=20, epochs=30,
)  # fmt: skip
SPOTS = Recipe(
    data=sets.spots, net=_pixels, optimizer=sgd(0.1, momentum=0.9), loss=_marked(12.0), score=score.f1, epochs=12,
)  # fmt: skip
RARE = Recipe(
    data=_rare_yes, net=lambda: dense(10, 24, 1), optimizer=adam(2e-3), loss=_marked(4.0), score=score.f1, epochs=10
)
RARER = replace(RARE, data=_rarer_yes, loss=_marked(10.0), metrics={"f1": _said}, goal="f1")
RARE_TILES = _thinned(sets.tiles, {1: 0.04})
RARE_WAVES = _thinned(lambda: sets.waves(noise=0.6), {2: 0.06})
RARE_SIGNAL = replace(SIGNAL, data=RARE_WAVES, loss=_weighted(RARE_WAVES), score=score.balanced, epochs=14)
RARE_DIGITS = _thinned(data.digits, dict.fromkeys(range(5), 0.05))
RARE_MOONS = _thinned(sets.moons, {1: 0.06})

HEART = [
    sick("curve_few_by_heart", "L04 D05", CURVE, "a hundred rows with noise, a wide net and many epochs",
         net=lambda: dense(10, 256, 256, 1), epochs=100),
    sick("ratings_by_heart", "L04", replace(RATINGS, optimizer=adam(2e-2, weight_decay=1e-4)),
         "forty numbers a person and a film, learnt too long", net=lambda: nets.Taste(40), epochs=34),
    sick("digits_noise_by_heart", "L04 D10", NOISY, "few digits, half of them mislabelled, a wide net, and long",
         net=lambda: dense(64, 256, 256, 10), epochs=60),
    sick("houses_few_by_heart", "L04 D05", replace(HOUSES, data=_noisy_houses, batch=20, epochs=12),
         "few prices with noise, a wide net and many epochs", net=lambda: dense(5, 256, 256, 1), batch=10, epochs=80),
    sick("diabetes_by_heart", "L04", DIABETES, "few patients, a wide net and many epochs",
         net=lambda: dense(10, 256, 128, 1), epochs=50),
    sick("waves_noise_by_heart", "L04 D10", replace(WAVES, data=_noisy_waves, net=lambda: nets.Signal(), epochs=8),
         "a third of the labels is wrong, and a large recurrent net learns them by heart",
         net=lambda: nn.Sequential(nn.Flatten(), nn.Linear(40, 256), nn.ReLU(), nn.Linear(256, 3)), epochs=40),
    sick("tiles_too_few", "D05 L04", TILES, "sixteen tiles to learn from",
         data=lambda: _first(sets.tiles(), 16), batch=4, epochs=40, aim="name"),
]  # fmt: skip

HARDLY = [
    sick("digits_dropout_of_0.95", "L05", replace(RESIDUAL, net=_dropped(0.1)), "nineteen of twenty units are dropped",
         net=_dropped(0.95)),
    sick("rings_decay", "L05", RINGS, "Adam with a weight decay of 0.3", optimizer=_adam_decay(5e-3, 0.3)),
    sick("tiles_decay", "L05", TILES, "SGD with a weight decay of 0.5",
         optimizer=sgd(0.05, momentum=0.9, weight_decay=0.5)),
    sick("moons_straight_line", "L05", MOONS, "a net without any activation", aim="name",
         net=lambda: nn.Sequential(nn.Linear(2, 64), nn.Linear(64, 2))),
    sick("attentive_decay", "L05 L02", replace(ATTENTIVE, epochs=12, optimizer=adam(3e-3)),
         "a transformer with AdamW at 0.001 and a decay of 100",
         optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=100.0)),
]  # fmt: skip

RARELY = [
    sick("tiles_rare_photo", "D01 L06", replace(TILES, data=RARE_TILES, loss=_weighted(RARE_TILES), epochs=12,
                                                score=score.balanced, optimizer=adam(1e-3)),
         "one photo gives one of twenty-five tiles", loss=nn.CrossEntropyLoss),
    sick("waves_rare_saw", "D01 L06", RARE_SIGNAL, "saw teeth are rare and noisy", loss=nn.CrossEntropyLoss),
    sick("digits_half_is_rare", "D01 L06", replace(RESIDUAL, data=RARE_DIGITS, loss=_weighted(RARE_DIGITS), epochs=12,
                                                   net=lambda: dense(64, 32, 10), score=score.balanced),
         "five of ten digits are rare", loss=nn.CrossEntropyLoss, optimizer=sgd(0.05)),
    sick("moons_rare_upside_down", "D01 L06", replace(MOONS, data=RARE_MOONS, loss=_weighted(RARE_MOONS),
                                                      score=score.balanced, epochs=25),
         "class weights are shares and not their inverse", loss=_counted(RARE_MOONS)),
    sick("spots_drowned", "L08 D01", SPOTS, "three of a hundred pixels are bright, and the dark ones drown them",
         loss=nn.BCEWithLogitsLoss, optimizer=sgd(0.02)),
    sick("rare_yes_never_said", "L07 L09", RARER,
         "the loss falls, and F1 stays at nothing, because no rare yes reaches 0.5", loss=nn.BCEWithLogitsLoss,
         optimizer=adam(1e-3)),
    sick("hastie_no_is_cheap", "L09 L06", replace(HASTIE, score=score.f1), "a yes weighs a tenth in the loss",
         loss=_marked(0.1)),
]  # fmt: skip

CASES = [*HEART, *HARDLY, *RARELY]
