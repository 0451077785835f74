"""Layers in plain lists become part of the model."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.register_layers import RegisterLayers
from tests.runs import RealRun, finding


class Hiding(nn.Module):
    """A model that keeps some of what it is made of as `kind` says."""

    def __init__(self, kind="list"):
        super().__init__()
        layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
        made = {
            "list": layers,
            "tuple": tuple(layers),
            "dict": {"a": layers[0], "b": layers[1]},
            "parameters": [nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))],
            "tensor": torch.ones(4, requires_grad=True),
            "one": layers[:1],
            "numbered": {1: layers[0]},
        }
        self.kept = made[kind]
        self.head = nn.Linear(4, 3)

    def forward(self, rows):
        kept = [self.kept] if isinstance(self.kept, torch.Tensor) else self.kept
        for one in kept.values() if hasattr(kept, "values") else kept:
            rows = one(rows) if isinstance(one, nn.Module) else rows * one
        return self.head(rows)


def planned(kind):
    torch.manual_seed(0)
    run = RealRun(model=Hiding(kind))
    return run, RegisterLayers().plans(finding(), run)


@pytest.mark.parametrize(("kind", "joined"), [("list", 4), ("tuple", 4), ("dict", 4), ("parameters", 2), ("tensor", 1)])
def test_they_join_the_model_and_its_optimizer_and_leave_both(kind, joined):
    """What is answered stays the same, bit for bit."""
    run, (change,) = planned(kind)
    rows, model = torch.randn(5, 4), run.model
    answers, kept = model(rows), model.kept
    fix = RegisterLayers()
    fix.apply(change, run)
    held = {id(one) for group in run.optimizer.param_groups for one in group["params"]}
    kinds = {name: id(one) in held for name, one in model.named_parameters() if not name.startswith("head")}

    assert [True] * joined == list(kinds.values())
    assert torch.equal(answers, model(rows))
    assert change.after["sure"]
    fix.undo(change, run)

    assert model.kept is kept
    assert 2 == len(list(model.parameters()))
    assert 1 == sum(len(group["params"]) for group in run.optimizer.param_groups)  # the last bias was never in it


def test_one_alone_may_be_hidden_on_purpose():
    """As a pretrained net is that measures a loss: a race must show that training it helps."""
    assert "sure" not in planned("one")[1][0].after


def test_what_no_container_takes_is_left_alone():
    """Names of a `ModuleDict` are text."""
    assert [] == planned("numbered")[1]
