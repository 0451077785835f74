"""An activation comes between layers that none lies between."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.insert_activation import InsertActivation
from tests.fixes.test_surgery import trained
from tests.runs import finding


class Called(nn.Module):
    """Two layers that are called one by one, and what is done between them."""

    def __init__(self, between=lambda rows: rows):
        super().__init__()
        self.first, self.second, self.between = nn.Linear(4, 6), nn.Linear(6, 3), between

    def forward(self, rows):
        return self.second(self.between(self.first(rows)))


def planned(model):
    torch.manual_seed(0)
    run = trained(model, steps=0)
    return run, InsertActivation().plans(finding(code="L05"), run)


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (Called, ["first"]),
        (lambda: nn.Sequential(nn.Linear(4, 6), nn.Identity(), nn.Linear(6, 6), nn.Linear(6, 3), nn.Softmax(1)), "023"),
    ],
    ids=["called one by one", "in a row"],
)
def test_all_but_the_last_are_bent_and_straight_again(made, names):
    """The answer of the last one stays as it is."""
    run, (change,) = planned(made())
    rows, model = torch.randn(5, 4), run.model
    before = model(rows)
    fix = InsertActivation()
    fix.apply(change, run)
    apart = model(rows[:1]) + model(rows[1:2]) - model(rows[:2].sum(0, keepdim=True)) - model(torch.zeros(1, 4))
    fix.undo(change, run)

    assert list(names)[: 2 if len(names) == 3 else 1] == change.after["layers"]
    assert float(apart.detach().abs().max()) > 1e-4
    assert torch.equal(before, model(rows))


@pytest.mark.parametrize("between", [torch.relu, lambda rows: rows.sigmoid()], ids=["relu", "sigmoid"])
def test_what_bends_is_left_alone(between):
    """Also where a function does it."""
    assert [] == planned(Called(between))[1]


def test_one_layer_is_left_alone():
    """It is meant to be straight."""
    assert [] == planned(nn.Sequential(nn.Linear(4, 3)))[1]
