"""Where a first step goes wrong: lazy layers, NaN on the way, eval mode, a batch of one row."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.evidence import first_trouble
from tests.cases import mlp, small_loader
from tests.checks.subjects import subject


class Roots(nn.Module):
    """NaN in the middle."""

    def forward(self, inputs):
        return (inputs - 100).sqrt()


class TrainsOnly(nn.Linear):
    """Raises in eval mode."""

    def forward(self, inputs):
        if not self.training:
            raise ValueError("no eval mode here")
        return super().forward(inputs)


def normed():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def test_parameters_without_a_shape_are_named():
    """Those of lazy layers."""
    model = nn.Sequential(nn.Linear(4, 4), nn.LazyLinear(3))

    assert ["1.weight", "1.bias"] == first_trouble.lazy_parameters(model)


def test_bad_outputs_come_in_the_order_of_the_pass():
    """The first is where it arises."""
    model = nn.Sequential(nn.Linear(4, 4), Roots(), nn.Linear(4, 3))

    assert "`1` (Roots)" == first_trouble.bad_outputs(subject(model, small_loader(), loss=nn.CrossEntropyLoss()))[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(lambda: TrainsOnly(4, 3), ValueError, id="raises"),
        pytest.param(lambda: mlp(4, 3), None, id="works"),
    ],
)
def test_what_eval_mode_raises(model, expected):
    """Nothing where it works."""
    error = first_trouble.error_in_eval_mode(subject(model(), small_loader(), loss=nn.CrossEntropyLoss()))

    assert expected == (None if error is None else type(error))


@pytest.mark.parametrize(
    ("model", "says"),
    [pytest.param(normed, first_trouble.ONE_VALUE, id="norm"), pytest.param(lambda: mlp(4, 3), "None", id="plain")],
)
def test_what_one_row_raises(model, says):
    """Batch norm needs two."""
    assert says in str(first_trouble.error_of_one_row(subject(model(), small_loader(), loss=nn.CrossEntropyLoss())))


def test_sizes_of_an_epochs_batches():
    """The last may be short."""
    data = TensorDataset(torch.randn(9, 4), torch.arange(9) % 3)

    assert [4, 4, 1] == first_trouble.batch_sizes(subject(None, DataLoader(data, 4)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param((np.zeros(3), np.zeros(3)), True, id="arrays"),
        pytest.param({"x": [[1.0, 2.0]], "labels": [1]}, True, id="lists"),
        pytest.param((torch.zeros(3), np.zeros(3)), False, id="one-tensor"),
        pytest.param((["a", "b"], None), False, id="texts"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_batches_that_hold_no_tensor(data, expected):
    """But numbers, that could be tensors."""
    assert expected == first_trouble.holds_no_tensor(data)


def test_a_trial_of_all_leaves_the_model_as_it_was():
    """No gradient stays, and it has no rows."""
    looked_at = subject(mlp(4, 3), small_loader(), loss=nn.CrossEntropyLoss())

    trial = first_trouble.trial_of_all(looked_at)

    assert (0, None) == (trial.rows, trial.error)
    assert [None] * 4 == [parameter.grad for parameter in looked_at.model.parameters()]
