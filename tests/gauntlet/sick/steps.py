"""Steps of the user's own: what they compare is hidden in them, and so is what is wrong with it."""

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import data, score
from tests.gauntlet.data import Data
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.score import answers
from tests.gauntlet.sick.twins import CURVE, DIGITS


class Coder(nn.Module):
    """A variational autoencoder of digits: answers, means and log-variances of eight codes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.codes = nn.Linear(64, 16)
        self.back = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        means, spreads = self.codes(self.body(inputs)).chunk(2, 1)
        drawn = means + torch.randn_like(means) * (0.5 * spreads).exp() if self.training else means
        return self.back(drawn), means, spreads


def coding(counts: float):
    """Return the step whose divergence counts so much."""

    def step(model: nn.Module, batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        rebuilt, means, spreads = model(batch[0])
        divergence = -0.5 * (1 + spreads - means.square() - spreads.exp()).sum(1).mean()
        return {"rebuilding": (rebuilt - batch[0]).square().sum(1).mean(), "divergence": counts * divergence}

    return step


def rebuilt(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of the variance of the pixels that is rebuilt, at least 0."""
    left = (answers(model, data.val_inputs)[0] - data.val_inputs).square().mean()
    explained = 1 - float(left / (data.val_inputs - data.val_inputs.mean(0)).square().mean())
    return 100 * max(0.0, explained) if explained == explained else 0.0


def broadcasting(model: nn.Module, batch: list[torch.Tensor]) -> torch.Tensor:
    """Squared distance of each answer (N, 1) from each target (N,)."""
    return (model(batch[0]) - batch[1].flatten()).square().mean()


def squashing(model: nn.Module, batch: list[torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of a softmax."""
    return functional.cross_entropy(model(batch[0]).softmax(1), batch[1])


CODER = Recipe(data=data.digits, net=Coder, optimizer=adam(3e-3), loss=None, step=coding(0.02), score=rebuilt, epochs=9)

CASES = [
    spoilt("divergence_drowns_the_codes", "L11 G05", CODER, "the divergence leaves the codes empty", step=coding(4.0)),
    spoilt(
        "step_that_broadcasts", "B05", CURVE, "(N, 1) minus (N,) in a step of one's own", loss=None, step=broadcasting
    ),
    spoilt(
        "softmax_within_a_step",
        "B08",
        DIGITS,
        "a softmax in the step, before the cross-entropy",
        loss=None,
        step=squashing,
        optimizer=sgd(0.05),
    ),
    spoilt(
        "noisy_rebuilding_in_a_sigmoid",
        "B08",
        Recipe(
            data=lambda: _themselves(data.wine()),
            net=lambda: dense(13, 32, 5, 32, 13),
            optimizer=adam(5e-3),
            loss=None,
            step=lambda model, batch: functional.mse_loss(model(batch[0] + 0.1 * torch.randn_like(batch[0])), batch[1]),
            score=score.fit,
            epochs=60,
        ),
        "a sigmoid ends an autoencoder of standardised rows, which gets them with noise",
        net=lambda: dense(13, 32, 5, 32, 13, end=nn.Sigmoid()),
    ),
]


def _themselves(table: Data) -> Data:
    return table._replace(targets=table.inputs, val_targets=table.val_inputs)
