"""A slope that does not exist is 0 where it arises; all others are as they were."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes import Controls
from autofix_nb.loop.slopes import bound_slopes
from autofix_nb.loop.stepper import Stepper


def weights(*values):
    return torch.tensor(values, requires_grad=True)


def root(w):
    return w.square().sqrt().sum()


def left_out(w):
    """The branch that is not taken has an infinite slope at 0."""
    return torch.where(w > 0, w.sqrt(), 3 * w).sum()


def length(w):
    return (w[:1] - w[:1]).square().sum().sqrt() + w.sum()


@pytest.mark.parametrize(
    ("loss", "values", "expected"),
    [
        pytest.param(root, (0.0, -2.0), [0.0, -1.0], id="root-at-0"),
        pytest.param(left_out, (0.0, 4.0), [3.0, 0.25], id="branch-left-out"),
        pytest.param(length, (1.0, 2.0), [1.0, 1.0], id="length-of-nothing"),
        pytest.param(lambda w: (w**3).sum(), (1.0, 2.0), [3.0, 12.0], id="sound"),
        pytest.param(lambda w: w.sum(), (1.0, 2.0), [1.0, 1.0], id="nothing-between"),
    ],
)
def test_only_what_is_missing_is_nothing(loss, values, expected):
    """At other points the gradient is the plain one."""
    w = weights(*values)
    value = loss(w)
    bound_slopes(value)
    value.backward()

    assert expected == w.grad.tolist()


def test_a_loss_without_a_graph_is_left_alone():
    """Its backward pass says what is wrong with it."""
    bound_slopes(torch.tensor(1.0))


@pytest.mark.parametrize(("bounded", "expected"), [(False, False), (True, True)], ids=["as-it-is", "bounded"])
def test_a_step_can_be_taken_with_it(bounded, expected):
    """Without it, the gradient is not finite."""
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    stepper = Stepper(model, optimizer, torch.device("cpu"), Controls(bound_slopes=bounded), autocast=torch.enable_grad)

    def loss(data):
        outputs = model(data)
        return outputs.sum() + (outputs - outputs).square().sum().sqrt()

    attempt = stepper.attempt(torch.ones(3, 2), loss, first=True).read()

    assert expected == attempt.fine
