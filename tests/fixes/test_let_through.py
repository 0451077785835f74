"""Gradients go through what cut them off."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.let_through import LetThrough
from tests.runs import RealRun, finding


class Cut(nn.Module):
    """A body and a head, and how the one is cut off from the other."""

    def __init__(self, how):
        super().__init__()
        self.body, self.head, self.how = nn.Linear(4, 6), nn.Linear(6, 3), how

    def forward(self, rows):
        if self.how == "bounded":
            with torch.no_grad():
                self.body.weight.clamp_(-1, 1)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.how != "no_grad"):
            states = self.body(rows)
        states = {"detach": states.detach, "data": lambda: states.data}.get(self.how, lambda: states)()
        return self.head(states.relu())


def planned(how):
    torch.manual_seed(0)
    run = RealRun(model=Cut(how))
    return run, LetThrough().plans(finding(), run)


def learns(model):
    model.zero_grad()
    model(torch.ones(2, 4)).sum().backward()
    return model.body.weight.grad is not None, model.head.weight.grad is not None


@pytest.mark.parametrize("how", ["detach", "data", "no_grad"])
def test_the_body_learns_until_it_is_undone(how):
    """What is answered stays the same, and without gradients none are made."""
    run, (change,) = planned(how)
    fix, rows = LetThrough(), torch.randn(5, 4)
    before = run.model(rows)
    fix.apply(change, run)
    during = learns(run.model)
    with torch.no_grad():
        asked = run.model(rows).requires_grad
    after = run.model(rows)
    fix.undo(change, run)

    assert (True, True) == during
    assert not asked
    assert torch.equal(before, after)
    assert (False, True) == learns(run.model)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("how", ["nothing", "bounded"])
def test_what_cuts_nothing_off_is_left_alone(how):
    """Weights may be kept within bounds without gradients."""
    assert [] == planned(how)[1]
