"""Slow starts, long plateaus, late understanding; rates that rise, fall and return."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.tables import DIGITS, healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd

STEPS = 7 * 44
"""Steps of the training of the digits: 7 epochs of 44 batches."""


def parity() -> Data:
    """Return rows of 12 signs whose class is the product of three of them: no single one tells anything."""
    rows = np.random.default_rng(2).choice([-1.0, 1.0], (1200, 12))
    return data.split(rows, (rows[:, :3].prod(1, keepdims=True) > 0).astype(float), 900)


def few_parities() -> Data:
    """Return the same with few rows to learn from."""
    rows = parity()
    return rows._replace(inputs=rows.inputs[:200], targets=rows.targets[:200])


XOR = Recipe(
    data=data.xor, net=lambda: dense(2, 16, 1, activation=nn.Tanh), optimizer=sgd(0.2), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, batch=16, epochs=50,
)  # fmt: skip

SCHEDULES = {
    "cyclic rate": (sgd(0.01), lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.4, step_size_up=30, cycle_momentum=False)),
    "one-cycle rate": (
        adam(1e-3), lambda o: lr_scheduler.OneCycleLR(o, 0.02, total_steps=STEPS, cycle_momentum=False)
    ),
    "cosine with restarts": (adam(5e-3), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 80)),
    "cosine to zero": (adam(5e-3), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
    "slow warm-up": (adam(3e-3), lambda o: lr_scheduler.LinearLR(o, 1e-4, 1.0, total_iters=150)),
    "rate cut by ten twice": (sgd(0.3), lambda o: lr_scheduler.MultiStepLR(o, [120, 220])),
}  # fmt: skip

CASES: tuple[Case, ...] = (
    *(
        healthy(name, replace(DIGITS, optimizer=optimizer, scheduler=scheduler, when="step"))
        for name, (optimizer, scheduler) in SCHEDULES.items()
    ),
    healthy("XOR starts slowly", XOR, "The loss sits at ln 2 for a fifth of the run, and ends near 0"),
    healthy("parity of three signs", Recipe(
        data=parity, net=lambda: dense(12, 64, 1), optimizer=adam(3e-3), loss=nn.BCEWithLogitsLoss,
        score=score.yes_no, batch=64, epochs=30,
    ), "No step forward is seen for long, then all at once"),
    healthy("deep tanh net starts slowly", Recipe(
        data=data.digits, net=lambda: dense(64, *[32] * 6, 10, activation=nn.Tanh), optimizer=adam(2e-3), epochs=11,
    )),
    healthy("learnt by heart first, understood late", Recipe(
        data=few_parities, net=lambda: dense(12, 128, 1),
        optimizer=lambda net: torch.optim.AdamW(net.parameters(), 0.01, weight_decay=1.0),
        loss=nn.BCEWithLogitsLoss, score=score.yes_no, batch=50, epochs=120,
    ), "Of the training rows 98 in 100 are right after a quarter of the run, of the others 75; then these follow"),
    healthy("converged early, then a long plateau", Recipe(
        data=data.cancer, net=lambda: dense(30, 16, 1), optimizer=adam(1e-2), loss=nn.BCEWithLogitsLoss,
        score=score.yes_no, batch=64, epochs=70,
    )),
    healthy("clouds that overlap, long past the best", Recipe(
        data=data.blobs, net=lambda: dense(2, 16, 3), optimizer=adam(1e-2), batch=64, epochs=50,
    ), "The loss ends far above 0 because the clouds overlap"),
)  # fmt: skip
"""Trainings that look stuck and are not, and rates on the move."""
