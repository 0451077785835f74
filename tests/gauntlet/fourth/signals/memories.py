"""Sick trainings that learn their rows by heart: drawn labels among true ones, and far too many epochs."""

from torch import nn

from tests.gauntlet.data import Data, noisy_labels
from tests.gauntlet.fourth.signals.bodies import seer
from tests.gauntlet.fourth.signals.material import shapes
from tests.gauntlet.recipe import Recipe, adam, spoilt


def _named_in_haste() -> Data:
    return noisy_labels(shapes(), 0.5)


def _wide() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1024, 128),
        nn.ReLU(),
        nn.Linear(128, 4),
    )


CASES = [
    spoilt(
        "d_shapes_by_heart",
        "L04 D10",
        Recipe(data=_named_in_haste, net=seer, optimizer=adam(2e-3), batch=25, epochs=9),
        "Half of the labels are drawn, and a wide net has thirty epochs to learn them all.",
        net=_wide,
        optimizer=adam(1e-3),
        epochs=30,
    ),
]
