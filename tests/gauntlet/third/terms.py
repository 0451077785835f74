"""Losses of several parts of which one drowns the others, or fights what the training is for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import data, score
from tests.gauntlet.data import Data
from tests.gauntlet.recipe import Recipe, adam, sgd
from tests.gauntlet.third import nets, sets
from tests.gauntlet.third.twins import FORECAST, HOUSES, RINGS, WINE, sick

Parts = dict[str, torch.Tensor]


def variational(weight: float) -> Callable[[nn.Module, Any], Parts]:
    """Return the step of a variational autoencoder: reconstruction, and the KL divergence times a weight."""

    def step(model: nn.Module, batch: Any) -> Parts:
        inputs, _ = batch
        mean, spread = model.code(inputs)
        drawn = mean + torch.randn_like(mean) * (spread / 2).exp()
        kl = -0.5 * (1 + spread - mean.square() - spread.exp()).mean()
        return {"reconstruction": functional.mse_loss(model.decoder(drawn), inputs), "kl": weight * kl}

    return step


def placed(weight: float) -> Callable[[torch.Tensor, torch.Tensor], Parts]:
    """Return the loss of what a sign is and where, in cells."""

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> Parts:
        return {
            "sign": functional.cross_entropy(outputs[:, :3], targets[:, 0].long()),
            "place": weight * functional.mse_loss(outputs[:, 3:], targets[:, 1:]),
        }

    return loss


def _sign_score(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Return the mean of the share of right signs and of what is explained of the places."""
    outputs = score.answers(model, rows.val_inputs)
    if not outputs.isfinite().all():
        return 0.0
    right = (outputs[:, :3].argmax(1) == rows.val_targets[:, 0]).float().mean()
    places = rows.val_targets[:, 1:]
    left = (outputs[:, 3:] - places).square().mean() / places.var(0, correction=0).mean()
    return 50 * float(right) + 50 * max(0.0, 1 - float(left))


def _wide_score(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    outputs = score.answers(model, rows.val_inputs)
    right = (outputs[:, :10].argmax(1) == rows.val_targets) & outputs.isfinite().all(1)
    return 100 * float(right.float().mean())


def _draw_again(weight: float) -> Callable[[nn.Module, Any], Parts]:
    """Return the step of a net that names digits and draws them again, summed over pixels and rows."""

    def step(model: nn.Module, batch: Any) -> Parts:
        inputs, targets = batch
        outputs = model(inputs)
        drawing = (outputs[:, 10:] - inputs).square().sum()
        return {"class": functional.cross_entropy(outputs[:, :10], targets), "drawing": weight * drawing}

    return step


def _small_outputs(weight: float, base: Callable[..., torch.Tensor]) -> Callable[..., Parts]:
    """Return a loss that also wants the outputs to be small, which the goal does not."""
    return lambda outputs, targets: {"fit": base(outputs, targets), "size": weight * outputs.square().mean()}


def _certain(weight: float) -> Callable[..., Parts]:
    """Return a loss that also wants the answers to be certain, whatever they are."""

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> Parts:
        certainty = (outputs.softmax(1) * outputs.log_softmax(1)).sum(1).mean()
        return {"class": functional.cross_entropy(outputs, targets), "certain": -weight * certainty}

    return loss


def _all_alike(weight: float) -> Callable[[nn.Module, Any], Parts]:
    """Return a step whose second part wants the answers of a batch to be alike."""

    def step(model: nn.Module, batch: Any) -> Parts:
        inputs, targets = batch
        outputs = model(inputs)
        return {
            "class": functional.cross_entropy(outputs, targets),
            "alike": weight * (outputs - outputs.mean(0)).square().mean(),
        }

    return step


def _sparse(weight: float) -> Callable[[nn.Module, Any], Parts]:
    def step(model: nn.Module, batch: Any) -> Parts:
        inputs, targets = batch
        size = sum(value.abs().sum() for value in model.parameters())
        return {"fit": functional.mse_loss(model(inputs), targets), "sparse": weight * size}

    return step


def _right(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the share of right classes, as a user who watches the true goal has it."""
    return float((outputs.argmax(1) == targets).float().mean())


CODES = Recipe(
    data=lambda: _itself(), net=nets.Variational, optimizer=adam(3e-3), loss=None, step=variational(1e-3),
    score=score.fit, epochs=12,
)  # fmt: skip
PLACES = Recipe(
    data=sets.places,
    net=lambda: nets.TwoHeads(nn.Sequential(*nets.pictures(1, 2, 12)[:-1]), 216, 3, 2),
    optimizer=adam(3e-3), loss=lambda: placed(0.05), score=_sign_score, epochs=12,
)  # fmt: skip
DRAWN = Recipe(
    data=data.digits, net=lambda: nets.TwoHeads(nn.Sequential(nn.Linear(64, 24), nn.ReLU()), 24, 10, 64),
    optimizer=sgd(0.1, momentum=0.9), loss=None, step=_draw_again(1e-4), score=_wide_score, epochs=8,
)  # fmt: skip


def _itself() -> Data:
    digits = data.digits()
    return digits._replace(targets=digits.inputs, val_targets=digits.val_inputs)


CASES = [
    sick("codes_posterior_collapse", "G05 L11", CODES, "the KL part weighs a hundred times too much",
         step=variational(1.0)),
    sick("places_in_hundredths", "G05", PLACES, "the squared distance in hundredths of a cell drowns the sign",
         loss=lambda: placed(5000.0), epochs=8),
    sick("drawn_summed", "G05 B08", DRAWN, "the drawing's loss is a sum over all pixels", step=_draw_again(0.1)),
    sick("houses_sparse", "G05 L11", replace(HOUSES, loss=None, step=_sparse(1e-4)), "sparseness drowns the fit",
         step=_sparse(0.1)),
    sick("forecast_small_outputs", "L11 G05", FORECAST, "a part wants all outputs to be small",
         loss=lambda: _small_outputs(3.0, functional.mse_loss)),
    sick("wine_all_alike", "L11 G05", replace(WINE, loss=None, step=_all_alike(0.0)),
         "a part wants all rows of a batch to be answered alike", step=_all_alike(30.0)),
    sick("rings_metric_left_behind", "L07 L11", replace(RINGS, metrics={"accuracy": _right}),
         "answers are to be certain, whatever they are: the loss falls, the accuracy does not",
         loss=lambda: _certain(6.0)),
]  # fmt: skip
