"""Where the first bad number of a step arose."""

import pytest
import torch
from torch import nn

from autofix_nb.loop.locate import first_bad_weight, locate
from autofix_nb.signals import GradientNorms
from tests.cases import mlp


class SqrtAtZero(nn.Module):
    """Finite forward, infinite gradient."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, rows):
        return (self.scale * rows).sqrt()


def run_it(model, loss=lambda outputs: outputs.sum()):
    return lambda data: loss(model(data[0]))


@pytest.mark.parametrize(
    ("model", "data", "loss", "expected"),
    [
        pytest.param(
            mlp(), torch.full((2, 64), torch.nan), torch.sum, "input[0] holds NaN in 100% of its values", id="input"
        ),
        pytest.param(
            nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Identity(), nn.Threshold(9e9, torch.nan))),
            torch.ones(2, 4),
            torch.sum,
            "the output of 1.1 (Threshold) is not finite",
            id="inner-module",
        ),
        pytest.param(
            mlp(), torch.ones(2, 64), lambda out: (out.sum() * 0 - 1).log(), "the loss is not finite", id="loss"
        ),
        pytest.param(SqrtAtZero(), torch.ones(2, 1), torch.sum, "the gradient of scale is not finite", id="gradient"),
        pytest.param(
            nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 5)),
            torch.ones(2, 4),
            torch.sum,
            "1 (Linear) raises RuntimeError",
            id="raises",
        ),
        pytest.param(mlp(), torch.ones(2, 64), torch.sum, "everything is finite again", id="well"),
    ],
)
def test_place_of_the_first_bad_number(model, data, loss, expected):
    """Input, output of a module, loss, gradient; an error is placed in the innermost module."""
    norms = GradientNorms(model, list(model.parameters()))

    assert expected == locate(model, (data,), run_it(model, loss), norms)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_bad_weights_are_named():
    """Parameters with NaN or Inf, and buffers with NaN; a mask of -inf is a buffer as it should be."""
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model.register_buffer("mask", torch.full((2,), -torch.inf))

    assert first_bad_weight(model) is None

    model[1].running_var[0] = torch.nan
    assert "buffer 1.running_var holds NaN" == first_bad_weight(model)

    with torch.no_grad():
        model[0].bias[1] = torch.inf
    assert "weight 0.bias is not finite" == first_bad_weight(model)


def test_minus_infinity_in_an_output_is_no_fault():
    """Attention scores are masked with it, softmax takes it well."""

    class Masked(nn.Module):
        def forward(self, scores):
            return scores.masked_fill(torch.tensor([True, False]), -torch.inf)

    model = nn.Sequential(nn.Linear(2, 2), Masked(), nn.Softmax(1), nn.Threshold(9e9, torch.nan))
    norms = GradientNorms(model, list(model.parameters()))

    assert "the output of 3 (Threshold) is not finite" == locate(model, (torch.ones(1, 2),), run_it(model), norms)
