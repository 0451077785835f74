"""Inputs that raise as they are, and train once they are cast."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af

ROWS = torch.randn(120, 4, generator=torch.Generator().manual_seed(0))
LABELS = ROWS[:, :3].argmax(1)


def train(folder, targets, *, inputs=ROWS, loss=None, **options):
    data = TensorDataset(inputs, targets)
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    return af.fit(
        model,
        DataLoader(data, batch_size=20),
        DataLoader(data, batch_size=60),
        epochs=8,
        loss=loss or nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.05),
        store=folder,
        name="read",
        show="none",
        device="cpu",
        **options,
    )


@pytest.mark.usefixtures("fast_reports")
def test_inputs_of_another_type_are_cast(tmp_path):
    """The task is known in spite of them, so that the goal is the accuracy."""
    run = train(tmp_path, LABELS, inputs=ROWS.double())

    assert "cast_inputs" in [change.fix for change in run.standing]
    assert run.history.rows()[-1]["val/accuracy"] > 0.9
