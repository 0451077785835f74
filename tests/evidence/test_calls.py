"""Layers that a forward pass calls."""

import torch
from torch import nn

from autofix_nb.evidence.calls import called_layers, is_one_of_several
from tests.cases import small_loader
from tests.checks.subjects import subject


class First(nn.Module):
    """Two experts, of which the first is asked."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(4, 3), nn.Linear(4, 3)])
        self.spare = nn.Linear(4, 3)

    def forward(self, rows):
        return self.experts[0](rows)


def test_called_layers_are_named():
    """Nothing stays on the model."""
    looked_at = subject(First(), small_loader())

    assert {"experts.0"} == called_layers(looked_at)
    assert not looked_at.model.experts[0]._forward_pre_hooks


def test_an_expert_that_was_not_asked_has_a_sibling():
    """A layer of its own has none."""
    model, called = First(), {"experts.0"}

    assert is_one_of_several("experts.1.weight", called, model)
    assert not is_one_of_several("experts.0.weight", called, model)
    assert not is_one_of_several("spare.weight", called, model)


def test_what_was_called_before_an_error_is_known():
    """A model that raises was called up to there."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 3))

    assert {"0", "1"} == called_layers(subject(model, [(torch.zeros(4, 4), torch.zeros(4).long())]))
