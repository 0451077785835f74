"""Attempts at learning a few rows by heart."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.learning import learn_by_heart, without_dropout
from autofix_nb.finding import NotApplicable
from tests.cases import mlp, small_loader
from tests.checks.subjects import subject


def attempts(model, rates=(3e-3, 1e-3), steps=30, seconds=60.0):
    return learn_by_heart(subject(model, small_loader(batch_size=16)), 8, rates, steps, seconds, 0.1)


def test_stops_at_the_rate_that_does_it():
    """The others are not tried."""
    tried = attempts(mlp(4, 3), rates=(1e-7, 1e-2, 1e-3), steps=200)

    assert [1e-7, 1e-2] == [attempt.rate for attempt in tried]
    assert [False, True] == [attempt.learnt for attempt in tried]


def test_each_attempt_begins_anew():
    """From the same weights."""
    first, second = attempts(mlp(4, 3), rates=(1e-6, 1e-7))

    assert first.losses[0] == second.losses[0]
    assert 31 == len(first.losses)


def test_without_time_it_ends():
    """And says that it did not come to its end."""
    (tried,) = attempts(mlp(4, 3), rates=(1e-6,), seconds=1e-9)

    assert tried.out_of_time
    assert not tried.learnt


def test_a_model_that_cannot_be_copied_is_not_trained():
    """It would be the user's own."""
    model = mlp(4, 3)
    model.lock = (one for one in ())

    with pytest.raises(NotApplicable, match="cannot be copied"):
        attempts(model)


def test_dropout_is_off_everywhere():
    """As a layer, inside recurrence and attention."""
    model = nn.Sequential(
        nn.Dropout(0.5), nn.LSTM(4, 4, num_layers=2, dropout=0.3), nn.MultiheadAttention(4, 2, dropout=0.2)
    )

    without_dropout(model)

    assert [0, 0, 0] == [model[0].p, model[1].dropout, model[2].dropout]


def test_random_streams_stay():
    """Learning draws from streams of its own."""
    model = nn.Sequential(nn.Dropout(0.5), mlp(4, 3))
    before = torch.get_rng_state()

    attempts(model)

    assert torch.equal(before, torch.get_rng_state())
