"""Weights that no usual rule draws are known by their size and side, and usual ones never are."""

import itertools

import pytest
import torch
from torch import nn

from autofix_nb.evidence.odd_weights import TIMES, odd_weights

SIZES = (16, 64, 64, 10)


def dense(fill=None, *, norm=False):
    torch.manual_seed(0)
    layers = []
    for before, after in itertools.pairwise(SIZES):
        layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if norm else []), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    for layer in model:
        if fill is not None and isinstance(layer, nn.Linear):
            fill(layer.weight)
    return model


USUAL = {
    "torch": None,
    "he": nn.init.kaiming_normal_,
    "glorot": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "gpt": lambda weight: nn.init.normal_(weight, 0, 0.02),
}


@pytest.mark.parametrize("name", USUAL)
def test_what_is_usual_is_not_odd(name):
    """No rule that people draw by is suspected, in small layers either."""
    assert {} == odd_weights(dense(USUAL[name]))


@pytest.mark.parametrize(
    ("fill", "odd"),
    [
        pytest.param(lambda weight: nn.init.normal_(weight, 0, 0.003), "small", id="small"),
        pytest.param(lambda weight: nn.init.normal_(weight, 0, 8.0), "large", id="large"),
        pytest.param(lambda weight: nn.init.uniform_(weight, 0, 1), "large", id="all-above-zero"),
        pytest.param(nn.init.zeros_, "small", id="zeros"),
    ],
)
def test_what_no_rule_draws_is_odd(fill, odd):
    """Far too small, far too large, or on one side of 0; a last layer of zeros is no mistake."""
    found = odd_weights(dense(fill))

    assert {"0.weight", "2.weight"} <= found.keys()
    assert all((times >= TIMES) if odd == "large" else (times < 1 / TIMES) for times in found.values())
    assert fill is not nn.init.zeros_ or "4.weight" not in found


def test_a_normalisation_behind_takes_the_scale_out():
    """What each layer gives is brought back to one size, whatever its weights are."""
    assert {} == odd_weights(dense(lambda weight: nn.init.normal_(weight, 0, 8.0), norm=True))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_weights_are_measured_by_the_width_of_the_state(kind):
    """As torch draws them they are usual, orthogonal too; a twentieth of that is odd."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"memory": kind(3, 32)})
    usual = odd_weights(model)
    with torch.no_grad():
        model["memory"].weight_hh_l0.mul_(0.05)

    assert {} == usual
    assert ["memory.weight_hh_l0"] == list(odd_weights(model))


def test_frozen_weights_and_tables_are_left_alone():
    """What is frozen was meant so, and tables are drawn with any size."""
    model = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.Linear(64, 2))
    with torch.no_grad():
        model[0].weight.mul_(1e-3)
        model[1].weight.mul_(1e-3)
    model[1].weight.requires_grad_(False)

    assert {} == odd_weights(model)


def test_attention_is_measured_by_its_own_matrices():
    """They are no layer of their own, and a normalisation behind the whole block does not undo them."""
    torch.manual_seed(0)
    body = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    usual = odd_weights(body)
    with torch.no_grad():
        body.self_attn.in_proj_weight.mul_(40.0)

    assert {} == usual
    assert ["self_attn.in_proj_weight"] == list(odd_weights(body))
