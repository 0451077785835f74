"""A loss that stretches outputs and targets is told from one that compares row with row."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.stretching import stretched_loss

OUTPUTS = torch.tensor([[0.0], [2.0]])
TARGETS = torch.tensor([0.0, 2.0])


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "expected"),
    [
        pytest.param(nn.MSELoss(), OUTPUTS, TARGETS, (2.0, 0.0), id="stretched"),
        pytest.param(nn.MSELoss(), OUTPUTS, TARGETS[:, None], None, id="of-one-shape"),
        pytest.param(nn.MSELoss(), OUTPUTS[:1], TARGETS[:1], None, id="one-row"),
        pytest.param(lambda o, t: ((o.flatten() - t.flatten()) ** 2).mean(), OUTPUTS, TARGETS, None, id="flattened"),
        pytest.param(nn.BCEWithLogitsLoss(), OUTPUTS, TARGETS, None, id="refused"),
    ],
)
def test_the_loss_as_it_is_and_as_it_would_be(loss, outputs, targets, expected):
    """Nothing where both shapes are compared row by row, or refused."""
    assert expected == stretched_loss(loss, outputs, targets)
