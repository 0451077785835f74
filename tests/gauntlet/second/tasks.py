"""Healthy trainings that the cases of the second set spoil, each as somebody careful would set it up."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import cancer, digits, iris, pictures, rows_of_pictures, tags, wine
from tests.gauntlet.nets import Reader, conv, dense
from tests.gauntlet.recipe import Recipe, adam, sgd
from tests.gauntlet.second import sets, shapes


def optimizer(kind: type[torch.optim.Optimizer], lr: float, **more) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return what makes this optimizer of all parameters."""
    return lambda net: kind(net.parameters(), lr=lr, **more)


adamw, rmsprop, adagrad = (
    partial(optimizer, kind) for kind in (torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad)
)


def right_share(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of right classes, as a metric."""
    return float((outputs.argmax(1) == targets).float().mean())


def mean_error(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean absolute error, as a metric."""
    return float((outputs - targets).abs().mean())


NAMED = {"metrics": {"accuracy": right_share}, "goal": "accuracy"}
"""With a metric and a goal."""

MOONS = Recipe(
    data=sets.moons, net=lambda: dense(2, 24, 24, 2, activation=nn.Tanh),
    optimizer=sgd(0.1, momentum=0.9, nesterov=True), batch=16, epochs=15,
)  # fmt: skip
RINGS = Recipe(
    data=sets.rings, net=lambda: dense(2, 32, 32, 3), optimizer=rmsprop(3e-3), batch=20, epochs=20, **NAMED
)  # fmt: skip
HASTIE = Recipe(
    data=sets.hastie, net=lambda: dense(10, 64, 1), optimizer=adamw(1e-2), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, batch=64, epochs=14,
)  # fmt: skip
IRIS = Recipe(data=iris, net=lambda: nn.Linear(4, 3), optimizer=sgd(0.05), batch=1, epochs=4)
WINE = Recipe(
    data=wine, net=lambda: shapes.normed(13, 24, 3, nn.LayerNorm), optimizer=adamw(3e-3), batch=10, epochs=20, **NAMED
)
CANCER = Recipe(
    data=cancer, net=lambda: dense(30, 16, 1, end=nn.Sigmoid()), optimizer=sgd(0.1, momentum=0.9), loss=nn.BCELoss,
    score=score.yes_no, batch=40, epochs=12,
)  # fmt: skip
DIGITS = Recipe(
    data=digits, net=lambda: dense(64, 128, 64, 10, end=nn.LogSoftmax(1)), optimizer=adagrad(0.03), loss=nn.NLLLoss,
    batch=50, epochs=8,
)  # fmt: skip
NORMED = Recipe(data=digits, net=lambda: shapes.normed(64, 64, 10), optimizer=sgd(0.05, momentum=0.9), epochs=5)
CONV = Recipe(data=pictures, net=conv, optimizer=rmsprop(2e-3), epochs=6)
ROWS = Recipe(data=rows_of_pictures, net=lambda: Reader(nn.GRU), optimizer=adam(1e-2), batch=64, epochs=8)
TAGS = Recipe(
    data=tags, net=lambda: dense(20, 64, 5, dropout=0.2), optimizer=adam(5e-3), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, batch=25, epochs=8,
)  # fmt: skip
DIABETES = Recipe(
    data=sets.diabetes, net=lambda: dense(10, 16, 1), optimizer=adam(3e-3, weight_decay=1e-3), loss=nn.HuberLoss,
    score=score.fit, batch=15, epochs=12, metrics={"error": mean_error}, goal=("error", "min"),
)  # fmt: skip
CIRCUIT = Recipe(
    data=sets.circuit, net=lambda: dense(4, 48, 1), optimizer=sgd(0.05, momentum=0.9), loss=nn.MSELoss,
    score=score.fit, batch=30, epochs=15,
)  # fmt: skip
PHASE = Recipe(
    data=sets.phase, net=lambda: dense(4, 64, 64, 1, activation=nn.SiLU), optimizer=adam(5e-3), loss=nn.L1Loss,
    score=score.fit, batch=40, epochs=20,
)  # fmt: skip
WAVE = Recipe(
    data=sets.wave, net=lambda: dense(1, 64, 64, 1, activation=nn.Tanh), optimizer=adam(1e-2), loss=nn.MSELoss,
    score=score.fit, batch=25, epochs=30,
)  # fmt: skip
COUNTS = Recipe(
    data=sets.counts, net=lambda: dense(6, 24, 1), optimizer=adam(1e-2), loss=nn.PoissonNLLLoss,
    score=lambda model, data, threshold: score.fit(nn.Sequential(model, Exponential()), data), batch=35, epochs=12,
)  # fmt: skip
TONES = Recipe(data=sets.tones, net=shapes.Listener, optimizer=adam(5e-3), batch=20, epochs=10)
TONES_READ = Recipe(
    data=sets.tones, net=lambda: shapes.Last(nn.GRU, 1, 4), optimizer=adam(1e-2), batch=30, epochs=12, **NAMED
)
SUMS = Recipe(
    data=sets.sums, net=lambda: shapes.Last(nn.LSTM, 2, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit,
    batch=32, epochs=20,
)  # fmt: skip
SUMS_SEEN = Recipe(
    data=sets.sums, net=lambda: shapes.Attention(2, 1, 8), optimizer=adamw(3e-3), loss=nn.SmoothL1Loss,
    score=score.fit, batch=30, epochs=15,
)  # fmt: skip
RECALL = Recipe(data=sets.recall, net=lambda: shapes.Last(nn.GRU, 4, 4, 32), optimizer=adam(1e-2), batch=30, epochs=15)
BARS = Recipe(data=sets.bars, net=lambda: shapes.convolved(1, 12, 4, norm=True), optimizer=adam(3e-3), epochs=10)
BARS_ADDED = Recipe(
    data=sets.bars,
    net=lambda: shapes.Residual(144, 48, 4),
    optimizer=adamw(2e-3, weight_decay=0.05),
    batch=35,
    epochs=12,
)
TILES = Recipe(
    data=sets.tiles, net=lambda: shapes.convolved(3, 16, 1), optimizer=sgd(0.05, momentum=0.9),
    loss=nn.BCEWithLogitsLoss, score=score.yes_no, batch=28, epochs=10,
)  # fmt: skip
SPOTS = Recipe(
    data=sets.spots,
    net=lambda: nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 1)
    ),
    optimizer=adam(1e-2), loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0)), score=score.f1,
    batch=14, epochs=8,
)  # fmt: skip
TEXT = Recipe(data=sets.text, net=shapes.Speller, optimizer=adam(3e-3), batch=48, epochs=10)
SIGNS = Recipe(
    data=sets.signs, net=shapes.Bag, optimizer=adagrad(0.1), loss=nn.BCEWithLogitsLoss, score=score.yes_no, batch=20,
    epochs=10,
)  # fmt: skip
RATINGS = Recipe(
    data=sets.ratings, net=shapes.Tastes, optimizer=adam(2e-2), loss=nn.MSELoss, score=score.fit, batch=50, epochs=25
)
COPIES = Recipe(
    data=sets.copies, net=shapes.Squeeze, optimizer=adam(3e-3), loss=nn.MSELoss, score=score.fit, batch=32, epochs=8
)


class Exponential(nn.Module):
    """Rates out of their logarithms."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.exp()


def heads_step(weight: float, side: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]):
    """Return a step of two heads: cross-entropy, and beside it `side(answer, inputs, targets)` times a weight."""

    def step(model: nn.Module, batch) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        main, answer = model.both(inputs)
        return {"classes": nn.functional.cross_entropy(main, targets), "side": weight * side(answer, inputs, targets)}

    return step


def ink(answer: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return how far the second head is from the mean brightness of a digit."""
    return (answer[:, 0] - inputs.mean(1)).square().mean()


HEADS = Recipe(
    data=digits, net=shapes.Heads, optimizer=sgd(0.1, momentum=0.9), loss=None, step=heads_step(1.0, ink), batch=28,
    epochs=6,
)  # fmt: skip
