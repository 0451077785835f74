"""First weights that no training gets away from: zeros, too large, pushed below the relu, through many sigmoids."""

from torch import nn

from tests.gauntlet import score
from tests.gauntlet.fourth.tables import models, sets
from tests.gauntlet.nets import dense, drawn, he, normal, uniform
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

wave = Recipe(
    data=sets.wave,
    net=lambda: dense(1, 64, 64, 1),
    optimizer=adam(3e-3),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=25,
)
hastie = Recipe(
    data=sets.hastie,
    net=lambda: dense(10, 64, 64, 64, 1),
    optimizer=sgd(0.05, momentum=0.9),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=50,
    epochs=25,
)
tanh = Recipe(
    data=sets.hastie,
    net=lambda: dense(10, 64, 64, 1, activation=nn.Tanh),
    optimizer=adam(5e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=40,
    epochs=20,
)
homes = Recipe(
    data=sets.homes, net=lambda: he(dense(7, 40, 40, 1)), optimizer=adam(2e-3), loss=nn.SmoothL1Loss, score=score.fit
)
ratings = Recipe(
    data=sets.ratings,
    net=lambda: models.Taste(factors=32, deviation=0.05),
    optimizer=adam(3e-3, weight_decay=1e-4),
    loss=nn.MSELoss,
    score=score.fit,
    batch=64,
    epochs=10,
)
shells = Recipe(
    data=sets.shells, net=lambda: dense(4, 64, 64, 4, activation=nn.ELU), optimizer=adam(3e-3), batch=40, epochs=20
)

CASES = [
    spoilt(
        "d_wave_zeros", "G04 G02", wave, "All weights begin at 0, so that only the last bias learns.",
        net=lambda: drawn(dense(1, 64, 64, 1), nn.init.zeros_),
    ),
    spoilt(
        "d_hastie_seven_sigmoids", "G02", hastie, "Seven layers of sigmoids let no gradient through to the first.",
        net=lambda: dense(10, 32, 32, 32, 32, 32, 32, 32, 1, activation=nn.Sigmoid),
    ),
    spoilt(
        "d_hastie_wide_tanh", "G07 B08", tanh, "Weights of deviation 5 hold each tanh at its ends.",
        net=lambda: drawn(dense(10, 64, 64, 1, activation=nn.Tanh), normal(5.0)),
    ),
    spoilt(
        "d_homes_below_zero", "G07", homes, "Biases of -6 hold the relus of both layers shut.",
        net=lambda: drawn(dense(7, 40, 40, 1), nn.init.kaiming_uniform_, lambda bias: nn.init.constant_(bias, -6.0)),
    ),
    spoilt(
        "d_ratings_wide_vectors", "B08 L04", ratings, "Vectors of 32 factors begin at deviation 1, as embeddings do.",
        net=lambda: models.Taste(factors=32, deviation=1.0),
    ),
    spoilt(
        "d_shells_positive", "B08 G01", shells, "All weights are drawn from 0 to 1, so that the outputs begin huge.",
        net=lambda: drawn(dense(4, 64, 64, 4, activation=nn.ELU), uniform(0.0, 1.0)),
    ),
]  # fmt: skip
