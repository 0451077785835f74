"""Weights that no rule draws: drawn anew before the first step where that makes a clearly better beginning."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af


def train(folder, *, part="", factor=1.0, **more):
    """Return a run of a small net of which one parameter is multiplied."""
    torch.manual_seed(0)
    inputs = torch.randn(320, 6)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).long() + (inputs[:, 2] > 0).long()
    model = nn.Sequential(nn.Linear(6, 32), nn.LayerNorm(32), nn.Tanh(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
    with torch.no_grad():
        if part:
            model.get_parameter(part).mul_(factor)
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True)
    settings = {"preflight": False, "show": "none", "seed": 0, "name": "odd", "store": folder} | more
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return af.fit(model, loader, loader, epochs=8, optimizer=optimizer, **settings)


def made_at_first(run):
    return [entry["fix"] for entry in run.journal.entries("change") if entry["step"] == 0]


def test_gains_of_next_to_nothing_are_drawn_anew(tmp_path):
    """No loss shows it so soon: nothing comes through, and the run looks like a slow start."""
    run = train(tmp_path, part="1.weight", factor=1e-3)
    found = run.journal.entries("finding", code="G02")[0]

    assert ["reinitialise"] == made_at_first(run)
    assert found["says"].startswith("`1.weight` has 0.001 times the size that such parameters begin with")
    assert 0 == found["step"]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="as-they-should-be"),
        pytest.param({"part": "5.weight", "factor": 0.02}, id="odd-and-no-harm"),
        pytest.param({"part": "1.weight", "factor": 1e-3, "fixes": set()}, id="not-allowed"),
        pytest.param({"part": "1.weight", "factor": 1e-3, "autofix": "suggest"}, id="suggest"),
    ],
)
def test_else_nothing_is_done(tmp_path, more):
    """Odd weights alone are no illness: what is drawn anew must begin clearly better."""
    assert [] == made_at_first(train(tmp_path, **more))
