"""What activation a loss is made for is told by asking it; losses that any answer suits are left alone."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.free_answers import is_held_back, wanted_link

DICE = torch.Generator().manual_seed(0)
SCORES = torch.randn(16, 4, generator=DICE)
COLUMN = torch.randn(16, 1, generator=DICE)
IDS = torch.arange(16) % 4
CHANCES = torch.randn(16, 4, generator=DICE).softmax(1)
YES = (torch.arange(16) % 3 == 0).float()[:, None]
SOUNDS = torch.randn(8, 10, 5, generator=DICE)
LETTERS = 1 + torch.arange(24).reshape(8, 3) % 4
MAPS = torch.randn(6, 1, 8, 8, generator=DICE)
MASKS = (torch.arange(384).reshape(6, 1, 8, 8) % 5 == 0).float()
COUNTS = torch.poisson(torch.full((16, 1), 2.0), generator=DICE)


def ctc(outputs, targets):
    lengths = torch.full((len(outputs),), outputs.shape[1])
    return functional.ctc_loss(outputs.transpose(0, 1), targets, lengths, torch.full((len(targets),), 3))


def dice(outputs, targets):
    return 1 - (2 * (outputs * targets).sum() + 1) / (outputs.sum() + targets.sum() + 1)


def overlap(outputs, targets):
    both = (outputs * targets).sum()
    return 1 - both / (outputs.sum() + targets.sum() - both + 1e-6)


def of_logarithms(outputs, targets):
    return -(targets * outputs.log() + (1 - targets) * (1 - outputs).log()).mean()


def focal(outputs, targets):
    chances = torch.where(targets > 0.5, outputs.sigmoid(), 1 - outputs.sigmoid())
    return ((1 - chances) ** 2 * -chances.log()).mean()


def critic(outputs, targets):
    return -(outputs * targets).mean()


def gamma(outputs, targets):
    return ((targets + 1) / outputs + outputs.log()).mean()


def of_their_logarithms(outputs, targets):
    return (outputs.clamp_min(1e-6).log() - targets.log()).square().mean()


def smoothed(outputs, targets):
    return -0.9 * outputs.gather(1, targets[:, None]).mean() - 0.1 * outputs.mean()


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "expected"),
    [
        pytest.param(nn.KLDivLoss(reduction="batchmean"), SCORES, CHANCES, "log_softmax", id="kl"),
        pytest.param(smoothed, SCORES, IDS, "log_softmax", id="smoothed-likelihood"),
        pytest.param(ctc, SOUNDS, LETTERS, "log_softmax_last", id="ctc"),
        pytest.param(dice, MAPS, MASKS, "sigmoid", id="dice"),
        pytest.param(overlap, MAPS, MASKS, "sigmoid", id="iou"),
        pytest.param(dice, SCORES, functional.one_hot(IDS, 4).float(), "softmax", id="dice-of-classes"),
        pytest.param(of_logarithms, COLUMN, YES, "sigmoid", id="own-cross-entropy"),
        pytest.param(partial(functional.poisson_nll_loss, log_input=False), COLUMN, COUNTS, "softplus", id="poisson"),
        pytest.param(gamma, -COLUMN.abs(), COUNTS, "", id="a-number-below-0-too"),
        pytest.param(nn.PoissonNLLLoss(), COLUMN, COUNTS, "", id="log-rates"),
        pytest.param(functional.cross_entropy, SCORES, IDS, "", id="cross-entropy"),
        pytest.param(functional.mse_loss, COLUMN, YES, "", id="squares"),
        pytest.param(functional.binary_cross_entropy_with_logits, COLUMN, YES, "", id="logits"),
        pytest.param(focal, MAPS, MASKS, "", id="focal-of-logits"),
        pytest.param(functional.soft_margin_loss, COLUMN, YES, "", id="margin"),
        pytest.param(critic, COLUMN, YES, "", id="critic"),
        pytest.param(critic, SCORES, CHANCES, "log_softmax", id="cross-entropy-with-shares"),
        pytest.param(lambda outputs, targets: dice(outputs.sigmoid(), targets), MAPS, MASKS, "", id="dice-of-logits"),
    ],
)
def test_the_activation_that_a_loss_is_made_for(loss, outputs, targets, expected):
    """Where the scores may have any size, nothing is missing."""
    assert expected == wanted_link(loss, outputs, targets)


@pytest.mark.parametrize(
    ("loss", "low", "targets", "expected"),
    [
        pytest.param(nn.PoissonNLLLoss(), 0.0, (COUNTS > 2).float(), True, id="log-rates-below-0"),
        pytest.param(nn.PoissonNLLLoss(), -20.0, COUNTS, False, id="log-rates-far-enough"),
        pytest.param(functional.mse_loss, 0.0, COUNTS, False, id="counts-are-above-0"),
        pytest.param(critic, 0.0, YES, False, id="it-never-settles"),
        pytest.param(functional.mse_loss, 0.0, -COUNTS, True, id="all-below"),
        pytest.param(of_their_logarithms, -1.0, 400 + COUNTS, True, id="far-beyond"),
    ],
)
def test_an_end_that_holds_answers_back(loss, low, targets, expected):
    """Only where the loss is clearly lower beyond it, and has a lowest value at all."""
    assert expected == is_held_back(loss, COLUMN, targets, low, -low if loss is of_their_logarithms else float("inf"))


def test_asking_draws_no_random_number():
    """The stream of the training goes on as if nobody had asked."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    wanted_link(ctc, SOUNDS, LETTERS)
    is_held_back(nn.PoissonNLLLoss(), COLUMN, COUNTS, 0.0, float("inf"))

    assert expected == torch.rand(1)
