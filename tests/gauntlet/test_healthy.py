"""The healthy cases are what they say: many, quick, the same each time, and able to learn."""

from itertools import islice

import pytest
import torch

from tests.gauntlet.arms.base import batches, planned_steps
from tests.gauntlet.healthy import CASES

FEWEST, MOST = 100, 1000
"""Optimizer steps of a case."""


def test_there_are_many_of_them_under_names_of_their_own():
    """A name is an address."""
    assert len(CASES) >= 42
    assert len(CASES) == len({case.name for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_healthy_case_has_no_illness_and_starts_the_same_each_time(case):
    """The same seed gives the same weights and batches; a first step has a finite loss and moves something."""
    first, second = case.make(3), case.make(3)
    losses = []
    for training in (first, second):
        torch.manual_seed(3)
        batch = next(islice(batches(training, 3, 0), 1))
        loss = training.plain_loss(batch)
        loss.backward()
        losses.append(loss.detach())
    weights = [list(training.model.state_dict().values()) for training in (first, second)]
    moved = [parameter for group in first.optimizer.param_groups for parameter in group["params"]]

    assert ((), "healthy", None) == (case.codes, case.aim, case.twin)
    assert FEWEST <= planned_steps(first) <= MOST
    assert bool(losses[0].isfinite())
    assert torch.equal(*losses)
    assert all(torch.equal(left, right) for left, right in zip(*weights, strict=True))
    assert any(parameter.grad is not None and bool(parameter.grad.norm() > 0) for parameter in moved)
    assert 0 <= first.score(first.model, None) <= 100
