"""Models that draw straight lines, however many layers they have."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.straight import straight_layers


class Called(nn.Module):
    """Two layers that are called one by one, and what is done between them."""

    def __init__(self, between):
        super().__init__()
        self.first, self.second, self.between = nn.Linear(4, 6), nn.Linear(6, 3), between

    def forward(self, rows):
        return self.second(self.between(self.first(rows.flatten(1))))


def branching(rows):
    return rows if rows.sum() > 0 else -rows


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.1), nn.Linear(6, 3)), 2),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Identity(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 2)), 3),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3)), 0),
        (nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), 0),
        (Called(lambda rows: rows), 2),
        (Called(lambda rows: functional.dropout(rows, 0.1)), 2),
        (Called(torch.relu), 0),
        (Called(lambda rows: rows * rows), 0),
        (Called(lambda rows: rows.clamp(min=0)), 0),
        (Called(branching), 0),
    ],
    ids=["row", "convolutions", "pooling", "relu", "called", "dropout", "function", "product", "method", "branches"],
)
def test_layers_that_nothing_lies_between(model, expected):
    """Whatever is not known counts as bending."""
    assert expected == straight_layers(model)


def test_the_model_is_not_called():
    """Its own counters and buffers stay as they are: a copy is followed."""
    model = Called(lambda rows: rows)
    model.register_buffer("calls", torch.zeros(()))
    straight_layers(model)

    assert 0.0 == float(model.calls)
