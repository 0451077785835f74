"""Trainings by a `step` that is a plain loss: trained as it is written, and known as that loss."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tests.cases import digits_loaders, mlp, plain_loop, same_weights


def step(model, batch):
    inputs, targets = batch
    return functional.cross_entropy(model(inputs), targets)


def test_a_healthy_step_is_trained_as_it_is_written(fit):
    """Bit for bit as in a plain loop; its task is known all the same, and the goal is the loss as before."""
    train, val = digits_loaders()
    torch.manual_seed(5)
    plain, model = mlp(), mlp()
    model.load_state_dict(plain.state_dict())
    plain_loop(plain, torch.optim.Adam(plain.parameters(), lr=1e-3), train, epochs=2, seed=3)

    run = fit(model, train, val, epochs=2, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3), step=step)
    facts = run.history.facts

    assert same_weights(plain.state_dict(), run.last_weights)
    assert ("classification", 10, "val/loss") == (facts["task"], facts["classes"], facts["goal"])
    assert run.history.count("gain") > 0


def broadcast(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


@pytest.mark.slow
def test_a_step_that_broadcasts_is_mended(fit):
    """(N, 1) minus (N,) compares each row with all others; the step's loss gives way to one that does not."""
    torch.manual_seed(0)
    inputs = torch.randn(640, 6)
    rows = TensorDataset(inputs, inputs[:, 0] - inputs[:, 1])
    train, val = (DataLoader(rows, 32, shuffle=True), DataLoader(rows, 320))
    model = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 1))

    run = fit(
        model,
        train,
        val,
        epochs=10,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        step=broadcast,
        preflight=True,
    )
    with torch.no_grad():
        error = float((model(inputs)[:, 0] - rows.tensors[1]).square().mean())

    assert "B05" in {finding.code for finding in run.findings}
    assert error < 0.2
