"""Small pictures: convolutions, photo tiles, masks, codes; bodies that are frozen or hardly moved, on purpose."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from sklearn import datasets
from torch import nn

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam


@cache
def tiles() -> Data:
    """Return tiles of 16 x 16 of two photos, standardised: which photo is it?"""
    rows, labels = [], []
    for label, photo in enumerate(datasets.load_sample_images().images):
        small = torch.tensor(photo.astype(np.float32) / 255).permute(2, 0, 1)
        small = nn.functional.avg_pool2d(small, 2)
        cut = small.unfold(1, 16, 16).unfold(2, 16, 16).permute(1, 2, 0, 3, 4).reshape(-1, 3, 16, 16)
        rows.append(cut.numpy())
        labels.append(np.full(len(cut), label))
    inputs = np.concatenate(rows)
    return data.split((inputs - inputs.mean()) / inputs.std(), np.concatenate(labels), 300)


def masks() -> Data:
    """Return the digits as pictures with the mask of their ink, half as fine, as targets (N, 1, 4, 4)."""
    rows = data.pictures()
    ink = [(nn.functional.avg_pool2d(one, 2) > 0.5).float() for one in (rows.inputs, rows.val_inputs)]
    return rows._replace(targets=ink[0], val_targets=ink[1])


def themselves() -> Data:
    """Return the digits with themselves as targets."""
    rows = data.digits()
    return rows._replace(targets=rows.inputs, val_targets=rows.val_inputs)


def pairs_of_digits() -> Data:
    """Return the digits with two neighbours as one class: 0 and 1, 2 and 3, and so on."""
    rows = data.digits()
    return rows._replace(targets=rows.targets // 2, val_targets=rows.val_targets // 2)


@cache
def learnt_before() -> dict[str, torch.Tensor]:
    """Return the weights of a net that knows the digits already, from six hundred rows."""
    rows = data.digits()
    inputs, targets = rows.inputs[:600], rows.targets[:600]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = dense(64, 64, 32, 10)
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(150):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), targets).backward()
            optimizer.step()
    return net.state_dict()


def frozen_body() -> nn.Sequential:
    """Return a net whose body was trained before and is frozen, with a new head."""
    net = known_net()
    net[-1] = nn.Linear(32, 5)
    for parameter in (*net[0].parameters(), *net[2].parameters()):
        parameter.requires_grad_(False)
    return net


def unfrozen_body() -> nn.Sequential:
    """Return the same with a body that may move, which the optimizer does not hold."""
    net = frozen_body()
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    return net


def known_net() -> nn.Sequential:
    """Return a net that knows its task already."""
    net = dense(64, 64, 32, 10)
    net.load_state_dict(learnt_before())
    return net


def convolutions(channels: int = 1, side: int = 8, classes: int = 10) -> nn.Sequential:
    """Return two convolutions with batch norm."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * (side // 4) ** 2, classes),
    )  # fmt: skip


def mask_maker() -> nn.Sequential:
    """Return convolutions that give a mask."""
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))


def rebuilt(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of the variance of the pixels that is rebuilt."""
    answers = score.answers(model, rows.val_inputs)
    left = (answers - rows.val_targets).square().mean()
    return 100 * max(0.0, 1 - float(left / (rows.val_targets - rows.val_targets.mean(0)).square().mean()))


KNOWN = Recipe(data=data.digits, net=known_net, optimizer=adam(1e-4), epochs=4)
FROZEN = Recipe(
    data=pairs_of_digits, net=frozen_body, epochs=9,
    optimizer=lambda net: torch.optim.Adam([part for part in net.parameters() if part.requires_grad], 1e-2),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    healthy("convolutions read digits", Recipe(
        data=data.pictures, net=convolutions, optimizer=adam(3e-3), batch=64, epochs=5,
    )),
    healthy("photo tiles", Recipe(
        data=tiles, net=lambda: convolutions(3, 16, 2), optimizer=adam(3e-3), batch=16, epochs=6,
    )),
    healthy("a mask of the ink", Recipe(
        data=masks, net=mask_maker, optimizer=adam(1e-2), loss=nn.BCEWithLogitsLoss, score=score.yes_no, batch=64,
        epochs=6,
    )),
    healthy("autoencoder", Recipe(
        data=themselves, net=lambda: dense(64, 24, 64, activation=nn.Tanh), optimizer=adam(1e-2),
        loss=nn.MSELoss, score=rebuilt, epochs=9,
    )),
    healthy("body frozen on purpose", FROZEN),
    healthy("only the head is in the optimizer", replace(
        FROZEN, net=unfrozen_body, optimizer=lambda net: torch.optim.Adam(net[-1].parameters(), 1e-2),
    )),
    healthy("fine-tuning with a tiny rate", KNOWN),
    healthy("fine-tuning with hardly any rate", replace(KNOWN, optimizer=adam(1e-5))),
)  # fmt: skip
"""Pictures that end well."""
