"""Inputs of another type than the model computes with."""

import pytest
import torch
from torch import nn

from autofix_nb.objective.kinds import by_rule, rule_that_fits

WORDS = torch.tensor([[1, 2], [3, 0]])


class Both(nn.Module):
    """Looks up the first input and computes with the second."""

    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(5, 3), nn.Linear(5, 2)

    def forward(self, words, numbers):
        return self.head(torch.cat([self.words(words).mean(1), numbers], 1))


@pytest.mark.parametrize(
    ("model", "inputs", "kinds"),
    [
        pytest.param(nn.Linear(2, 1), torch.ones(3, 2).double(), [torch.float32], id="double"),
        pytest.param(nn.Linear(2, 1), torch.ones(3, 2).half(), [torch.float32], id="half"),
        pytest.param(nn.Linear(2, 1), WORDS, [torch.float32], id="whole"),
        pytest.param(nn.Linear(2, 1).double(), torch.ones(3, 2), [torch.float64], id="for-a-double-model"),
        pytest.param(nn.Embedding(5, 2), WORDS.float(), [torch.int64], id="words-as-floats"),
        pytest.param(nn.Embedding(5, 2), WORDS.to(torch.int16), [torch.int64], id="short-words"),
        pytest.param(Both(), (WORDS, torch.ones(2, 2).double()), [torch.int64, torch.float32], id="words-and-numbers"),
    ],
)
def test_the_model_says_what_it_takes(model, inputs, kinds):
    """All values are kept."""
    cast = by_rule(inputs, rule_that_fits(model, inputs))
    parts = cast if isinstance(cast, tuple) else (cast,)

    assert kinds == [part.dtype for part in parts]
    for part, given in zip(parts, inputs if isinstance(inputs, tuple) else (inputs,), strict=True):
        assert torch.equal(part.double(), given.double())


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        pytest.param(nn.Linear(2, 1), torch.ones(3, 4).double(), id="another-width"),
        pytest.param(nn.Linear(2, 1), torch.ones(3, 4), id="the-right-type"),
        pytest.param(nn.Embedding(5, 2), WORDS + 0.5, id="no-words"),
    ],
)
def test_no_type_makes_up_for_another_fault(model, inputs):
    """It is raised as before."""
    assert rule_that_fits(model, inputs) is None
