"""Bytes a step takes, and the search for the largest batch."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.memory import Demand, demand_of, kept_bytes, largest_batch, states_of
from tests.cases import mlp
from tests.checks.subjects import subject


class Device:
    """A device with room for so many rows, and a note of what was tried."""

    def __init__(self, room):
        self.room, self.tried = room, []

    def __call__(self, rows):
        self.tried.append(rows)
        if rows > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize(
    ("room", "expected", "tried"),
    [
        pytest.param(100, (96, True), [32, 64, 128, 96], id="between-two-powers"),
        pytest.param(64, (64, True), [32, 64, 128, 96], id="just-a-power"),
        pytest.param(10, (0, True), [32, 16], id="not-even-the-first"),
        pytest.param(20, (16, True), [32, 16], id="half-of-the-first"),
        pytest.param(10_000, (200, False), [32, 64, 128, 200], id="all-there-is"),
    ],
)
def test_batches_are_doubled_until_memory_runs_out(room, expected, tried):
    """And the last gap is halved once."""
    device = Device(room)

    assert expected == largest_batch(device, 32, 200)
    assert tried == device.tried


def test_the_search_ends_with_the_time():
    """What fitted so far is a lower bound."""
    answers = iter([True, True, False])

    assert (64, False) == largest_batch(Device(10_000), 32, 9999, lambda: next(answers))


def test_other_errors_get_out():
    """They are no lack of memory."""

    def fits(rows):
        raise ValueError("labels")

    with pytest.raises(ValueError, match="labels"):
        largest_batch(fits, 32, 64)


def test_what_a_linear_layer_keeps():
    """Its input, and the output that the activation keeps; not its weights."""
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))

    with kept_bytes(model) as kept:
        model(torch.zeros(4, 8)).sum()

    assert 4 * (8 + 16) * 4 == sum(kept.values())


def test_the_demand_of_a_step():
    """Weights, gradients of those that are trained, Adam's two, and so much a row."""
    model = mlp(4, 3, hidden=8)
    model[0].requires_grad_(False)
    batch = torch.zeros(16, 4), torch.zeros(16).long()

    demand = demand_of(subject(model, [batch]))

    assert (67 * 4, 27 * 4, 2 * 27 * 4) == (demand.weights, demand.gradients, demand.states)
    assert 0 < demand.row


def test_rows_that_fit():
    """What is left, divided by what a row takes."""
    demand = Demand(weights=100, gradients=100, states=200, row=10.0)

    assert 60 == demand.largest(1000)
    assert 0 == demand.largest(300)
    assert 400 + 60 * 10 == demand.of(60)


@pytest.mark.parametrize(
    ("make", "copies"),
    [
        (lambda parameters: torch.optim.SGD(parameters, lr=0.1), 0),
        (lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9), 1),
        (torch.optim.AdamW, 2),
        (lambda parameters: None, 2),
    ],
)
def test_copies_that_an_optimizer_keeps(make, copies):
    """Adam's, where nothing is known."""
    assert copies == states_of(make(mlp().parameters()))
