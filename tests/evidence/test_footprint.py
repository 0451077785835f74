"""How many bytes a training asks for."""

import torch
from torch import nn

from autofix_nb.evidence.footprint import (
    batch_bytes,
    checkpoint_bytes,
    parameter_count,
    training_bytes,
    weight_bytes,
)


def test_a_model_that_trains():
    """A checkpoint is three times the weights; gradients and state add three times the weights."""
    model = nn.Linear(9, 10)

    assert (100, 400, 1200, 1200) == (
        parameter_count(model),
        weight_bytes(model),
        checkpoint_bytes(model),
        training_bytes(model),
    )


def test_frozen_weights_have_no_state():
    """They are saved, and that is all."""
    model = nn.Linear(9, 10).requires_grad_(False)

    assert (400, 0) == (checkpoint_bytes(model), training_bytes(model))


def test_buffers_are_saved():
    """Those of batch norm, for one: mean and variance, and a count."""
    assert 4 * 16 + 8 == weight_bytes(nn.BatchNorm1d(4))


def test_lazy_layers_count_as_none():
    """Their size is not known before the first batch."""
    assert 0 == checkpoint_bytes(nn.LazyLinear(10))


def test_a_batch_in_any_form():
    """All tensors of it."""
    batch = {"image": torch.zeros(2, 3), "target": [torch.zeros(2, dtype=torch.int64), "name"]}

    assert 24 + 16 == batch_bytes(batch)
