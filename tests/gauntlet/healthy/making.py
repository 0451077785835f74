"""Two nets against each other, codes with a spread, layers that learn on their own."""

from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tests.gauntlet import data, score
from tests.gauntlet.case import Case, Training
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.pictures import themselves
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam

# --- a generative adversarial net: one optimizer, each side's gradient for itself alone -------------------------------


class Adversaries(nn.Module):
    """A maker of points and a critic."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.critic = dense(4, 32, 32, 2), dense(2, 32, 32, 1, activation=nn.Tanh)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return self.maker(noise)


def adversary_step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
    """The critic tells real points from made ones; the maker is judged by a critic that does not move."""
    (real,) = batch
    made = model.maker(torch.randn(len(real), 4))
    still = {name: weight.detach() for name, weight in model.critic.named_parameters()}
    real_said, made_said = model.critic(real), model.critic(made.detach())
    return {
        "critic": functional.softplus(-real_said).mean() + functional.softplus(made_said).mean(),
        "maker": functional.softplus(-functional_call(model.critic, still, (made,))).mean(),
    }


def cloud() -> torch.Tensor:
    """Return points of a slanted cloud away from the origin."""
    noise = torch.randn(640, 2, generator=torch.Generator().manual_seed(3))
    return noise @ torch.tensor([[0.8, 0.3], [0.0, 0.4]]) + torch.tensor([1.5, -1.0])


def cloud_score(model: nn.Module, threshold: float | None = None) -> float:
    """Points by the distance between the clouds' means and spreads: 100 for none, 0 from 2 on."""
    noise = torch.randn(2000, 4, generator=torch.Generator().manual_seed(4))
    made, real = score.answers(model, noise), cloud()
    distance = (made.mean(0) - real.mean(0)).norm() + (made.std(0) - real.std(0)).norm()
    return 100 * max(0.0, 1 - float(distance) / 2) if bool(distance.isfinite()) else 0.0


def adversaries(seed: int) -> Training:
    """Return the two against each other; there is nothing to validate by."""
    torch.manual_seed(seed)
    model = Adversaries()
    optimizer = torch.optim.Adam(
        [{"params": model.maker.parameters(), "lr": 5e-4}, {"params": model.critic.parameters(), "lr": 5e-3}],
        betas=(0.0, 0.9),
    )
    train = DataLoader(TensorDataset(cloud()), batch_size=64, shuffle=True)
    return Training(
        model=model, train=train, val=None, epochs=50, optimizer=optimizer, step=adversary_step, score=cloud_score
    )


# --- a variational autoencoder, and a net whose layers learn on their own ---------------------------------------------


class Variational(nn.Module):
    """Codes with a spread; the answer in eval mode is rebuilt from the middle of the code."""

    def __init__(self) -> None:
        super().__init__()
        self.reader, self.writer = dense(64, 48, 16), dense(8, 48, 64)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.writer(self.reader(rows)[:, :8])


def variational_step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
    """The error of what is rebuilt, and the price of the code."""
    rows, _ = batch
    middle, log_variance = model.reader(rows).chunk(2, 1)
    drawn = middle + torch.randn_like(middle) * (log_variance / 2).exp()
    return {
        "rebuilt": (model.writer(drawn) - rows).square().sum(1).mean(),
        "code": 0.05 * (middle.square() + log_variance.exp() - 1 - log_variance).sum(1).mean(),
    }


def rebuilt(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of the variance of the pixels that is rebuilt."""
    left = (score.answers(model, rows.val_inputs) - rows.val_inputs).square().mean()
    return 100 * max(0.0, 1 - float(left / (rows.val_inputs - rows.val_inputs.mean(0)).square().mean()))


class ForwardForward(nn.Module):
    """Two layers, each trained to be loud for rows with their own digit written on them (Hinton 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(74, 96), nn.Linear(96, 96)])

    def loudness(self, rows: torch.Tensor, digits: torch.Tensor) -> list[torch.Tensor]:
        """Return how loud each layer is; no gradient flows from one to another."""
        state = torch.cat([rows, functional.one_hot(digits, 10).float()], 1)
        answers = []
        for layer in self.layers:
            state = functional.relu(layer(functional.normalize(state.detach())))
            answers.append(state.square().mean(1))
        return answers

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        digits = torch.arange(10)
        each = [sum(self.loudness(rows, digit.expand(len(rows)))) for digit in digits]
        return torch.stack(each, 1)


def forward_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """Loud for the right digit, quiet for a wrong one."""
    rows, digits = batch
    wrong = (digits + torch.randint(1, 10, digits.shape)) % 10
    pairs = zip(model.loudness(rows, digits), model.loudness(rows, wrong), strict=True)
    return sum(functional.softplus(8 * (bad - good)).mean() for good, bad in pairs)


CASES: tuple[Case, ...] = (
    healthy("generative adversarial net", adversaries, "Two losses that rise and fall with each other"),
    healthy("variational autoencoder", Recipe(
        data=themselves, net=Variational, optimizer=adam(5e-3), loss=None, step=variational_step, score=rebuilt,
        epochs=9,
    )),
    healthy("layers that learn on their own", Recipe(
        data=data.digits, net=ForwardForward, optimizer=adam(2e-2), loss=None, step=forward_step, epochs=8,
    )),
)  # fmt: skip
"""Trainings of another kind that end well."""
