"""What the first layer with weights gets."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.entrance import entrance_of, raised_at_the_entrance
from tests.cases import mlp, small_loader
from tests.checks.photos import pooled
from tests.checks.subjects import subject


class Halves(nn.Module):
    """Divides its inputs before the first layer."""

    def __init__(self):
        super().__init__()
        self.body = mlp(4, 3)

    def forward(self, rows):
        return self.body(rows / 2)


def test_what_the_model_does_first_is_seen():
    """The first layer gets halves."""
    entrance = entrance_of(subject(Halves()), torch.ones(2, 4))

    assert ("body.0", 0.5) == (entrance.name, float(entrance.tensor.max()))


def test_it_is_seen_also_where_the_layer_would_raise():
    """What it was called with came before."""
    entrance = entrance_of(subject(pooled()), torch.ones(2, 1, 8, 8))

    assert ("0", (2, 1, 8, 8)) == (entrance.name, tuple(entrance.tensor.shape))


def test_a_model_without_weights_has_none():
    """No layer is reached."""
    assert entrance_of(subject(nn.Sequential(nn.ReLU())), torch.ones(2, 4)) is None


def test_no_hook_is_left():
    """On the copy neither."""
    asked = subject(mlp(4, 3))
    entrance_of(asked, torch.ones(2, 4))

    assert not any(part._forward_pre_hooks for part in asked.model.modules())


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(lambda: mlp(5, 3), True, id="first-layer"),
        pytest.param(lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 3)), False, id="second-layer"),
    ],
)
def test_an_error_is_raised_at_the_entrance_or_behind_it(model, expected):
    """The first layer gets the inputs themselves."""
    asked = subject(model(), small_loader(), loss=nn.CrossEntropyLoss())

    assert expected == raised_at_the_entrance(asked, asked.trial.error)
