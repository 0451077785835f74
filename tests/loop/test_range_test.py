"""The rate that learns fastest without diverging, on problems whose answer is known."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from autofix_nb.loop.range_test import (
    BELOW_DIVERGENCE,
    BELOW_LOWEST,
    HIGHEST,
    LOWEST,
    bounds_for,
    range_test,
    steps_for,
)
from tests.cases import TRAIN_ROWS, digits, mlp

FOR_EVER = itertools.repeat(None)


class Bowl:
    """Gradient descent on curvature * x²/2 from x = 1, with noise in the gradients and none in what is measured."""

    def __init__(self, curvature=1.0, offset=0.0, scale=1.0, noise=0.0):
        self.x, self.curvature, self.offset, self.scale = 1.0, curvature, offset, scale
        self.noise, self.random = noise, np.random.default_rng(0)

    def step(self, rate, batch):
        loss = self.measure()
        self.x -= rate * (self.curvature * self.x + self.noise * self.random.standard_normal())
        return loss

    def measure(self):
        return self.offset + self.scale * self.curvature * self.x**2 / 2


class Cliff(Bowl):
    """The loss falls up to the very step at which it blows up."""

    def step(self, rate, batch):
        self.x = self.x - rate if rate < 0.1 else math.inf
        return self.measure()


def trying(bowl, steps):
    return range_test(bowl.step, bowl.measure, FOR_EVER, steps=steps)


@given(st.floats(-1.5, 3.5), st.integers(30, 200))
@settings(max_examples=60, deadline=None)
def test_the_suggestion_moves_with_the_curvature(exponent, steps):
    """Steps up to 2/curvature are stable: the suggestion lies below by the margins, and is no crawl."""
    curvature = 10.0**exponent
    result = trying(Bowl(curvature), steps)

    assert 2 / curvature / 400 < result.suggestion < 2 / curvature / BELOW_DIVERGENCE


@given(st.floats(1e-3, 1e6), st.sampled_from([0.0, -7.0, 3.0]))
@settings(max_examples=30, deadline=None)
def test_units_of_the_loss_do_not_matter(scale, offset):
    """Raw units, and losses below zero."""
    plain, other = Bowl(10.0, offset), Bowl(10.0, offset * scale, scale)

    assert trying(plain, 40).suggestion == pytest.approx(trying(other, 40).suggestion)


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0])
def test_noise_in_the_gradients_moves_it_little(noise):
    """Noise as large as the gradients themselves, and larger."""
    result = trying(Bowl(10.0, noise=10 * noise, offset=1.0), 60)

    assert 0.2 / 400 < result.suggestion < 0.2 / BELOW_DIVERGENCE


def test_never_near_divergence():
    """However well the loss falls up to there."""
    result = trying(Cliff(), 40)

    assert not math.isfinite(result.losses[-1])
    assert result.suggestion <= result.rates[-1] / BELOW_DIVERGENCE
    assert result.suggestion == pytest.approx(result.rates[-2] / BELOW_LOWEST, rel=1.0)


def test_what_falls_after_a_rise_is_luck():
    """The lowest loss may be that of a step that jumped out of it all."""
    path = iter([1.0, *np.linspace(0.99, 0.9, 10), *np.linspace(0.95, 1.2, 15), *[0.2] * 10])
    result = range_test(lambda rate, batch: 1.0, lambda: next(path), FOR_EVER, steps=35)

    assert result.suggestion <= result.rates[9]


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        pytest.param([2.0] * 50, "no rate up to", id="nothing-moves"),
        pytest.param([2.0, *[2.5] * 49], "no rate up to", id="only-worse"),
        pytest.param([2.0, *[1.9999] * 49], "no rate up to", id="next-to-nothing"),
        pytest.param([2.0, math.nan], "no rate up to", id="bad-at-once"),
        pytest.param([math.nan], "the loss is nan before any step", id="bad-before"),
    ],
)
def test_where_no_rate_learns_none_is_suggested(losses, says):
    """The caller has a default for that."""
    path = iter(losses)
    result = range_test(lambda rate, batch: 1.0, lambda: next(path), FOR_EVER, steps=30)

    assert None is result.suggestion
    assert result.says.startswith(says)


def test_as_many_steps_as_there_are_batches():
    """Each batch is used once; a loss of NaN in a step ends it."""
    used = []
    bowl = Bowl(1e-9, offset=1.0)

    def step(rate, batch):
        used.append(batch)
        return math.nan if batch == 6 else bowl.step(rate, batch)

    result = range_test(step, bowl.measure, range(30), steps=20)

    assert list(range(7)) == used
    assert 7 == len(result.rates) == len(result.losses)
    assert 4 == len(range_test(bowl.step, bowl.measure, range(4), steps=30).rates)


def test_says_what_it_saw():
    """In one sentence with the numbers in it."""
    says = trying(Cliff(), 40).says

    assert says.startswith("the loss fell from 0.5 to ")
    assert "and diverged at" in says
    assert not says.endswith(".")


@pytest.mark.parametrize(("planned", "expected"), [(0, 30), (1000, 30), (5000, 150)])
def test_it_takes_a_small_share_of_the_run(planned, expected):
    """And never fewer steps than it needs."""
    assert expected == steps_for(planned)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(torch.optim.SGD, (LOWEST, HIGHEST)), (torch.optim.AdamW, (LOWEST, 1.0)), (torch.optim.RMSprop, (LOWEST, 1.0))],
)
def test_the_range_depends_on_the_optimizer(kind, expected):
    """A rate of 1 moves every weight by 1 where the gradient's size is divided out."""
    assert expected == bounds_for(kind([nn.Parameter(torch.zeros(1))], lr=0.1))
    assert (LOWEST, HIGHEST) == bounds_for(SimpleNamespace(param_groups=[{"lr": 1.0}]))


@pytest.mark.parametrize(
    ("kind", "lowest", "highest"),
    [(torch.optim.SGD, 0.03, 0.5), (torch.optim.AdamW, 0.001, 0.02)],
    ids=["sgd", "adamw"],
)
@pytest.mark.parametrize("noise", [0.0, 0.3], ids=["clean", "a-third-wrong-labels"])
def test_digits(kind, lowest, highest, noise):
    """Within the rates that a search on a grid finds best, 30 steps are enough, with wrong labels, too."""
    pixels, labels = (part[:TRAIN_ROWS] for part in digits())
    generator = torch.Generator().manual_seed(0)
    wrong = torch.rand(TRAIN_ROWS, generator=generator) < noise
    labels = torch.where(wrong, torch.randint(0, 10, (TRAIN_ROWS,), generator=generator), labels)
    model, loss_function = mlp(), nn.CrossEntropyLoss()
    optimizer = kind(model.parameters(), lr=1.0)

    def step(rate, rows):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = loss_function(model(pixels[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        return loss.item()

    def measure():
        with torch.no_grad():
            return loss_function(model(pixels[:128]), labels[:128]).item()

    batches = torch.randperm(TRAIN_ROWS, generator=generator).split(32)
    low, high = bounds_for(optimizer)
    result = range_test(step, measure, batches, steps=30, lowest=low, highest=high)

    assert lowest < result.suggestion < highest
