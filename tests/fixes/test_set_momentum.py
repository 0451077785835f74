"""The statistics of batch norms follow those of the batches again."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.set_momentum import USUAL, SetMomentum
from tests.fixes.test_surgery import trained
from tests.runs import finding


def normed(momentum):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, momentum=momentum), nn.ReLU(), nn.Linear(6, 3))


def plans(model):
    run = trained(model, steps=0)
    return run, SetMomentum().plans(finding(), run)


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_it_is_set_to_the_usual_one_and_back(momentum):
    """Nothing else of the model changes, and a race need only show that it does no harm."""
    model = normed(momentum)
    run, (change,) = plans(model)
    fix = SetMomentum()
    fix.apply(change, run)
    during = model[1].momentum
    fix.undo(change, run)

    assert (USUAL, momentum) == (during, model[1].momentum)
    assert change.after["sure"]
    assert f"`1` is 0.1, before it was {momentum:g}" in change.says


def test_the_code_to_type_does_the_same():
    """In a cell after the model."""
    model = normed(0.0)
    _, (change,) = plans(model)
    exec(change.permanent, {"model": model, "nn": nn})  # noqa: S102

    assert USUAL == model[1].momentum


def test_usual_ones_are_left_alone():
    """There is nothing to plan."""
    assert [] == plans(normed(0.01))[1]
