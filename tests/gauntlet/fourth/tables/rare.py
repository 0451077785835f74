"""Classes and labels that are rare."""

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.fourth.tables import sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, spoilt

clicks = Recipe(
    data=sets.clicks,
    net=lambda: dense(8, 32, 1),
    optimizer=adam(1e-3),
    loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([6.0])),
    score=score.f1,
    batch=64,
    epochs=15,
)
faults = Recipe(
    data=sets.faults,
    net=lambda: dense(12, 32, 3),
    optimizer=adam(2e-3),
    loss=lambda: nn.CrossEntropyLoss(weight=torch.tensor([0.36, 6.7, 11.0])),
    score=score.balanced,
    batch=64,
    epochs=12,
)
topics = Recipe(
    data=lambda: sets.topics(cut=2.2, noise=1.0),
    net=lambda: dense(16, 48, 8),
    optimizer=adam(2e-3),
    loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.full((8,), 6.0)),
    score=score.f1,
    batch=50,
    epochs=15,
)

CASES = [
    spoilt(
        "d_clicks_rare", "D01 L06", clicks, "One row in twelve clicks, none surely, and the net says no to almost all.",
        loss=nn.BCEWithLogitsLoss,
    ),
    spoilt(
        "d_faults_rare", "D01 L06", faults, "Two kinds of failure are 8 rows in 100, and are given up.",
        loss=nn.CrossEntropyLoss,
    ),
    spoilt(
        "d_topics_rare", "D01 L09", topics, "Each label is rare, and few are ever given.", loss=nn.BCEWithLogitsLoss,
    ),
    spoilt(
        "d_faults_rare_and_hot", "D01 L01", faults, "Two rare kinds of failure, and the rate of Adam is far too high.",
        loss=nn.CrossEntropyLoss, optimizer=adam(0.5),
    ),
]  # fmt: skip
