"""Numbers that stop being numbers: logarithms of zero, roots of zero, zero by zero, powers that overflow."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, split
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd
from tests.gauntlet.third import nets, sets
from tests.gauntlet.third.rates import ENCODER
from tests.gauntlet.third.twins import CIRCUITS, HOUSES, LETTERS, REVIEWS, RINGS, TILES, WAVES, WINE, sick


def _first_fits(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Return what the first output explains; the second is a spread."""
    outputs = score.answers(model, rows.val_inputs)
    if not outputs.isfinite().all():
        return 0.0
    left = (outputs[:, :1] - rows.val_targets).square().mean()
    return 100 * max(0.0, 1 - float(left / rows.val_targets.var(correction=0)))


def _rate_fits(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Return what is explained of the root of the counts by the root of the rate, whose logarithm is the output."""
    rate = score.answers(model, rows.val_inputs).exp().sqrt()
    if not rate.isfinite().all():
        return 0.0
    roots = rows.val_targets.sqrt()
    return 100 * max(0.0, 1 - float((rate - roots).square().mean() / roots.var(correction=0)))


def _likely(model: nn.Module, batch: Any) -> torch.Tensor:
    inputs, targets = batch
    mean, spread = model(inputs).unbind(1)
    return functional.gaussian_nll_loss(mean, targets[:, 0], functional.softplus(spread) + 1e-3)


def _likely_unbounded(model: nn.Module, batch: Any) -> torch.Tensor:
    """Take the second output for a variance as it is, below zero too."""
    inputs, targets = batch
    mean, variance = model(inputs).unbind(1)
    return (0.5 * variance.log() + 0.5 * (targets[:, 0] - mean) ** 2 / variance).mean()


class Standard(nn.Module):
    """Standardises each series by its own mean and deviation."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least
        self.reader = nets.Series(3)

    def forward(self, series_NTF: torch.Tensor) -> torch.Tensor:
        mean, deviation = series_NTF.mean(1, keepdim=True), series_NTF.std(1, keepdim=True)
        return self.reader((series_NTF - mean) / (deviation + self.least))


class Averaged(nn.Module):
    """The mean of a recurrent net's states over the words that are no padding."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least
        self.words, self.body, self.head = nn.Embedding(50, 24), nn.GRU(24, 24, batch_first=True), nn.Linear(24, 2)

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        there = (words_NT > 0).unsqueeze(2)
        states, _ = self.body(self.words(words_NT))
        return self.head((states * there).sum(1) / there.sum(1).clamp(min=self.least))


class OverBatch(nn.Module):
    """Standardises by the batch in training, as a hand-written batch norm without a floor does."""

    def __init__(self) -> None:
        super().__init__()
        self.body = dense(4, 48, 48, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training:
            inputs = inputs - inputs.mean(0)
            inputs = inputs / (inputs.square().sum(0) / (len(inputs) - 1)).sqrt()
        return self.body(inputs)


class Logarithms(nn.Module):
    """A net over the logarithm of its inputs, with a floor or without."""

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.body = dense(6, 32, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.body((inputs + self.floor).log())


def rooted(floor: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the mean distance as a root of squares, with a floor that keeps its slope finite."""
    return lambda outputs, targets: ((outputs - targets).square() + floor).sqrt().mean()


def _broken_weight(at: int, training: Any) -> None:
    """Turn one weight to NaN after a step, once, as a bad copy from a device does."""
    steps = []

    def break_once(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        steps.append(None)
        if len(steps) == at:
            with torch.no_grad():
                next(training.model.parameters()).view(-1)[0] = float("nan")

    training.optimizer.register_step_post_hook(break_once)


def _with_flat_series() -> Data:
    series = sets.waves()
    inputs = series.inputs.clone()
    inputs[5::60] = 0.7
    return series._replace(inputs=inputs)


def _with_empty_reviews() -> Data:
    """Return reviews of which some have no word at all."""
    texts = sets.reviews()
    inputs = texts.inputs.clone()
    inputs[7::80] = 0
    return texts._replace(inputs=inputs)


def _amounts() -> Data:
    """Return six amounts, some of them nothing at all in training, and a target of their logarithms."""
    random = np.random.default_rng(41)
    amounts = random.lognormal(0, 1, (900, 6))
    targets = np.log(amounts[:, :1]) - 0.7 * np.log(amounts[:, 1:2]) + 0.5 * np.sin(2 * np.log(amounts[:, 2:3]))
    return split(amounts, targets / targets.std(), 600)


def _empty_amounts() -> Data:
    rows = _amounts()
    inputs = rows.inputs.clone()
    inputs[3::100, 2] = 0.0
    return rows._replace(inputs=inputs)


def _one_left() -> Data:
    """Return a training set of which one row is left over for the last batch."""
    rows = sets.rings()
    return rows._replace(inputs=rows.inputs[:577], targets=rows.targets[:577])


def _overflowing() -> Data:
    """Return prices with a lot of which the sensor wrote the largest number there is."""
    rows = sets.houses()
    inputs = rows.inputs.clone()
    inputs[11::150, 4] = 3e38
    return rows._replace(inputs=inputs)


def _infinite_ratio() -> Data:
    """Return wines with a ratio by zero in a few rows."""
    rows = WINE.data()
    inputs = rows.inputs.clone()
    inputs[4::40, 6] = float("inf")
    return rows._replace(inputs=inputs)


def _by_hand(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return a cross-entropy written by hand: the logarithm of a probability that rounds to zero."""
    share = outputs.softmax(1)
    wanted = functional.one_hot(targets, outputs.shape[1])
    return -(wanted * share.log()).sum(1).mean()


SPREAD = Recipe(
    data=sets.houses, net=lambda: dense(5, 32, 32, 2), optimizer=adam(3e-3), loss=None, step=_likely,
    score=_first_fits, epochs=15,
)  # fmt: skip
CALLS = Recipe(
    data=sets.counts, net=lambda: dense(6, 32, 1), optimizer=adam(5e-3), loss=nn.PoissonNLLLoss, score=_rate_fits,
    epochs=12,
)  # fmt: skip
AMOUNTS = Recipe(
    data=_amounts, net=lambda: Logarithms(1e-2), optimizer=adam(5e-3), loss=nn.MSELoss, score=score.fit, epochs=12
)

CASES = [
    sick("prices_variance_below_zero", "G03", SPREAD, "a variance that is not kept above zero", aim="name",
         step=_likely_unbounded),
    sick("waves_flat_series", "G03", replace(WAVES, net=lambda: Standard(1e-3)),
         "some series are flat, and all are divided by their deviation", net=lambda: Standard(0.0),
         data=_with_flat_series),
    sick("calls_overflow", "G03 L01", CALLS, "a Poisson loss with SGD at 0.1: its exponential overflows",
         optimizer=sgd(0.1, momentum=0.9)),
    sick("reviews_without_words", "G03", replace(REVIEWS, net=lambda: Averaged(1)),
         "some reviews are padding alone, and are averaged over no words", net=lambda: Averaged(0),
         data=_with_empty_reviews),
    sick("amounts_of_zero", "G03", AMOUNTS, "logarithms of amounts, some of which are zero",
         net=lambda: Logarithms(0.0), data=_empty_amounts),
    sick("rings_one_row_left", "G03", replace(RINGS, net=OverBatch, batch=30, data=_one_left),
         "the last batch has one row, whose deviation is zero by zero", batch=24),
    sick("encoder_cut_at_zero", "G07", replace(ENCODER, net=lambda: dense(64, 48, 48, 64), loss=lambda: rooted(1e-6)),
         "a relu after the last layer: a pixel whose unit is off in all rows stays off",
         net=lambda: dense(64, 48, 48, 64, end=nn.ReLU())),
    sick("letters_by_hand", "G03 L01", LETTERS, "a cross-entropy by hand takes the logarithm of a share of zero",
         loss=lambda: _by_hand, optimizer=adam(0.3)),
    sick("houses_overflowing_lots", "G03 D03", HOUSES, "four rows hold the largest number there is",
         data=_overflowing),
    sick("wine_infinite_ratio", "D07 G03", WINE, "three rows hold a ratio by zero", data=_infinite_ratio),
    sick("tiles_weight_turns_nan", "G03", TILES, "a weight turns to NaN at step 120",
         last=partial(_broken_weight, 120)),
    sick("circuits_weight_turns_nan_early", "G03", CIRCUITS, "a weight turns to NaN at step 9",
         last=partial(_broken_weight, 9)),
]  # fmt: skip
