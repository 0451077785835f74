"""Regression: units of thousands, robust losses, spreads that are learnt too, order among classes, several losses."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd

CURVE = Recipe(
    data=data.curve, net=lambda: dense(10, 64, 1), optimizer=adam(3e-3), loss=nn.MSELoss, score=score.fit, epochs=15
)


def thousands() -> Data:
    """Return a linear regression whose targets are thousands, as prices are."""
    rows = data.plane()
    return rows._replace(targets=20 * rows.targets, val_targets=20 * rows.val_targets)


def narrow() -> Data:
    """Return a curve with targets of a few thousandths: their likelihood is far above 1, its negative logarithm
    below 0."""
    rows = data.curve()
    return rows._replace(targets=rows.targets / 1000, val_targets=rows.val_targets / 1000)


def grades() -> Data:
    """Return a curve cut into five grades that have an order."""
    rows = data.curve()
    cuts = torch.tensor([-1.0, -0.3, 0.3, 1.0])
    return rows._replace(
        targets=torch.bucketize(rows.targets.flatten(), cuts),
        val_targets=torch.bucketize(rows.val_targets.flatten(), cuts),
    )


def outliers() -> Data:
    """Return a curve of which one training target in twenty is far off."""
    rows = data.curve()
    targets = rows.targets.clone()
    targets[::20] += 15
    return rows._replace(targets=targets)


def ordinal_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the four questions whether the grade is above each cut."""
    above = (targets[:, None] > torch.arange(outputs.shape[1])).float()
    return functional.binary_cross_entropy_with_logits(outputs, above)


def near_enough(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Points by the mean distance between the grade said and the true one: 100 for 0, 0 for 2 and more."""
    said = (score.answers(model, rows.val_inputs) > 0).sum(1)
    return 100 * max(0.0, 1 - float((said - rows.val_targets).abs().float().mean()) / 2)


class MeanAndSpread(nn.Module):
    """Gives mean and logarithm of the spread."""

    def __init__(self, unit: float = 1.0) -> None:
        super().__init__()
        self.body = dense(10, 64, 2)
        self.unit = unit

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        mean, spread = self.body(rows).chunk(2, 1)
        return torch.cat([mean * self.unit, spread + torch.tensor(self.unit).log()], 1)


def likelihood_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative logarithm of the density of a normal distribution, which may be below 0."""
    mean, log_spread = outputs.chunk(2, 1)
    return (log_spread + 0.5 * ((targets - mean) / log_spread.exp()).square()).mean()


def fit_of_mean(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of the variance that the means explain."""
    return score.fit(MeanAlone(model), rows, threshold)


class MeanAlone(nn.Module):
    """The mean alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.model(rows)[:, :1]


class TwoHeads(nn.Module):
    """A body with a head for classes and one for a number."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.classes, self.number = nn.Linear(64, 10), nn.Linear(64, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        state = self.body(rows)
        return torch.cat([self.classes(state), self.number(state)], 1)


def digit_and_ink(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    """Two parts: which digit, and how much ink."""
    return {
        "digit": functional.cross_entropy(outputs[:, :10], targets[:, 0].long()),
        "ink": functional.mse_loss(outputs[:, 10], targets[:, 1]),
    }


def digits_and_ink() -> Data:
    """Return the digits with two targets: the class number, and the share of ink."""
    rows = data.digits()
    both = [
        torch.stack([targets.float(), 4 * inputs.mean(1)], 1)
        for inputs, targets in ((rows.inputs, rows.targets), (rows.val_inputs, rows.val_targets))
    ]
    return rows._replace(targets=both[0], val_targets=both[1])


def first_target(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of right digits."""
    right = score.answers(model, rows.val_inputs)[:, :10].argmax(1) == rows.val_targets[:, 0]
    return 100 * float(right.float().mean())


def focal(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in which sure rows count less."""
    loss = functional.cross_entropy(outputs, targets, reduction="none")
    return ((1 - (-loss).exp()).square() * loss).mean()


def guarded_step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
    """A step of the user's own with a part that is only looked at."""
    inputs, targets = batch
    outputs = model(inputs)
    loss = functional.cross_entropy(outputs, targets)
    return {"loss": loss, "confidence": outputs.softmax(1).amax(1).mean()}


DIGITS = Recipe(data=data.digits, net=lambda: dense(64, 64, 10), optimizer=adam(2e-3), epochs=6)

CASES: tuple[Case, ...] = (
    healthy("a curve", CURVE),
    healthy("a curve, by SGD", replace(CURVE, optimizer=sgd(0.05), epochs=20)),
    healthy("targets of thousands", replace(
        CURVE, data=thousands, net=lambda: nn.Linear(20, 1), optimizer=adam(50.0), epochs=15,
    ), "Raw units: losses of millions, gradients of tens of thousands, and a rate to match"),
    healthy("targets of hundreds", replace(
        CURVE, data=data.plane, net=lambda: dense(20, 64, 1), optimizer=adam(0.03), epochs=20,
    ), "Gradients of hundreds, which Adam does not mind"),
    healthy("sum instead of mean, on purpose", replace(
        CURVE, loss=lambda: nn.MSELoss(reduction="sum"),
    )),
    healthy("absolute error", replace(CURVE, loss=nn.L1Loss)),
    healthy("Huber against outliers", replace(CURVE, data=outliers, loss=nn.HuberLoss)),
    healthy("grades with an order", replace(
        CURVE, data=grades, net=lambda: dense(10, 64, 4), loss=lambda: ordinal_loss, score=near_enough,
    )),
    healthy("mean and spread", replace(
        CURVE, net=MeanAndSpread, optimizer=adam(5e-3), loss=lambda: likelihood_loss, score=fit_of_mean, epochs=25,
    )),
    healthy("a loss below 0", replace(
        CURVE, data=narrow, net=lambda: MeanAndSpread(1e-3), optimizer=adam(5e-3), loss=lambda: likelihood_loss,
        score=fit_of_mean, epochs=25,
    ), "The negative log-likelihood falls from about -6 to about -8"),
    healthy("two heads, two losses", replace(
        DIGITS, data=digits_and_ink, net=TwoHeads, loss=lambda: digit_and_ink, score=first_target,
    )),
    healthy("focal loss of the user's", replace(DIGITS, loss=lambda: focal, epochs=7)),
    healthy("a step of the user's with a watched part", replace(DIGITS, loss=None, step=guarded_step)),
)  # fmt: skip
"""Regressions and losses of the user's own that end well."""
