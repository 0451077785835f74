"""Weights are drawn by rules, from a stream of their own."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from autofix_nb.fixes.drawing import FEW_INPUTS, draw, measured_scales, rules_for, weights_of
from autofix_nb.fixes.tracing import look
from tests.runs import _deep_bits


def deep(activation, width=40, depth=6):
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(*layers, nn.Linear(width, 3))


def rules_of(model, rows):
    return rules_for(model, look(model, rows))


ROWS = torch.randn(256, 40, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("activation", "rule", "spread"),
    [
        (nn.ReLU, "he", math.sqrt(2 / 40)),
        (nn.GELU, "he", math.sqrt(2 / 40)),
        (nn.Tanh, "xavier", math.sqrt(2 / 80)),
        (nn.SELU, "lecun", math.sqrt(1 / 40)),
    ],
)
def test_the_activation_decides(activation, rule, spread):
    """The last layer, which has none, is drawn after Glorot."""
    model = deep(activation)
    rules = rules_of(model, ROWS)
    draw(model, rules, 7)

    assert [rule] * 6 + ["xavier"] == list(rules.values())
    assert abs(float(model[2].weight.detach().std()) / spread - 1) < 0.06


@pytest.mark.parametrize("layer", [nn.Linear(5, 40), nn.Conv1d(2, 40, 3), nn.ConvTranspose1d(40, 2, 3)], ids=repr)
def test_units_bend_at_different_places(layer):
    """Biases are spread as torch spreads them, so that units of one or two inputs differ in more than their slope."""
    torch.manual_seed(0)
    layer.reset_parameters()
    as_torch = float(layer.bias.detach().abs().max())
    draw(layer, {"": "he"}, 3)
    drawn = layer.bias.detach()

    assert len(drawn) == len(set(drawn.tolist()))
    assert 0.5 < float(drawn.abs().max()) / as_torch < 2


def test_of_many_inputs_biases_begin_at_nought():
    """There the inputs differ enough."""
    layer = nn.Linear(FEW_INPUTS + 1, 40)
    draw(layer, {"": "he"}, 3)

    assert not layer.bias.any()


@given(st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_the_seed_decides_and_no_other_stream_is_drawn_from(seed):
    """The same numbers for the same seed, others for another."""
    drawn = []
    for one in (seed, seed, seed + 1):
        model = deep(nn.ReLU, width=4, depth=1)
        before = torch.get_rng_state()
        draw(model, rules_of(model, ROWS[:, :4]), one)

        assert torch.equal(before, torch.get_rng_state())
        drawn.append(_deep_bits(model.state_dict()))
    assert drawn[0] == drawn[1] != drawn[2]


def test_recurrent_weights_are_orthogonal():
    """Each gate's for itself, and the forget gates of an LSTM begin open."""
    model = nn.LSTM(3, 5)
    draw(model, {"": "its own"}, 1)
    gates = model.weight_hh_l0.detach().split(5)

    assert all(torch.allclose(gate @ gate.T, torch.eye(5), atol=1e-5) for gate in gates)
    assert [0.0, 1.0, 0.0, 0.0] == [float(part.mean()) for part in model.bias_ih_l0.detach().split(5)]


def test_shared_weights_are_drawn_once_and_frozen_ones_stay():
    """By the rule of the layer that comes first."""
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    model[4].requires_grad_(False)
    kept = model[4].weight.clone()
    rules = rules_of(model, torch.randn(5, 4))
    draw(model, rules, 3)
    once = model[0].weight.detach().clone()
    draw(model, {"0": "he"}, 3)

    assert ["0", "2"] == list(rules)
    assert 3 == len(weights_of(model, rules))
    assert torch.equal(once, model[0].weight)
    assert torch.equal(kept, model[4].weight)


class Matrices(nn.Module):
    """A weight that is multiplied by the user's own hand, beside one that is added."""

    def __init__(self):
        super().__init__()
        self.weight, self.place = nn.Parameter(torch.zeros(4, 3)), nn.Parameter(torch.zeros(5, 3))

    def forward(self, rows):
        return rows @ self.weight + self.place


def test_weights_without_a_layer_are_drawn_where_they_multiply():
    """A table that is only added is left alone."""
    assert {"weight": "xavier"} == rules_of(Matrices(), torch.randn(5, 4))


def test_normalisations_begin_anew():
    """Their scales and their running statistics."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    model(torch.randn(9, 4) * 50 + 7)
    draw(model, rules_of(model, torch.randn(5, 4)), 0)

    assert ([0.0] * 4, 0) == (model[1].running_mean.tolist(), int(model[1].num_batches_tracked))


def test_measured_scales_give_every_layer_sums_of_variance_one():
    """On the batch that they were measured on, counted a second way; measuring changes nothing."""
    model = deep(nn.ReLU)
    rules = rules_of(model, ROWS)
    before = _deep_bits([model.state_dict(), torch.get_rng_state()])
    scales = measured_scales(model, rules, 5, ROWS)

    assert before == _deep_bits([model.state_dict(), torch.get_rng_state()])
    draw(model, rules, 5, scales)
    values = ROWS
    for layer in model:
        values = layer(values)
        if isinstance(layer, nn.Linear):
            assert abs(float(values.detach().std()) - 1) < 1e-3


def test_a_table_of_single_numbers_is_one_of_biases():
    """Each begins at 0, where a vector begins with the length 1."""
    net = nn.ModuleDict({"bias": nn.Embedding(50, 1), "vector": nn.Embedding(50, 16)})
    draw(net, {"bias": "its own", "vector": "its own"}, seed=0)

    assert 0.0 == float(net["bias"].weight.detach().abs().max())
    assert float(net["vector"].weight.detach().norm(dim=1).mean()) == pytest.approx(1.0, abs=0.2)
