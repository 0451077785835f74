"""What the cases of the third set spoil: each as somebody careful would set it up."""

from typing import Any

from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.third import nets, sets

MOONS = Recipe(data=sets.moons, net=lambda: dense(2, 64, 64, 2), optimizer=sgd(0.1, momentum=0.9), epochs=20)
SPIRALS = Recipe(data=sets.spirals, net=lambda: dense(2, 64, 64, 3), optimizer=adam(1e-2), epochs=25)
RINGS = Recipe(data=sets.rings, net=lambda: dense(4, 48, 48, 3), optimizer=adam(5e-3), epochs=20)
HASTIE = Recipe(
    data=sets.hastie, net=lambda: dense(10, 64, 1), optimizer=adam(5e-3), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, epochs=15,
)  # fmt: skip
TILES = Recipe(data=sets.tiles, net=nets.pictures, optimizer=adam(3e-3), epochs=10)
WAVES = Recipe(data=sets.waves, net=lambda: nets.Series(3), optimizer=adam(1e-2), epochs=16)
SIGNAL = Recipe(data=sets.waves, net=nets.Signal, optimizer=adam(5e-3), epochs=10)
REVIEWS = Recipe(data=sets.reviews, net=lambda: nets.Sentence(50, 2), optimizer=adam(5e-3), epochs=10)
ATTENTIVE = Recipe(data=sets.reviews, net=lambda: nets.Attentive(50, 2, 12), optimizer=adam(5e-3), epochs=12)
LETTERS = Recipe(data=sets.letters, net=nets.Letters, optimizer=adam(3e-3), batch=64, epochs=12)
RATINGS = Recipe(
    data=sets.ratings, net=nets.Taste, optimizer=adam(2e-2), loss=nn.MSELoss, score=score.fit, batch=64, epochs=15
)
HOUSES = Recipe(
    data=sets.houses, net=lambda: dense(5, 32, 32, 1), optimizer=adam(3e-3), loss=nn.MSELoss, score=score.fit, epochs=15
)
CIRCUITS = Recipe(
    data=sets.circuits, net=lambda: dense(4, 48, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit, epochs=15
)
DIABETES = Recipe(
    data=sets.diabetes, net=lambda: dense(10, 16, 1), optimizer=adam(5e-3), loss=nn.MSELoss, score=score.fit,
    batch=16, epochs=12,
)  # fmt: skip
FORECAST = Recipe(
    data=sets.forecast, net=lambda: nets.Series(1, nn.LSTM), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit,
    epochs=12,
)  # fmt: skip
WINE = Recipe(data=data.wine, net=lambda: dense(13, 24, 3), optimizer=sgd(0.1), batch=16, epochs=20)
CANCER = Recipe(
    data=data.cancer, net=lambda: dense(30, 16, 1), optimizer=adam(5e-3), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, batch=16, epochs=10,
)  # fmt: skip
IRIS = Recipe(data=data.iris, net=lambda: dense(4, 16, 3), optimizer=adam(1e-2), batch=8, epochs=25)
RESIDUAL = Recipe(data=data.digits, net=lambda: nets.Residual(64, 10), optimizer=adam(2e-3), epochs=8)
ROWS = Recipe(data=data.rows_of_pictures, net=lambda: nets.Series(10, nn.RNN, 48, 8), optimizer=adam(3e-3), epochs=10)


def sick(name: str, codes: str, twin: Recipe, says: str, **changes: Any) -> Case:
    """Return a case: its twin with some parts changed."""
    return spoilt(f"c_{name}", codes, twin, says, **changes)
