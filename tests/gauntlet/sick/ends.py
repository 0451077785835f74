"""Models that end otherwise than a loss of the user's own wants, and labels that it takes for something else."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, digits
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import adam, spoilt
from tests.gauntlet.sick.twins import CURVE, DIGITS


def smoothed_likelihood(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood with some smoothing, of log-probabilities."""
    return -0.9 * outputs.gather(1, targets[:, None]).mean() - 0.1 * outputs.mean()


def logarithm_of_the_cosh(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """A loss between squares and distances."""
    away = outputs - targets
    return (away + functional.softplus(-2 * away)).mean()


def by_row(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of each row, shape (N,)."""
    return functional.cross_entropy(outputs, targets, reduction="none")


def as_letters() -> Data:
    """The digits with the codes of letters as labels, to train and to validate on."""
    data = digits()
    return data._replace(targets=data.targets + 65, val_targets=data.val_targets + 65)


def by_letter(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right classes, the first output being that of the first letter."""
    return score.accuracy(model, data._replace(val_targets=data.val_targets - 65), threshold)


SMOOTHED = replace(
    DIGITS, net=lambda: dense(64, 64, 10, end=nn.LogSoftmax(1)), loss=lambda: smoothed_likelihood, optimizer=adam(5e-3)
)
COSH = replace(CURVE, loss=lambda: logarithm_of_the_cosh)

CASES = [
    spoilt(
        "likelihood_of_raw_scores_smoothed",
        "B08",
        SMOOTHED,
        "a smoothed likelihood of log-probabilities gets raw scores",
        net=lambda: dense(64, 64, 10),
    ),
    spoilt(
        "relu_before_a_loss_of_their_own",
        "B08",
        COSH,
        "a relu ends a regression around zero whose loss nobody knows",
        net=lambda: dense(10, 64, 1, end=nn.ReLU()),
    ),
    spoilt("letters_as_classes", "B04", DIGITS, "the labels are codes of letters", data=as_letters, score=by_letter),
    spoilt("a_loss_for_each_row", "B06 B08", DIGITS, "the loss is one number for each row", loss=lambda: by_row),
]
