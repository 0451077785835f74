"""Tables and digits with plain nets: many optimizers, few rows, many columns, rare classes, noise."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.case import Case, Training
from tests.gauntlet.data import Data
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd

DIGITS = Recipe(data=data.digits, net=lambda: dense(64, 64, 10), optimizer=adam(1e-3), epochs=7)
YES_NO = Recipe(
    data=data.cancer, net=lambda: dense(30, 32, 1), optimizer=adam(1e-3), loss=nn.BCEWithLogitsLoss,
    score=score.yes_no, epochs=20,
)  # fmt: skip


def few() -> Data:
    """Return forty wines to train on, and all the others."""
    wines = data.wine()
    return wines._replace(inputs=wines.inputs[:40], targets=wines.targets[:40])


def wide() -> Data:
    """Return a table of more columns than rows."""
    return data.table(300, 400, seed=8)


def one_hot() -> Data:
    """Return wine with its classes as rows of 0 and 1."""
    wines = data.wine()
    eye = torch.eye(3)
    return wines._replace(targets=eye[wines.targets], val_targets=eye[wines.val_targets])


def one_hot_accuracy(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of right classes where the targets are rows of 0 and 1."""
    return score.accuracy(model, rows._replace(val_targets=rows.val_targets.argmax(1)), threshold)


def make_dropout() -> nn.Module:
    """Return a net of which half is left out at each step."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


def make_normed() -> nn.Module:
    """Return a net with batch norm."""
    return nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))


def two_groups(net: nn.Module) -> torch.optim.Optimizer:
    """Return AdamW with a slower first layer and no decay of the biases."""
    first, last = net[0], net[-1]
    return torch.optim.AdamW(
        [
            {"params": [first.weight], "lr": 3e-4},
            {"params": [last.weight], "lr": 3e-3},
            {"params": [first.bias, last.bias], "weight_decay": 0.0},
        ],
        lr=1e-3,
    )


def healthy(name: str, make: Callable[[int], Training], says: str = "", source: str = "") -> Case:
    """Return a healthy case."""
    return Case(name=name, codes=(), aim="healthy", make=make, says=says, source=source)


CASES = (
    healthy("digits with momentum", replace(DIGITS, optimizer=sgd(0.05, momentum=0.9))),
    healthy("digits with plain SGD", replace(DIGITS, optimizer=sgd(0.2))),
    healthy("digits with RMSprop", replace(DIGITS, optimizer=lambda net: torch.optim.RMSprop(net.parameters(), 1e-3))),
    healthy("digits with Adagrad", replace(DIGITS, optimizer=lambda net: torch.optim.Adagrad(net.parameters(), 0.05))),
    healthy("digits with NAdam", replace(DIGITS, optimizer=lambda net: torch.optim.NAdam(net.parameters(), 2e-3))),
    healthy(
        "strong weight decay",
        replace(DIGITS, optimizer=lambda net: torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.1)),
    ),
    healthy("groups with rates of their own", replace(DIGITS, optimizer=two_groups, epochs=9)),
    healthy("dropout of one half", replace(DIGITS, net=make_dropout, epochs=10)),
    healthy("batch norm", replace(DIGITS, net=make_normed)),
    healthy("label smoothing", replace(DIGITS, loss=lambda: nn.CrossEntropyLoss(label_smoothing=0.2))),
    healthy(
        "three labels of ten are wrong",
        replace(DIGITS, data=lambda: data.noisy_labels(data.digits(), 0.3), epochs=8),
        "Learnt well on clean validation rows, while the training loss ends far above 0",
    ),
    healthy("forty rows", replace(
        DIGITS, data=few, net=lambda: dense(13, 32, 3), optimizer=adam(3e-3), batch=8, epochs=40,
    )),
    healthy(
        "more columns than rows",
        replace(YES_NO, data=wide, net=lambda: dense(400, 32, 1), epochs=20),
        "The training rows are learnt by heart, and nothing better can be had",
    ),
    healthy(
        "nine of ten rows are of one class",
        replace(DIGITS, data=lambda: data.rare(0.1), net=lambda: dense(10, 32, 2), epochs=10),
    ),
    healthy("yes or no", YES_NO),
    healthy("the default loss and metric", replace(YES_NO, loss=None)),
    healthy("one-hot targets", replace(
        DIGITS, data=one_hot, net=lambda: dense(13, 16, 3), optimizer=adam(1e-2), score=one_hot_accuracy, batch=16,
        epochs=40,
    )),
    healthy("several labels", replace(
        YES_NO, data=data.tags, net=lambda: dense(20, 64, 5), optimizer=adam(3e-3), epochs=12,
    )),
    healthy("batches of one row", replace(
        DIGITS, data=data.blobs, net=lambda: dense(2, 16, 3), optimizer=sgd(0.01), batch=1, epochs=1,
    )),
    healthy("batches of one row, Adam", replace(
        DIGITS, data=data.wine, net=lambda: dense(13, 16, 3), batch=1, epochs=4,
    )),
    healthy("one batch is the whole set", replace(
        DIGITS, data=data.wine, net=lambda: dense(13, 16, 3), optimizer=adam(1e-2), batch=118, epochs=150,
    )),
    healthy("a large batch and few steps", replace(DIGITS, batch=128, optimizer=adam(3e-3), epochs=12)),
    healthy("gradients of four batches", replace(
        DIGITS, batch=16, optimizer=adam(2e-3), accumulate=4, epochs=9,
    )),
    healthy("linear model", replace(DIGITS, net=lambda: nn.Linear(64, 10), optimizer=adam(1e-2))),
)  # fmt: skip
"""Trainings of tables that end well."""
