"""A normalisation follows each hidden layer that has none around it."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.insert_norm import InsertNorm
from tests.fixes.test_surgery import Attending, Recurrent, Twice, convolving, step, trained
from tests.runs import finding


def plans(model, rows=8):
    run = trained(model, steps=1)
    ((inputs, labels),) = run.sample_batches(1)
    run.sample_batches = lambda count: [(inputs[:rows], labels[:rows])] * count
    return run, InsertNorm().plans(finding(code="G02"), run)


def plain():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))


@pytest.mark.parametrize(
    ("model", "rows", "expected"),
    [
        (plain, 8, [{"0": "batch", "2": "batch"}, {"0": "layer", "2": "layer"}]),
        (plain, 7, [{"0": "layer", "2": "layer"}]),  # too few rows for statistics
        (Twice, 8, [{"block.0": "layer"}]),  # two different sums, one set of statistics
        (Recurrent, 8, [{"head.0": "batch"}, {"head.0": "layer"}]),
        (convolving, 8, []),  # the second convolution's inputs are normalised
        (lambda: Attending("relu"), 8, []),
        (lambda: nn.Sequential(nn.Linear(4, 3)), 8, []),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU()), 8, []),
    ],
    ids=["mlp", "few-rows", "twice", "recurrent", "normed", "transformer", "linear", "answer"],
)
def test_where_it_goes(model, rows, expected):
    """Batch statistics where there are enough rows, otherwise each row by itself."""
    assert expected == [one.after["layers"] for one in plans(model(), rows)[1]]


def test_sums_are_normalised():
    """As if the normalisation stood behind the layer, which keeps its weights and moments; the new ones learn."""
    model = plain()
    run, found = plans(model)
    before = model[0].weight
    moments = run.optimizer.state[model[2].bias]["exp_avg"].clone()
    InsertNorm().apply(found[0], run)
    rows = run.sample_batches(1)[0][0]

    assert torch.allclose(nn.BatchNorm1d(6)(nn.functional.linear(rows, model[0].weight, model[0].bias)), model[0](rows))
    assert before is model[0].weight
    assert torch.equal(moments, run.optimizer.state[model[2].bias]["exp_avg"])
    step(run)
    assert not torch.equal(torch.ones(6), model[0].norm.weight)
    assert "batch normalisation follows `0`, `2`" == found[0].says


def test_convolutions_are_normalised_by_channel():
    """Over the batch, or as one group."""
    model = nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    run, found = plans(model)
    kinds = []
    for change in found:
        fix = InsertNorm()
        fix.apply(change, run)
        kinds.append(repr(model[1].norm))
        fix.undo(change, run)

    assert [repr(nn.BatchNorm2d(4, momentum=0.2)), repr(nn.GroupNorm(1, 4))] == kinds


def test_the_code_to_type_makes_the_same():
    """In a cell after the model."""
    model = plain()
    run, found = plans(model)
    exec(found[0].permanent, {"model": model, "nn": nn})  # noqa: S102
    rows = run.sample_batches(1)[0][0]
    typed = model(rows)
    model = plain()
    model.load_state_dict(
        {name.replace(".0.", "."): part for name, part in run.model.state_dict().items() if ".1." not in name}
    )
    twin, _ = plans(plain())
    twin.model.load_state_dict(model.state_dict())
    InsertNorm().apply(found[0], twin)

    assert torch.equal(typed, twin.model(rows))


@pytest.mark.parametrize(("rows", "expected"), [(8, 0.2), (31, 0.2), (32, 0.3)])
def test_statistics_for_validation_follow_fast(rows, expected):
    """A trial of a few steps is judged on validation data; small batches are averaged over more of them."""
    run = trained(plain(), steps=1)
    run.sample_batches = lambda count: [(torch.randn(rows, 4), torch.arange(rows) % 3)]

    assert expected == InsertNorm().plans(finding(), run)[0].after["momentum"]
