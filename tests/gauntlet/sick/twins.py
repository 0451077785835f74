"""Healthy trainings that several themes spoil: each as somebody careful would set it up."""

from dataclasses import replace

import torch

from tests.gauntlet import score
from tests.gauntlet.data import cancer, circle, curve, digits, pictures, rows_of_pictures, table, wine, words
from tests.gauntlet.nets import Reader, Words, conv, dense
from tests.gauntlet.recipe import Recipe, adam

DIGITS = Recipe(data=digits, net=lambda: dense(64, 64, 10), optimizer=adam(3e-3))
CONV = Recipe(data=pictures, net=conv, optimizer=adam(3e-3), epochs=5)
READER = Recipe(data=rows_of_pictures, net=Reader, optimizer=adam(1e-2), epochs=6)
WORDS = Recipe(data=words, net=Words, optimizer=adam(3e-3), epochs=8)
CIRCLE = Recipe(
    data=circle,
    net=lambda: dense(2, 32, 32, 1),
    optimizer=adam(1e-2),
    loss=torch.nn.BCEWithLogitsLoss,
    score=score.yes_no,
    epochs=12,
)
TABLE = Recipe(
    data=table,
    net=lambda: dense(20, 32, 1),
    optimizer=adam(1e-2),
    loss=torch.nn.BCEWithLogitsLoss,
    score=score.yes_no,
    epochs=12,
)
CURVE = Recipe(
    data=curve, net=lambda: dense(10, 64, 1), optimizer=adam(1e-2), loss=torch.nn.MSELoss, score=score.fit, epochs=12
)


CANCER = replace(TABLE, data=cancer, net=lambda: dense(30, 32, 1), optimizer=adam(3e-3))
WINE = Recipe(data=wine, net=lambda: dense(13, 32, 3), optimizer=adam(1e-2), batch=8, epochs=12)
