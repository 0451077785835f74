"""Losses that do not fit what the net gives, or are scaled so that the rate does not fit them."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet.data import Data
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd
from tests.gauntlet.third import nets, sets
from tests.gauntlet.third.twins import (
    CIRCUITS,
    DIABETES,
    FORECAST,
    HASTIE,
    HOUSES,
    LETTERS,
    RESIDUAL,
    RINGS,
    TILES,
    WAVES,
    sick,
)


def _flat_targets(recipe: Recipe) -> Callable[[], Data]:
    """Return the data with targets (N,), as a column of a table gives them; those to judge by stay."""

    def make() -> Data:
        rows = recipe.data()
        return rows._replace(targets=rows.targets[:, 0], val_targets=rows.val_targets[:, 0])

    return make


def _column_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.mse_loss(outputs[:, 0], targets)


def _bare_mse(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the squared error of (N, 1) and (N,), which is one of all pairs."""
    return (outputs - targets).square().mean()


def _divided_again(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(outputs, targets) / len(targets) / 100


def _soft_kl(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the KL divergence as people first write it: of probabilities, and a mean over all numbers."""
    return functional.kl_div(
        outputs.softmax(1), functional.one_hot(targets, outputs.shape[1]).float(), reduction="none"
    ).mean()


def _number_of_class(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the error of the most likely class's number: rounding has no slope."""
    numbers = torch.arange(outputs.shape[1], dtype=outputs.dtype)
    return ((30 * outputs).softmax(1) @ numbers - targets).square().mean()


def _smooth_everything() -> nn.Module:
    return nn.CrossEntropyLoss(label_smoothing=1.0)


def _with_tanh(recipe: Recipe) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(recipe.net(), nn.Tanh())


def _stretched() -> Data:
    rows = sets.circuits()
    return rows._replace(targets=3 * rows.targets, val_targets=3 * rows.val_targets)


CASES = [
    sick("tiles_softmax_first", "B08 B05", replace(TILES, optimizer=sgd(0.02, momentum=0.9), epochs=8),
         "a softmax before the cross-entropy", net=lambda: nn.Sequential(nets.pictures(), nn.Softmax(1))),
    sick("waves_nll_of_logits", "B08 B05", WAVES, "negative likelihood of numbers that are no log-softmax",
         loss=nn.NLLLoss),
    sick("hastie_sigmoid_twice", "B08 B05", replace(HASTIE, optimizer=sgd(0.3)), "a sigmoid before a loss of logits",
         net=lambda: dense(10, 64, 1, end=nn.Sigmoid())),
    sick("houses_broadcast", "B05", replace(HOUSES, data=_flat_targets(HOUSES), loss=lambda: _column_loss),
         "targets (N,) against outputs (N, 1)", loss=lambda: _bare_mse),
    sick("forecast_broadcast", "B05", replace(FORECAST, data=_flat_targets(FORECAST), loss=lambda: _column_loss),
         "an L1 of targets (N,) against outputs (N, 1)",
         loss=lambda: lambda outputs, targets: (outputs - targets).abs().mean()),
    sick("waves_summed", "B08 L01", replace(WAVES, optimizer=sgd(0.2, momentum=0.9)), "the loss is summed over a batch",
         loss=lambda: nn.CrossEntropyLoss(reduction="sum")),
    sick("houses_summed", "B08 G01", replace(HOUSES, optimizer=sgd(0.03, momentum=0.9)), "a sum of squares",
         loss=lambda: nn.MSELoss(reduction="sum")),
    sick("letters_divided_again", "B08 L02", replace(LETTERS, optimizer=sgd(0.2, momentum=0.9)),
         "the mean loss is divided by the batch and by a hundred", loss=lambda: _divided_again),
    sick("digits_kl_of_shares", "B08 B05", replace(RESIDUAL, optimizer=sgd(0.05)),
         "a KL divergence of probabilities in place of their logarithms",
         loss=lambda: _soft_kl),
    sick("rings_number_of_class", "B08 B05", RINGS, "the squared error of the class's number",
         loss=lambda: _number_of_class),
    sick("circuits_tanh_at_the_end", "B05", CIRCUITS, "a tanh at the end, and targets beyond 1",
         data=lambda: _stretched(), net=_with_tanh(CIRCUITS)),
    sick("diabetes_raw_progress", "B08 L02", DIABETES, "progress in its own unit, up to 346, and a small rate",
         data=lambda: sets.diabetes(targets_scaled=False), optimizer=adam(1e-3)),
    sick("tiles_all_smoothed", "B08 L05", TILES, "labels are smoothed until nothing is left", loss=_smooth_everything),
]  # fmt: skip
