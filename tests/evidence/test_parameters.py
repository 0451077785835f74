"""Parameters by name, by group, and hidden."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.parameters import by_module, hidden_parameters, membership, size_of
from tests.cases import mlp


def test_membership_goes_by_identity():
    """Equal values are not the same parameter."""
    model, twin = mlp(4, 3), mlp(4, 3)
    model[0].bias.requires_grad_(False)
    optimizer = torch.optim.SGD([model[0].weight, model[0].bias, twin[2].weight], lr=0.1)

    held = membership(model, optimizer)

    assert ("2.weight", "2.bias") == held.missing
    assert ("0.bias",) == held.frozen
    assert [twin[2].weight] == list(held.strangers)
    assert 2 == held.held


def test_what_gets_no_gradient_is_not_missed():
    """It may be left out of the optimizer."""
    model = mlp(4, 3)
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)

    assert ("2.bias",) == membership(model, optimizer, without=["2.weight"]).missing


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        pytest.param(["0.weight", "0.bias"], ("0.* (2 tensors, 20 values)",), id="whole-layer"),
        pytest.param(["0.bias"], ("0.bias (4 values)",), id="part-of-a-layer"),
        pytest.param(["0.bias", "2.weight", "2.bias"], ("0.bias (4 values)", "2.* (2 tensors, 15 values)"), id="both"),
        pytest.param([], (), id="none"),
    ],
)
def test_names_are_joined_by_module(names, lines):
    """Where all of a module is among them."""
    assert lines == by_module(names, mlp(4, 3, hidden=4))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        pytest.param([nn.Linear(2, 2)], 2, id="list"),
        pytest.param([[nn.Linear(2, 2)], {"a": nn.Linear(2, 2)}], 4, id="nested"),
        pytest.param(nn.Parameter(torch.ones(2)).clone(), 1, id="lost-parameter"),
        pytest.param([nn.Linear(2, 2).requires_grad_(False)], 0, id="frozen"),
        pytest.param([nn.ReLU()], 0, id="without-parameters"),
        pytest.param(torch.ones(2), 0, id="constant"),
        pytest.param(["a", 1, None], 0, id="something-else"),
    ],
)
def test_hidden_parameters_are_found(value, count):
    """In attributes that are no modules."""
    model = mlp(4, 3)
    model.spare = value

    assert count == sum(len(one.tensors) for one in hidden_parameters(model))


def test_a_lazy_parameter_has_no_size_yet():
    """It is not counted."""
    assert 0 == size_of(nn.LazyLinear(3).weight)
