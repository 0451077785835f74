"""The loss with targets of other rows, and that nothing of the user's is changed by asking for it."""

import functools
import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.signals.pairing import Pairing


def asked(loss, outputs, targets, pairing=None):
    """Return loss and mispaired loss; None where the loss may not be asked or does not take them."""
    pairing = pairing or Pairing()
    with pairing.asking(loss) as may:
        pair = pairing.pair(loss, outputs, targets) if may else None
    return None if pair is None else pair.tolist()


class Smoothed(nn.Module):
    """A loss of the user's that remembers what it was given."""

    def __init__(self, buffer):
        super().__init__()
        self.calls = 0
        if buffer:
            self.register_buffer("mean", torch.zeros(()))

    def forward(self, outputs, targets):
        self.calls += 1
        return functional.mse_loss(outputs, targets)


def noisy(outputs, targets):
    scale = 1 + torch.rand(()) * 0.01 + np.random.rand() * 0.01 + random.random() * 0.01
    return functional.mse_loss(outputs, targets) * scale


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "expected"),
    [
        pytest.param(
            nn.CrossEntropyLoss(),
            torch.eye(4) * 2,
            torch.arange(4),
            [math.log(3 + math.e**2) - 2, math.log(3 + math.e**2)],
            id="classes",
        ),
        pytest.param(nn.MSELoss(), torch.arange(4.0), torch.arange(4.0), [0.0, 4.0], id="numbers"),
        pytest.param(
            functools.partial(functional.l1_loss, reduction="sum"),
            torch.arange(4.0),
            torch.arange(4.0),
            [0.0, 8.0],
            id="a-sum",
        ),
        pytest.param(
            nn.CrossEntropyLoss(torch.ones(2)),
            torch.zeros(4, 2),
            torch.tensor([0, 0, 1, 1]),
            [math.log(2)] * 2,
            id="torchs-own-with-weights",
        ),
        pytest.param(nn.MSELoss(), torch.ones(4), torch.ones(4), [math.nan] * 2, id="targets-are-all-the-same"),
        pytest.param(nn.MSELoss(), torch.ones(3), torch.arange(3.0), None, id="too-few-rows"),
        pytest.param(lambda outputs, targets: 1 / 0, torch.ones(4), torch.ones(4), None, id="raises"),
        pytest.param(
            lambda o, t: {"a": (o - t).abs().mean(), "b": (t * 0).sum()},
            torch.arange(4.0),
            torch.arange(4.0),
            [0.0, 2.0],
            id="parts",
        ),
        pytest.param(Smoothed(buffer=True), torch.ones(4), torch.arange(4.0), None, id="has-a-buffer"),
    ],
)
def test_the_pair_of_losses(loss, outputs, targets, expected):
    """As given, and with targets half a batch away."""
    pair = asked(loss, outputs, targets)

    assert (expected is None) == (pair is None)
    assert pair is None or pair == pytest.approx(expected, nan_ok=True)


def test_what_a_loss_draws_is_put_back():
    """All three random streams go on as if nobody had asked."""
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    expected = torch.rand(2).tolist(), np.random.rand(), random.random()
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    pair = asked(noisy, torch.arange(4.0), torch.arange(4.0))

    assert 4.0 <= pair[1] <= 4.2
    assert expected == (torch.rand(2).tolist(), np.random.rand(), random.random())


def test_a_loss_that_counts_its_calls_is_put_back_and_not_asked_again():
    """It cannot tell our calls from the training's."""
    loss, pairing = Smoothed(buffer=False), Pairing()
    first = asked(loss, torch.arange(4.0), torch.arange(4.0), pairing)
    second = asked(loss, torch.arange(4.0), torch.arange(4.0), pairing)

    assert [0.0, 4.0] == first
    assert None is second
    assert 0 == loss.calls


def test_a_loss_with_a_model_in_reach_is_not_asked():
    """A teacher's running statistics would move with each call."""
    teacher = nn.BatchNorm1d(1)

    def loss(outputs, targets):
        return functional.mse_loss(outputs, teacher(targets[:, None])[:, 0])

    assert None is asked(loss, torch.arange(4.0), torch.arange(4.0))
    assert 0 == int(teacher.num_batches_tracked)
