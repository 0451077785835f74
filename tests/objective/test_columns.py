"""Columns in units of their own count alike, and those that are much alike are left as they are."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from autofix_nb.objective import Task, Treatment, treated
from autofix_nb.objective.columns import APART, MOST, name_of

ANSWERS = torch.linspace(-2, 2, 24).reshape(8, 3)
TARGETS = ANSWERS.flip(0) + 0.3


@given(st.lists(st.floats(1e-4, 1e4), min_size=3, max_size=3))
def test_the_loss_is_that_of_columns_in_their_own_units(spreads):
    """Whatever the units are, it is the one that all columns of spread 1 would have."""
    spreads[2] = 2 * APART * max(spreads)
    task = Task(kind="regression", loss=functional.mse_loss, says="")
    loss = treated(task, Treatment(loss=name_of(spreads)))
    units = torch.tensor(spreads)
    expected = float(functional.mse_loss(ANSWERS, TARGETS))

    assert float(loss(ANSWERS * units, TARGETS * units)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "spreads",
    [[5.0], [1.0, APART], [0.0, 1.0], [1.0, *[2 * APART] * MOST]],
    ids=["one", "much-alike", "always-the-same", "too-many"],
)
def test_others_keep_their_loss(spreads):
    """One column has no other beside it, and a column that never varies has no unit."""
    assert "" == name_of(spreads)
