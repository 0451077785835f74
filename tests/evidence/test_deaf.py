"""A loss is deaf to answers that get a gradient of exactly 0 whatever they are; what its value leaves out is heard."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.deaf import FEWEST_ROWS, deaf_to

DICE = torch.Generator().manual_seed(1)
COLUMN = torch.randn(16, 1, generator=DICE)
THREE = torch.randn(16, 3, generator=DICE)
NUMBERS = torch.randn(16, 3, generator=DICE)
YES = (torch.arange(16) % 3 > 0).float()[:, None]
TAGS = torch.stack([torch.arange(16) % 2, torch.arange(16) % 3 == 0, torch.arange(16) % 5 < 3], 1).float()
ONE_HOT = functional.one_hot(torch.arange(16) % 3, 3).float()
IDS = torch.arange(16) % 3


def of_yes_alone(outputs, targets):
    return -(targets * functional.logsigmoid(outputs)).mean()


def of_no_alone(outputs, targets):
    each = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    return (each * (1 - targets)).mean()


def likelihood_of_yes(outputs, targets):
    return -(targets * outputs.log()).mean()


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "bounded", "expected"),
    [
        pytest.param(lambda o, t: functional.mse_loss(o[0], t[0]), THREE, NUMBERS, False, "to_rows", id="first-row"),
        pytest.param(lambda o, t: functional.cross_entropy(o[:2], t[:2]), THREE, IDS, False, "to_rows", id="two-rows"),
        pytest.param(lambda o, t: functional.mse_loss(o[-1], t[-1]), THREE, NUMBERS, False, "to_rows", id="last-row"),
        pytest.param(
            lambda o, t: functional.mse_loss(o[:, 1], t[:, 1]), THREE, NUMBERS, False, "to_columns", id="one-column"
        ),
        pytest.param(of_yes_alone, COLUMN, YES, False, "to_one_side", id="yes-alone"),
        pytest.param(of_yes_alone, THREE, TAGS, False, "to_one_side", id="yes-of-several-alone"),
        pytest.param(of_no_alone, COLUMN, YES, False, "to_one_side", id="no-alone"),
        pytest.param(likelihood_of_yes, COLUMN.sigmoid(), YES, True, "to_one_side", id="likelihood-without-its-no"),
        pytest.param(nn.MSELoss(), THREE, NUMBERS, False, "", id="squares"),
        pytest.param(nn.CrossEntropyLoss(), THREE, IDS, False, "", id="cross-entropy"),
        pytest.param(nn.CrossEntropyLoss(ignore_index=0), THREE, IDS, False, "", id="an-ignored-class"),
        pytest.param(nn.BCEWithLogitsLoss(), COLUMN, YES, False, "", id="yes-or-no"),
        pytest.param(nn.BCELoss(), COLUMN.sigmoid(), YES, True, "", id="probabilities"),
        pytest.param(nn.MultiLabelSoftMarginLoss(), THREE, TAGS, False, "", id="several-labels"),
        pytest.param(likelihood_of_yes, THREE.softmax(1), ONE_HOT, True, "", id="one-of-many"),
        pytest.param(nn.MultiMarginLoss(), THREE, IDS, False, "", id="margins"),
        pytest.param(
            lambda o, t: functional.mse_loss(o[:8], t[:8]), THREE, NUMBERS, False, "", id="half-a-batch-on-purpose"
        ),
        pytest.param(lambda o, t: o[t > 0].square().mean(), THREE, NUMBERS, False, "", id="rows-by-their-value"),
        pytest.param(
            lambda o, t: functional.mse_loss(o[:, :2], t[:, :2]),
            THREE,
            torch.cat([NUMBERS[:, :2], torch.zeros(16, 1)], 1),
            False,
            "",
            id="a-column-without-targets",
        ),
    ],
)
def test_what_a_loss_is_deaf_to(loss, outputs, targets, bounded, expected):
    """Told by the gradient, at answers of several sizes."""
    assert expected == deaf_to(loss, outputs, targets, bounded=bounded)


def test_few_rows_tell_nothing():
    """One row of three may be all that there is to hear."""
    rows = FEWEST_ROWS - 1

    assert deaf_to(lambda o, t: functional.mse_loss(o[0], t[0]), THREE[:rows], NUMBERS[:rows]) == ""


def test_a_loss_that_refuses_says_nothing():
    """Made-up answers may be of the wrong kind for it."""

    def refuses(outputs, targets):
        raise ValueError("outputs of my own kind only")

    assert deaf_to(refuses, THREE, NUMBERS) == ""
