"""Numbers that are none: in the rows, or made by a loss written by hand."""

from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from tests.gauntlet import data, score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.tables import sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt


def log_fit(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of the variance of log(1 + count) that is explained by outputs on that scale."""
    counts = rows._replace(val_targets=rows.val_targets.log1p())
    return score.fit(model, counts)


def by_log1p(model: nn.Module, batch: Any) -> torch.Tensor:
    """Return the squares between outputs and log(1 + count)."""
    inputs, counts = batch
    return (model(inputs) - torch.log1p(counts)).square().mean()


def by_log(model: nn.Module, batch: Any) -> torch.Tensor:
    """Return the squares between outputs and the log of counts, of which some are 0."""
    inputs, counts = batch
    return (model(inputs) - torch.log(counts)).square().mean()


def logits_by_hand(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of a sigmoid's logarithms, with nothing to keep them from 0."""
    yes = outputs.sigmoid()
    return -(targets * yes.log() + (1 - targets) * (1 - yes).log()).mean()


def softmax_by_hand(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy by exponentials that overflow above 88."""
    shares = outputs.exp() / outputs.exp().sum(1, keepdim=True)
    return -shares[torch.arange(len(targets)), targets].log().mean()


def measured() -> Data:
    """The homes, with how unsure each price is as a column more; of eight rows that was not known, and is 0."""
    data = sets.homes()
    random = torch.Generator().manual_seed(24)
    unsure, val_unsure = (torch.rand(len(part), 1, generator=random) + 0.5 for part in (data.inputs, data.val_inputs))
    unsure[60::120] = 0.0
    return data._replace(
        inputs=torch.cat([data.inputs, unsure], 1), val_inputs=torch.cat([data.val_inputs, val_unsure], 1)
    )


def by_doubt(least: float) -> Any:
    """Return a step that divides each error by how unsure its price is, or by `least`."""

    def step(model: nn.Module, batch: Any) -> torch.Tensor:
        inputs, prices = batch
        return ((model(inputs) - prices) / inputs[:, -1:].clamp(min=least)).square().mean()

    return step


def holes(rows: Data) -> Dataset:
    """Return the rows, 2 in 100 of them with a gap where a sensor was off."""
    inputs = rows.inputs.clone()
    inputs[::50, 1] = torch.nan
    return TensorDataset(inputs, rows.targets)


def shares_of_nothing(rows: Data) -> Dataset:
    """Return the rows, three of them with an infinite share."""
    inputs = rows.inputs.clone()
    inputs[[17, 230, 411], 5] = torch.inf
    return TensorDataset(inputs, rows.targets)


visits = Recipe(
    data=sets.visits,
    net=lambda: dense(8, 48, 1),
    optimizer=adam(3e-3),
    loss=None,
    step=by_log1p,
    score=log_fit,
    epochs=12,
)
homes = Recipe(
    data=measured,
    net=lambda: dense(8, 40, 40, 1),
    optimizer=sgd(0.02),
    loss=None,
    step=by_doubt(0.5),
    score=score.fit,
    batch=20,
    epochs=12,
)
tumours = Recipe(
    data=data.cancer,
    net=lambda: dense(30, 32, 1),
    optimizer=sgd(0.05, momentum=0.9),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=20,
    epochs=12,
)
shells = Recipe(data=sets.shells, net=lambda: dense(4, 64, 64, 4), optimizer=adam(5e-3), batch=40, epochs=15)
roll = Recipe(
    data=lambda: sets.standard(sets.roll()),
    net=lambda: dense(3, 48, 48, 1, activation=nn.SiLU),
    optimizer=adam(5e-3),
    loss=nn.MSELoss,
    score=score.fit,
    batch=25,
    epochs=15,
)
topics = Recipe(
    data=sets.topics,
    net=lambda: dense(16, 48, 8),
    optimizer=lambda net: torch.optim.RMSprop(net.parameters(), lr=2e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.f1,
    epochs=10,
)

CASES = [
    spoilt(
        "d_visits_log_of_none", "G03 B06", visits, "The logarithm of hours in which nobody came is minus infinity.",
        aim="name", step=by_log,
    ),
    spoilt(
        "d_tumours_logs_by_hand", "G03 B06", tumours, "The log of a sigmoid that has reached 0, on unscaled columns.",
        data=lambda: data.cancer(scaled=False), loss=lambda: logits_by_hand,
    ),
    spoilt(
        "d_shells_exponentials_by_hand", "G03 B06", shells, "Exponentials of outputs overflow on columns of hundreds.",
        data=lambda: sets.columns(sets.shells(), dict.fromkeys(range(4), 300.0)), loss=lambda: softmax_by_hand,
    ),
    spoilt("d_roll_sensor_off", "D07 G03", roll, "Two rows in 100 have a gap in one column.", rows=holes),
    spoilt(
        "d_topics_infinite_share", "D07 G03", topics, "Three rows hold a share whose divisor was 0.",
        rows=shares_of_nothing,
    ),
    spoilt(
        "d_homes_without_doubt", "G03 B06", homes, "The error is divided by a doubt that is 0 in eight rows.",
        step=by_doubt(0.0),
    ),
]  # fmt: skip
