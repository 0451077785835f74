"""The cross-entropy of one class a row is known where rows hold several yeses; shares and contrasts are left alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.several import MOST_LABELS, several_as_one

DICE = torch.Generator().manual_seed(2)
SCORES = torch.randn(24, 5, generator=DICE)
TAGS = (torch.rand(24, 5, generator=DICE) < 0.4).float()
ONE_HOT = functional.one_hot(torch.arange(24) % 5, 5).float()
SQUARE = (torch.arange(24)[:, None] % 4 == torch.arange(24)[None] % 4).float()


def own(outputs, targets):
    return -(targets * outputs.log_softmax(1)).sum(1).mean()


def in_shares(outputs, targets):
    return own(outputs, targets / targets.sum(1, keepdim=True).clamp_min(1))


def divergence(outputs, targets):
    return functional.kl_div(outputs.log_softmax(1), targets, reduction="batchmean")


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "expected"),
    [
        pytest.param(nn.CrossEntropyLoss(), SCORES, TAGS, True, id="cross-entropy"),
        pytest.param(nn.CrossEntropyLoss(reduction="sum"), SCORES, TAGS, True, id="its-sum"),
        pytest.param(own, SCORES, TAGS, True, id="written-by-hand"),
        pytest.param(divergence, SCORES, TAGS, True, id="divergence"),
        pytest.param(nn.CrossEntropyLoss(), SCORES, ONE_HOT, False, id="one-yes-a-row"),
        pytest.param(nn.CrossEntropyLoss(), SCORES, TAGS.softmax(1), False, id="shares"),
        pytest.param(in_shares, SCORES, TAGS, False, id="weighed-to-shares"),
        pytest.param(nn.CrossEntropyLoss(), torch.zeros(24, 24), SQUARE, False, id="rows-by-rows"),
        pytest.param(nn.BCEWithLogitsLoss(), SCORES, TAGS, False, id="each-by-itself"),
        pytest.param(nn.MSELoss(), SCORES, TAGS, False, id="squares"),
        pytest.param(
            nn.CrossEntropyLoss(),
            torch.zeros(24, MOST_LABELS + 1),
            (torch.arange(24 * (MOST_LABELS + 1)).reshape(24, -1) % 3 == 0).float(),
            False,
            id="a-basket-of-many",
        ),
        pytest.param(lambda o, t: o.missing, SCORES, TAGS, False, id="a-loss-that-raises"),
    ],
)
def test_several_yeses_in_a_loss_of_one_class(loss, outputs, targets, expected):
    """By what the loss gives, not by its name."""
    assert expected == several_as_one(loss, outputs, targets)
