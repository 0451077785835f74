"""Rates that are too high or too low, with several optimizers and nets."""

import torch
from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.fourth.tables import models, sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

homes = Recipe(
    data=sets.homes,
    net=lambda: dense(7, 48, 48, 1),
    optimizer=sgd(0.02, momentum=0.9),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=12,
)
shells = Recipe(data=sets.shells, net=lambda: dense(4, 64, 64, 64, 4), optimizer=adam(3e-3), batch=64, epochs=25)
spiral = Recipe(
    data=sets.spiral, net=lambda: dense(2, 64, 64, 3, activation=nn.Tanh), optimizer=sgd(0.1, momentum=0.9), epochs=30
)
ratings = Recipe(
    data=sets.ratings,
    net=models.Taste,
    optimizer=adam(0.01, weight_decay=1e-5),
    loss=nn.MSELoss,
    score=score.fit,
    batch=64,
    epochs=15,
)
wine = Recipe(
    data=data.wine,
    net=lambda: dense(13, 32, 32, 32, 3, activation=nn.Tanh),
    optimizer=lambda net: torch.optim.RMSprop(net.parameters(), lr=1e-3),
    batch=16,
    epochs=40,
)
moons = Recipe(
    data=sets.moons,
    net=lambda: dense(2, 32, 32, 1),
    optimizer=lambda net: torch.optim.Adagrad(net.parameters(), lr=0.05),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=20,
    epochs=25,
)
topics = Recipe(
    data=sets.topics,
    net=lambda: dense(16, 64, 64, 8, activation=nn.GELU),
    optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=2e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.f1,
    batch=50,
    epochs=20,
)

CASES = [
    spoilt(
        "d_homes_momentum_hot", "L01 G01", homes, "SGD with momentum at half a unit blows up at once.",
        optimizer=sgd(0.5, momentum=0.9),
    ),
    spoilt(
        "d_shells_adam_with_rate_of_sgd", "L01", shells, "Adam got the rate that the notebook had for SGD.",
        optimizer=adam(0.3),
    ),
    spoilt("d_spiral_cold", "L02", spiral, "The rate is a thousand times too low for SGD.", optimizer=sgd(1e-4)),
    spoilt(
        "d_ratings_cold", "L02", ratings, "Adam at 1e-5 hardly moves the embeddings in the time it has.",
        optimizer=adam(1e-5),
    ),
    spoilt(
        "d_wine_rmsprop_hot", "L01", wine, "RMSprop at 1 throws the weights about.",
        optimizer=lambda net: torch.optim.RMSprop(net.parameters(), lr=1.0),
    ),
    spoilt(
        "d_moons_adagrad_cold", "L02", moons, "Adagrad begins at 2e-4, and its rate only falls.",
        optimizer=lambda net: torch.optim.Adagrad(net.parameters(), lr=2e-4),
    ),
    spoilt(
        "d_topics_adamw_hot", "L01", topics, "AdamW at 0.5 on several labels throws the weights about.",
        optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=0.5),
    ),
]  # fmt: skip
