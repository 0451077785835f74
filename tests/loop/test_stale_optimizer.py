"""An optimizer made for a model that is gone: the cell that makes the model was run again, the other one was not."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.errors import ConfigurationError
from tests.cases import digits, mlp


@pytest.fixture
def go(fit):
    """Train on 600 digits, 80 steps or more in all, as the races before the first step want."""
    inputs, targets = (part[:600] for part in digits())

    def train(optimizer, epochs=6, **options):
        torch.manual_seed(1)
        loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
        val = DataLoader(TensorDataset(inputs, targets), batch_size=300)
        return fit(mlp(), loader, val, epochs=epochs, optimizer=optimizer, seed=0, **({"preflight": True} | options))

    return train


def stale(kind=torch.optim.Adam):
    return kind(mlp().parameters(), lr=3e-3)


def test_the_new_model_takes_its_place(go):
    """It is found before the first step, tried beside going on, and named; a resumed run has it, too."""
    run = go(stale(), epochs=5)
    again = go(stale(), epochs=6)

    assert "join_optimizer" == run.fixes[0].fix
    assert {"B07"} <= {finding.code for finding in run.findings}
    assert 0.5 < max(row["goal"] for row in run.history.epochs)
    assert 6 == len(again.history.epochs)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        pytest.param(stale, {"autofix": "off"}, id="nothing-may-be-fixed"),
        pytest.param(stale, {"preflight": False}, id="nobody-looks"),
        pytest.param(stale, {"epochs": 1}, id="too-few-steps-to-try"),
        pytest.param(
            lambda: torch.optim.Adam([{"params": [part]} for part in mlp().parameters()]), {}, id="several-groups"
        ),
    ],
)
def test_else_it_is_refused(go, make, options):
    """With what to type; a training that changes nothing is none."""
    with pytest.raises(ConfigurationError, match="none of them the model's; make it after the model"):
        go(make(), **options)
