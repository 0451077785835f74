"""Batch norms whose statistics for validation are none of the data's."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.norm_statistics import odd_momenta


@pytest.mark.parametrize(
    ("norm", "odd"),
    [
        pytest.param(lambda: nn.BatchNorm1d(4), False, id="as-made"),
        pytest.param(lambda: nn.BatchNorm2d(4, momentum=3e-4), False, id="long-trainings"),
        pytest.param(lambda: nn.BatchNorm1d(4, momentum=None), False, id="mean-of-all"),
        pytest.param(lambda: nn.BatchNorm1d(4, momentum=0.0, track_running_stats=False), False, id="of-the-batch"),
        pytest.param(lambda: nn.BatchNorm1d(4, momentum=0.0), True, id="never-follows"),
        pytest.param(lambda: nn.BatchNorm3d(4, momentum=0.99), True, id="the-last-batch-alone"),
        pytest.param(lambda: nn.LazyBatchNorm1d(momentum=0.0), False, id="no-shape-yet"),
    ],
)
def test_the_momentum_decides(norm, odd):
    """The share of what is new: all of it, or nothing."""
    assert odd == bool(odd_momenta(nn.Sequential(norm())))


def test_statistics_that_were_learnt_may_be_kept_as_they_are():
    """A momentum of 0 is how they are frozen on purpose."""
    model = nn.Sequential(nn.BatchNorm1d(4))
    model(torch.randn(32, 4, generator=torch.Generator().manual_seed(0)) + 1)
    model[0].momentum = 0.0

    assert {} == odd_momenta(model)
