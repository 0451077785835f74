"""What a loss pulls towards is told by asking it; one that is lower for right answers is left alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.direction import FEWEST_ROWS, odd_pull

DICE = torch.Generator().manual_seed(0)
SCORES = torch.randn(16, 4, generator=DICE)
IDS = torch.arange(16) % 4
COLUMN = torch.randn(16, 1, generator=DICE)
YES = (torch.arange(16) % 3 > 0).float()[:, None]
NUMBERS = torch.randn(16, 1, generator=DICE)
DEAR = torch.tensor([1.0, 5.0, 2.0, 9.0])


def likelihood(outputs, ids):
    """As high as can be: the minus is missing."""
    return outputs.gather(1, ids[:, None]).mean()


def hinge(outputs, targets):
    return (1 - outputs * targets).clamp(min=0).mean()


def squared_hinge(outputs, targets):
    return (1 - outputs.flatten() * targets.flatten()).clamp(min=0).square().mean()


def number_of_the_class(outputs, ids):
    numbers = torch.arange(outputs.shape[1], dtype=outputs.dtype)
    return (outputs.softmax(1) @ numbers - ids).abs().mean()


def each_to_the_number(outputs, ids):
    return (outputs - ids[:, None]).square().mean()


def error_of_the_mean(outputs, targets):
    return (outputs.mean() - targets.mean()).square()


def far_apart(one, other):
    return (one[:, None] - other[None]).norm(dim=-1).mean()


def energy_distance(outputs, targets):
    return 2 * far_apart(outputs, targets) - far_apart(outputs, outputs) - far_apart(targets, targets)


def each_with_each(outputs, targets):
    return (outputs.flatten()[:, None] - targets.flatten()[None]).square().mean()


def refuses(outputs, targets):
    raise ValueError("outputs of my own kind only")


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "ends_in", "expected"),
    [
        pytest.param(likelihood, SCORES.log_softmax(1), IDS, "log_softmax", "turned", id="likelihood-of-logarithms"),
        pytest.param(likelihood, SCORES.softmax(1), IDS, "softmax", "turned", id="likelihood-of-probabilities"),
        pytest.param(lambda o, t: -nn.CrossEntropyLoss()(o, t), SCORES, IDS, "", "turned", id="minus-cross-entropy"),
        pytest.param(lambda o, t: -nn.BCEWithLogitsLoss()(o, t), COLUMN, YES, "", "turned", id="minus-yes-or-no"),
        pytest.param(lambda o, t: -nn.BCELoss()(o, t), COLUMN.sigmoid(), YES, "sigmoid", "turned", id="minus-sigmoid"),
        pytest.param(lambda o, t: -nn.MSELoss()(o, t), COLUMN, NUMBERS, "", "turned", id="minus-squares"),
        pytest.param(hinge, COLUMN, YES, "", "signs", id="hinge-of-noughts"),
        pytest.param(squared_hinge, COLUMN, YES, "", "signs", id="squared-hinge-of-noughts"),
        pytest.param(nn.SoftMarginLoss(), COLUMN, YES, "", "signs", id="soft-margin-of-noughts"),
        pytest.param(number_of_the_class, SCORES, IDS, "", "class_numbers", id="number-of-the-class"),
        pytest.param(each_to_the_number, SCORES, IDS, "", "class_numbers", id="each-to-the-number"),
        pytest.param(error_of_the_mean, COLUMN, NUMBERS, "", "unpaired", id="error-of-the-mean"),
        pytest.param(nn.CrossEntropyLoss(), SCORES, IDS, "", "", id="cross-entropy"),
        pytest.param(nn.CrossEntropyLoss(DEAR), SCORES, IDS, "", "", id="weighted-cross-entropy"),
        pytest.param(nn.NLLLoss(), SCORES.log_softmax(1), IDS, "log_softmax", "", id="likelihood-with-its-minus"),
        pytest.param(nn.MultiMarginLoss(), SCORES, IDS, "", "", id="margins-of-classes"),
        pytest.param(nn.BCEWithLogitsLoss(), COLUMN, YES, "", "", id="yes-or-no"),
        pytest.param(nn.BCEWithLogitsLoss(), COLUMN, torch.ones(16, 1), "", "", id="nothing-but-yes"),
        pytest.param(hinge, COLUMN, 2 * YES - 1, "", "", id="hinge-of-signs"),
        pytest.param(nn.MSELoss(), COLUMN, YES, "", "", id="squares-of-yes-or-no"),
        pytest.param(nn.MSELoss(), COLUMN, NUMBERS, "", "", id="squares"),
        pytest.param(nn.PoissonNLLLoss(), COLUMN, NUMBERS.abs(), "", "", id="counts"),
        pytest.param(energy_distance, COLUMN, NUMBERS, "", "", id="two-clouds-by-right"),
        pytest.param(each_with_each, COLUMN, NUMBERS, "", "", id="stretched-has-another-name"),
        pytest.param(lambda o, t: o.square().mean(), COLUMN, NUMBERS, "", "", id="reads-no-target"),
        pytest.param(refuses, COLUMN, NUMBERS, "", "", id="refuses"),
        pytest.param(likelihood, SCORES[: FEWEST_ROWS - 1], IDS[: FEWEST_ROWS - 1], "", "", id="too-few-rows"),
        pytest.param(likelihood, [SCORES], IDS, "", "", id="several-outputs"),
    ],
)
def test_what_is_odd_about_a_loss(loss, outputs, targets, ends_in, expected):
    """Only what is lowest for wrong answers, or for one and the same, has a name."""
    assert expected == odd_pull(loss, outputs, targets, ends_in)


def test_grades_in_order_are_told_by_steps_from_both_ends():
    """A matrix of costs of the user's own, dear in no order of the numbers, is left alone."""
    costs = torch.tensor([[0.0, 5.0, 1.0, 3.0], [5.0, 0.0, 2.0, 1.0], [1.0, 2.0, 0.0, 4.0], [3.0, 1.0, 4.0, 0.0]])

    assert "" == odd_pull(lambda o, t: (o.softmax(1) * costs[t]).sum(1).mean(), SCORES, IDS)


def test_asking_leaves_no_trace():
    """Neither outputs nor targets are changed, and no graph is built."""
    outputs, targets = COLUMN.clone().requires_grad_(), YES.clone()
    odd_pull(functional.soft_margin_loss, outputs, targets)

    assert torch.equal(COLUMN, outputs)
    assert torch.equal(YES, targets)
    assert outputs.grad is None
