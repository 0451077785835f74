"""Seconds a batch takes."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.speed import Speed, speed_of
from tests.cases import digits_loaders, mlp
from tests.checks.subjects import subject


@pytest.mark.parametrize(
    ("workers", "expected"),
    [pytest.param(0, 0.7, id="one-after-the-other"), pytest.param(2, 0.3, id="workers-share"), pytest.param(9, 0.1)],
)
def test_workers_load_while_the_model_learns(workers, expected):
    """The slower of both counts."""
    assert pytest.approx(expected) == Speed(rows=1, load=0.6, step=0.1, workers=workers, batches=1).batch


def test_workers_that_might_be_had():
    """The same sum for a number of them that is only thought of."""
    assert pytest.approx(0.2) == Speed(rows=1, load=0.6, step=0.1, workers=0, batches=1).batch_with(3)


def test_a_loader_is_measured():
    """All numbers are there."""
    speed = speed_of(subject(mlp(), *digits_loaders()), 1.0)

    assert (32, 44, 0) == (speed.rows, speed.batches, speed.workers)
    assert 0 < speed.load
    assert 0 < speed.step


def test_a_source_without_a_length_is_measured_too():
    """It has no epoch that could be told."""

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(torch.zeros(8, 4), torch.zeros(8).long())] * 3)

    loader = torch.utils.data.DataLoader(Endless(), batch_size=None)

    assert speed_of(subject(mlp(4, 3), loader), 1.0).batches is None


def test_a_length_that_raises_is_not_known():
    """Whatever a `__len__` of the user's own raises; the look goes on without the epoch's length."""

    class Endless(list):
        def __len__(self):
            raise NotImplementedError("streams have no length")

    batches = Endless([(torch.zeros(8, 4), torch.zeros(8, dtype=torch.long))] * 3)

    assert speed_of(subject(nn.Linear(4, 2), batches), 5.0).batches is None
