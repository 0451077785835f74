"""Rows run again, and in other company."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.mixing import look_at_mixing
from tests.cases import mlp
from tests.checks.subjects import subject

ROWS = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))


class Longest(nn.Module):
    """Cuts its output to the longest row, which is a property of the batch."""

    def forward(self, rows):
        return rows[:, : int((rows != 0).sum(1).max())] * 2.0


class Lagging(nn.Module):
    """Each row gets something of the one before."""

    def forward(self, rows):
        return rows + torch.cat([rows[:1] * 0, rows[:-1]])


def looked_at(model, rows=ROWS):
    return look_at_mixing(subject(model, [(rows, torch.zeros(len(rows)).long())]), 4, 1e-4)


def test_the_first_and_the_last_row_are_looked_at():
    """What goes one way shows in the last one only."""
    company = looked_at(nn.Sequential(nn.Linear(4, 4), Lagging(), nn.Linear(4, 3))).company

    assert [0, 3] == [one.row for one in company]
    assert 0 == company[0].share
    assert ("1", "Lagging") == (company[1].first_module, company[1].first_kind)


def test_shorter_outputs_are_compared_where_both_are():
    """Padding to the longest is no leak."""
    rows = torch.tensor([[1.0, 0, 0, 0], [1, 2, 0, 0], [1, 2, 3, 4], [1, 2, 3, 0]])

    assert [0, 0] == [one.share for one in looked_at(nn.Sequential(Longest()), rows).company]


def test_nothing_stays_on_the_model():
    """No hooks, no mode, no gradient."""
    one = subject(mlp(4, 3), [(ROWS, torch.zeros(8).long())])
    one.model.train()

    look_at_mixing(one, 4, 0.0)

    assert one.model.training
    assert not any(part._forward_hooks for part in one.model.modules())


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_tokens_are_rows_too(dtype):
    """No gradient is needed."""
    tokens = (torch.arange(24).reshape(6, 4) % 10).to(dtype)
    model = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(16, 3))

    assert 2 == len(looked_at(model, tokens).company)
