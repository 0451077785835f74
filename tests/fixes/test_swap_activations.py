"""Activations through which gradients pass take the place of those through which they do not."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.swap_activations import SwapActivations
from tests.fixes.test_surgery import Functional, Tied, answer, trained
from tests.runs import finding


def plans(model, **fields):
    run = trained(model, steps=0)
    return run, SwapActivations().plans(finding(**fields), run)


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (nn.Sigmoid, [("gelu", None, False), ("selu", "lecun", True), ("leaky_relu", "he", True)]),
        (nn.ReLU, [("leaky_relu", None, False), ("selu", "lecun", True), ("leaky_relu", "he", True)]),
        (nn.GELU, []),
    ],
)
def test_what_is_tried(old, expected):
    """What can go on from the weights there are first; what needs other weights begins with them."""
    _, found = plans(nn.Sequential(nn.Linear(4, 4), old(), nn.Linear(4, 3)))

    assert expected == [(one.after["activation"], one.after["initialisation"], one.after["fresh"]) for one in found]


def test_modules_are_exchanged_in_place():
    """Wherever the same one stands, in the same order; saturating ones first where there are several kinds."""
    tanh = nn.Tanh()
    model = nn.Sequential(nn.Linear(4, 4), tanh, nn.Linear(4, 4), tanh, nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    run, found = plans(model)
    SwapActivations().apply(found[0], run)

    assert "gelu takes the place of tanh in `1`" == found[0].says
    assert model[1] is model[3]
    assert [nn.Linear, nn.GELU, nn.Linear, nn.GELU, nn.Linear, nn.ReLU, nn.Linear] == list(map(type, model))


def test_the_answers_activation_stays():
    """Also where the same module is called between the layers."""
    torch.manual_seed(0)
    for model in (Tied(), Functional()):
        run, found = plans(model)
        before = answer(run)
        SwapActivations().apply(found[0], run)
        after = answer(run)

        assert not torch.equal(before, after)
        assert float(after.min()) >= 0
        assert found[0].after["places"]


def test_weights_come_with_selu():
    """LeCun's, the same for the same finding."""
    model = nn.Sequential(nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 3))
    run, found = plans(model, step=9)
    fix = SwapActivations()
    fix.apply(found[1], run)

    assert abs(float(model[0].weight.detach().std()) - 0.5) < 0.03
    assert 9 == found[1].after["seed"]
    assert found[1].says.endswith("with weights drawn anew after LeCun")


def test_the_code_to_type_makes_the_same():
    """In a cell after the model."""
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 3))
    before = model[0][0].weight.detach().clone()
    _, found = plans(model)
    with torch.no_grad():
        model[0][0].bias.fill_(9.0)
    exec(found[1].permanent, {"model": model, "nn": nn})  # noqa: S102

    assert nn.SELU is type(model[0][1])
    assert float(model[0][0].bias.detach().abs().max()) <= 0.5
    assert not torch.equal(before, model[0][0].weight)


def test_what_a_forward_calls_is_said_in_words():
    """There is no line for it."""
    _, found = plans(Functional())

    assert "# in `forward`: nn.LeakyReLU(0.1)(x) in the place of relu" == found[0].permanent
