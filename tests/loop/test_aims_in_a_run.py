"""Whole trainings that were for something else than what their loss, or their goal, heard of."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af


def loaders(inputs, targets, size=20):
    rows = TensorDataset(inputs, targets)
    generator = torch.Generator().manual_seed(0)
    return DataLoader(rows, batch_size=size, shuffle=True, generator=generator), DataLoader(rows, batch_size=100)


def penalised(model, batch):
    inputs, targets = batch
    weights = sum(part.abs().sum() for part in model.parameters())
    return {"task": functional.mse_loss(model(inputs), targets), "sparse": 0.5 * weights}


def fit(model, data, folder, **more):
    torch.manual_seed(0)
    train, val = loaders(*data)
    usual = {"epochs": 16, "seed": 0, "store": folder, "show": "none", "preflight": False}
    return af.fit(model, train, val, optimizer=torch.optim.Adam(model.parameters(), lr=0.01), **usual | more)


@pytest.mark.slow
def test_a_penalty_that_leaves_a_constant_is_no_goal(tmp_path):
    """It is turned off, the run is judged by what is left, and that is said once."""
    torch.manual_seed(0)
    inputs = torch.randn(400, 4)
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    run = fit(model, (inputs, inputs[:, :1] - inputs[:, 1:2].abs()), tmp_path, step=penalised)

    assert "rebalance_losses" in [change.fix for change in run.fixes]
    assert ["val/loss", "val/loss/task"] == sorted({row["goal_name"] for row in run.history.epochs})
    assert 1 == sum("(before: val/loss)" in entry["text"] for entry in run.journal if entry["kind"] == "note")
    assert float(functional.mse_loss(model(inputs), inputs[:, :1] - inputs[:, 1:2].abs()).detach()) < 0.3


@pytest.mark.slow
def test_a_class_that_is_never_answered_is_heard(tmp_path):
    """Nobody asked for the accuracy that is high without it."""
    torch.manual_seed(0)
    targets = (torch.arange(600) % 20 == 0).long()
    inputs = torch.randn(600, 4) + 1.6 * targets[:, None]
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    loss = nn.CrossEntropyLoss(weight=torch.tensor([20.0, 1.0]))
    run = fit(model, (inputs, targets), tmp_path, loss=loss)
    answered = model(inputs).argmax(1)

    assert ("L07", "class_weights") == (run.findings[0].code, run.fixes[0].fix)
    assert "val/mean_recall" == run.history.epochs[-1]["goal_name"]
    assert float((answered[targets == 1] == 1).float().mean()) > 0.7
