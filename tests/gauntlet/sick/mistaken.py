"""Slips between cells: stale optimizers, marks for none, parts of a loss in other units, labels out of step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, digits, split, wine
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, spoilt
from tests.gauntlet.sick.twins import DIGITS, WINE


def _made_for_another(net: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer of the weights that the cell before had made."""
    return torch.optim.Adam([part.detach().clone().requires_grad_() for part in net.parameters()], lr=3e-3)


def _sugar(mark: float | None = None) -> Data:
    """Diabetics' progress by ten features, standardised with marks in a few rows of each, or with their medians."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    rows = 50 * inputs
    for column in range(10):
        rows[5 * column :: 40, column] = np.median(rows[:, column]) if mark is None else mark
    return split((rows - rows.mean(0)) / rows.std(0), (targets[:, None] - 150) / 77, 300)


class TwoHeads(nn.Module):
    """One body; which digit it is (N, 10), and how much ink it has, above and in all (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.digit, self.ink = nn.Linear(64, 10), nn.Linear(64, 2)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(inputs)
        return self.digit(features), self.ink(features)


def _inked() -> Data:
    """Digits; targets (N, 3) are the class, the ink of the upper half and of the whole."""
    plain = digits()

    def told(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.stack([labels.float(), 10 * inputs[:, :32].mean(1) - 3, 10 * inputs.mean(1) - 3], 1)

    return plain._replace(
        targets=told(plain.inputs, plain.targets), val_targets=told(plain.val_inputs, plain.val_targets)
    )


def _both(weight: float) -> Callable[[], Any]:
    """Return a loss of two parts, the second of which counts so much."""

    def loss(outputs: tuple[torch.Tensor, torch.Tensor], targets: torch.Tensor) -> dict[str, torch.Tensor]:
        digit, ink = outputs
        return {
            "digit": functional.cross_entropy(digit, targets[:, 0].long()),
            "ink": weight * functional.mse_loss(ink, targets[:, 1:]),
        }

    return lambda: loss


def _digit_and_ink(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Mean of the share of right digits and the explained share of the ink."""
    digit, ink = score.answers(model, data.val_inputs)
    true = data.val_targets[:, 1:]
    left = (ink - true).square().mean() / (true - true.mean(0)).square().mean()
    right = (digit.argmax(1) == data.val_targets[:, 0].long()) & digit.isfinite().all(1)
    return 50 * (float(right.float().mean()) + max(0.0, 1 - float(left)))


def _shuffled_alone() -> Data:
    plain = wine()
    order = torch.randperm(len(plain.targets), generator=torch.Generator().manual_seed(1))
    return plain._replace(targets=plain.targets[order])


INK = Recipe(data=_inked, net=TwoHeads, optimizer=adam(3e-3), loss=_both(1.0), score=_digit_and_ink, epochs=8)
SUGAR = Recipe(
    data=_sugar, net=lambda: dense(10, 32, 1), optimizer=adam(3e-3), loss=nn.MSELoss, score=score.fit, batch=20,
    epochs=12,
)  # fmt: skip

CASES = [
    spoilt(
        "optimizer_of_the_model_before", "B07 G04", DIGITS, "the model's cell was run again, the optimizer's was not",
        optimizer=_made_for_another,
    ),
    spoilt(
        "marks_standardised", "D03 B03", SUGAR, "-9999 for what is missing, and standardised so",
        data=lambda: _sugar(-9999.0),
    ),
    spoilt("faint_second_part", "G05", INK, "the second part of the loss counts a millionth", loss=_both(1e-6)),
    spoilt("labels_shuffled_alone", "D10", WINE, "labels of other rows", aim="name", data=_shuffled_alone),
]  # fmt: skip
