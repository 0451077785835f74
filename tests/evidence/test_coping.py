"""What becomes of missing values on the way to the weights, and of values that are drawn anew."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from autofix_nb.evidence.coping import constant_as_loaded, coping_with
from tests.cases import Damaged, mlp
from tests.checks.subjects import scan, subject
from tests.checks.trainings import labels, numbers


class Fills(nn.Module):
    """Makes 0 of what is missing."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs):
        return self.layer(torch.nan_to_num(inputs))


class Filled(Damaged):
    """Fills in as it loads."""

    def __getitem__(self, index):
        inputs, target = super().__getitem__(index)
        return torch.nan_to_num(inputs), target


class Drawn(Dataset):
    """A column that never varies, and one of random numbers."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return torch.cat([torch.ones(1), torch.rand(1)]), 0


@pytest.mark.parametrize(
    ("model", "data", "says"),
    [
        pytest.param(Fills, Damaged, "but the model's outputs for them are finite", id="model"),
        pytest.param(lambda: mlp(4, 3), Filled, "but the transforms fill them in", id="loader"),
        pytest.param(lambda: mlp(4, 3), Damaged, "", id="nobody"),
        pytest.param(lambda: mlp(5, 3), Damaged, "", id="raises"),
    ],
)
def test_who_copes_with_missing_values(model, data, says):
    """Loader, model, or nobody."""
    train = DataLoader(data(numbers(48, 4), labels(48), nan=[3]), 8)

    assert says == coping_with(subject(model(), train), [3])


def test_what_is_drawn_anew_is_not_constant():
    """Though it was the same in all samples that were seen with the same random numbers."""
    told = scan(np.ones((20, 2)))

    assert [True, False] == constant_as_loaded(subject(None, DataLoader(Drawn(), 4)), told).tolist()
