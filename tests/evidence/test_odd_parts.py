"""Tables, recurrences, gains and biases that nobody begins with."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.odd_parts import odd_parts


class Net(nn.Module):
    """One of each."""

    def __init__(self):
        super().__init__()
        self.table, self.state = nn.Embedding(20, 8), nn.GRU(8, 16)
        self.first, self.norm, self.last = nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 2)


def times(name, factor=None, value=None):
    torch.manual_seed(0)
    net = Net()
    part = net.get_parameter(name)
    with torch.no_grad():
        part.mul_(factor) if factor is not None else part.fill_(value)
    return odd_parts(net)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("table.weight", {"factor": 6.0}),
        ("state.weight_hh_l0", {"factor": 8.0}),
        ("norm.weight", {"value": 0.01}),
        ("norm.weight", {"value": 20.0}),
        ("first.bias", {"value": -7.0}),
    ],
    ids=["table", "recurrence", "faint gain", "loud gain", "biases"],
)
def test_what_nobody_begins_with_is_found(name, change):
    """Above 1 where it is too large, below where it is too small."""
    found = times(name, **change)

    assert [name] == list(found)
    assert (found[name] < 1) == (change.get("value") == 0.01)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("table.weight", {"factor": 0.02}),
        ("state.weight_hh_l0", {"factor": 0.1}),
        ("norm.weight", {"value": 0.0}),
        ("first.bias", {"value": -2.0}),
        ("last.bias", {"value": 300.0}),
    ],
    ids=["small table", "small recurrence", "silent branch", "gates held open", "mean of the targets"],
)
def test_usual_beginnings_are_left_alone(name, change):
    """Each is done on purpose by many."""
    assert {} == times(name, **change)


def test_what_does_not_learn_is_left_alone():
    """A frozen table is what somebody gave."""
    net = Net()
    net.table.weight.data.mul_(100.0)
    net.table.requires_grad_(False)

    assert {} == odd_parts(net)
