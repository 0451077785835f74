"""How a batch is taken apart, and what a loss may be."""

import pytest
import torch
from torch import nn

from autofix_nb.errors import DataError, ModelError
from autofix_nb.objective.objective import Objective, split_batch, total_loss
from autofix_nb.objective.tasks import Task
from autofix_nb.objective.treatment import Treatment

X, Z, Y = torch.zeros(2, 3), torch.ones(2, 1), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ((X, Y), (X, Y)),
        ([X, Y], (X, Y)),
        ((X, Z, Y), ((X, Z), Y)),
        ({"x": X, "labels": Y}, ({"x": X}, Y)),
        ({"x": X, "target": Y, "mask": Z}, ({"x": X, "mask": Z}, Y)),
    ],
    ids=["tuple", "list", "two-inputs", "labels", "target-and-mask"],
)
def test_batches_are_taken_apart(data, expected):
    """The last part is the target; a dict names it."""
    assert str(expected) == str(split_batch(data))


@pytest.mark.parametrize("data", [X, (X,), {"x": X}, 3], ids=["tensor", "one", "dict-without", "number"])
def test_batches_without_targets_are_refused_with_the_way_out(data):
    """`step=` is for them."""
    with pytest.raises(DataError, match=r"Give `step=lambda model, batch"):
        split_batch(data)


@pytest.mark.parametrize(
    ("result", "loss", "parts"),
    [
        (torch.tensor(2.0), 2.0, {}),
        (torch.tensor([2.0]), 2.0, {}),
        ({"a": torch.tensor(1.0), "b": torch.tensor(2.0)}, 3.0, {"a": 1.0, "b": 2.0}),
        ({"loss": torch.tensor(5.0), "b": torch.tensor(2.0)}, 5.0, {"b": 2.0}),
    ],
    ids=["number", "one-element", "sum-of-parts", "part-named-loss"],
)
def test_total_loss(result, loss, parts):
    """One number to go backward from, and named parts to record."""
    total, named = total_loss(result)

    assert (loss, parts) == (float(total), {name: float(part) for name, part in named.items()})
    assert 0 == total.dim()


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (torch.zeros(4), r"shape \(4,\), wanted one number"),
        (3.0, r"`loss` is a float, wanted a tensor"),
        ({}, r"empty dict"),
    ],
)
def test_what_is_no_loss_is_refused(result, text):
    """With what it is and what was wanted."""
    with pytest.raises(ModelError, match=text):
        total_loss(result)


def test_signals_are_of_the_loss_that_took_the_place():
    """The same task while nothing took its place, and one other for each name: they are read together."""
    objective = Objective(nn.Linear(2, 1), Task(kind="regression", loss=nn.MSELoss(reduction="sum"), says=""))
    objective.treatment = Treatment()
    same = objective.in_force(objective.task)
    objective.treatment.loss = "mean"
    other = objective.in_force(objective.task)

    assert same is objective.task
    assert 0.5 == float(other.loss(torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1)))
    assert other is objective.in_force(objective.task)
