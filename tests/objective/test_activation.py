"""The last activation is read from the graph, not guessed from values."""

import pytest
import torch
from torch import nn

from autofix_nb.objective import ends_linearly, infer_task, is_softmax_of_softmax, last_activation

VALUES = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.softmax(1), "softmax"),
        (lambda x: x.softmax(1).reshape(3, 12).T, "softmax"),
        (lambda x: x.log_softmax(1), "log_softmax"),
        (lambda x: x.sigmoid().squeeze(), "sigmoid"),
        (lambda x: x.relu() + 1, ""),
        (lambda x: x.detach(), ""),
    ],
)
def test_it_is_found_past_changes_of_the_shape(function, expected):
    """And no other operation is taken for one."""
    assert expected == last_activation(function(VALUES.clone().requires_grad_() * 2))


@pytest.mark.parametrize(
    "end", [nn.Linear(3, 1), nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))], ids=["(N, 1)", "(N,)"]
)
def test_a_linear_end_has_no_bounds(end):
    """Whatever its values are at the moment."""
    assert ends_linearly(end(VALUES))
    assert not ends_linearly(end(VALUES).sigmoid())


def test_logits_between_0_and_1_are_logits():
    """Those of an untrained network may all lie there by chance, and leave it with the first steps."""
    layer = nn.Linear(3, 1)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, 0.3)
    targets = torch.tensor([0.0, 1.0] * 6)[:, None]

    assert "probabilities" not in infer_task(layer(VALUES), targets).says
    assert "probabilities" in infer_task(layer(VALUES).sigmoid(), targets).says
    assert "probabilities" in infer_task(torch.full((12, 1), 0.3), targets).says


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(lambda values: values.softmax(1).softmax(1), True, id="twice"),
        pytest.param(lambda values: values.softmax(1), False, id="once"),
        pytest.param(lambda values: (2 * values.softmax(1)).softmax(1), False, id="with-a-factor-between"),
    ],
)
def test_a_softmax_of_a_softmax_is_told(function, expected):
    """Only where nothing lies between that could give the second one its range back."""
    values = torch.ones(4, 3, requires_grad=True) * 2

    assert expected == is_softmax_of_softmax(function(values))
