"""Frozen weights learn, too."""

import copy

import pytest
import torch
from torch import nn

from autofix_nb.fixes.unfreeze import Unfreeze
from tests.fixes.test_surgery import Twice, step, trained
from tests.runs import finding


def frozen():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 4), nn.Linear(4, 3))
    model[:2].requires_grad_(False)
    return model


def plans(model, *where):
    run = trained(model)
    return run, Unfreeze().plans(finding(code="G04", where=where), run)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((), [["0.0.weight", "0.0.bias", "1.weight", "1.bias"]]),
        (("0",), [["0.0.weight", "0.0.bias"], ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]]),
        (("1.bias",), [["1.bias"], ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]]),
    ],
)
def test_what_was_named_then_all(where, expected):
    """By the name of a parameter or of what holds it."""
    assert expected == [one.after["parameters"] for one in plans(frozen(), *where)[1]]


def test_they_learn_from_the_next_step_on():
    """And are as they were in the optimizer when it is taken back."""
    model = frozen()
    run, found = plans(model, "0")
    kept = copy.deepcopy(model.state_dict())
    groups = [list(map(id, group["params"])) for group in run.optimizer.param_groups]
    fix = Unfreeze()
    fix.apply(found[0], run)
    step(run)
    changed = {name for name, part in model.state_dict().items() if not torch.equal(kept[name], part)}
    fix.undo(found[0], run)

    assert {"0.0.weight", "0.0.bias"} < changed
    assert not {"1.weight", "1.bias"} & changed
    assert groups == [list(map(id, group["params"])) for group in run.optimizer.param_groups]
    assert [False] * 4 == [one.requires_grad for one in model[:2].parameters()]
    assert model[0][0].weight not in run.optimizer.state


def test_what_the_optimizer_lists_already_is_listed_once():
    """Many make it from all parameters, frozen ones too; what it then remembers goes when it is taken back."""
    model = frozen()
    run, found = plans(model)
    run.optimizer.param_groups[1]["params"] += list(model[:2].parameters())
    before = [list(map(id, group["params"])) for group in run.optimizer.param_groups]
    fix = Unfreeze()
    fix.apply(found[0], run)
    step(run)

    assert before == [list(map(id, group["params"])) for group in run.optimizer.param_groups]
    assert model[1].weight in run.optimizer.state
    fix.undo(found[0], run)
    assert before == [list(map(id, group["params"])) for group in run.optimizer.param_groups]
    assert model[1].weight not in run.optimizer.state


def test_nothing_is_frozen():
    """Then there is nothing to do."""
    assert [] == plans(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3)))[1]


def test_the_code_to_type_makes_the_same():
    """In a cell after the model."""
    model = Twice()
    _, found = plans(model)
    exec(found[0].permanent, {"model": model})  # noqa: S102

    assert all(one.requires_grad for one in model.parameters())
    assert "`first.weight`, `first.bias` learn, too, and join the optimizer" == found[0].says
