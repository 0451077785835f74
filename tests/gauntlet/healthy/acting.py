"""Policies and values: losses whose height means nothing, targets that move."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tests.gauntlet import score
from tests.gauntlet.case import Case, Training
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam

ARMS, SIDE = 5, 5


# --- policies ---------------------------------------------------------------------------------------------------------


def rewards(states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Return 1 where the action is the arm that the state points to, and a little for its neighbours."""
    best = (states[:, 0] > 0).long() * 2 + (states[:, 1] > 0).long()
    return (actions == best).float() + 0.2 * ((actions - best).abs() == 1).float()


def states(count: int, seed: int) -> torch.Tensor:
    """Return states of two numbers."""
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


def policy_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """REINFORCE with the batch's mean as baseline: a loss whose height means nothing."""
    (seen,) = batch
    choice = torch.distributions.Categorical(logits=model(seen))
    actions = choice.sample()
    reward = rewards(seen, actions)
    return -((reward - reward.mean()) * choice.log_prob(actions)).mean() - 0.01 * choice.entropy().mean()


def actor_step(model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
    """Actor and critic: the last output is the value of the state."""
    (seen,) = batch
    outputs = model(seen)
    choice, value = torch.distributions.Categorical(logits=outputs[:, :-1]), outputs[:, -1]
    actions = choice.sample()
    gain = rewards(seen, actions) - value
    return {
        "actor": -(gain.detach() * choice.log_prob(actions)).mean(),
        "critic": 0.5 * gain.square().mean(),
        "entropy": -0.01 * choice.entropy().mean(),
    }


def policy_score(model: nn.Module, threshold: float | None = None) -> float:
    """Mean reward of the likeliest action in new states."""
    asked = states(1000, 6)
    return 100 * float(rewards(asked, score.answers(model, asked)[:, :ARMS].argmax(1)).mean())


def acting(outputs: int, step: Callable[[nn.Module, Any], Any], rate: float) -> Callable[[int], Training]:
    """Return what makes a training of a policy, without validation data."""

    def make(seed: int) -> Training:
        torch.manual_seed(seed)
        model = dense(2, 32, outputs, activation=nn.Tanh)
        train = DataLoader(TensorDataset(states(960, 5)), batch_size=32, shuffle=True)
        optimizer = torch.optim.Adam(model.parameters(), rate)
        return Training(
            model=model, train=train, val=None, epochs=15, optimizer=optimizer, step=step, score=policy_score
        )

    return make


# --- Q-learning on a line of cells ------------------------------------------------------------------------------------


def moves() -> Data:
    """Return all moves on a 5 x 5 board (cell one-hot, action) with what follows; the corner pays 1."""
    rows, follows = [], []
    for cell in range(SIDE * SIDE):
        for action, (down, right) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
            row = min(max(cell // SIDE + down, 0), SIDE - 1)
            column = min(max(cell % SIDE + right, 0), SIDE - 1)
            rows.append((cell, action))
            follows.append((row * SIDE + column, float(row * SIDE + column == SIDE * SIDE - 1)))
    here, there = torch.tensor(rows), torch.tensor(follows)
    return Data(here, there, here, there)


def value_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """The value of an action is its pay and 0.8 of the best that follows, as the net itself sees it."""
    here, there = batch
    eye = torch.eye(SIDE * SIDE)
    with torch.no_grad():
        best = model(eye[there[:, 0].long()]).amax(1)
    goal = there[:, 1] + 0.8 * best * (1 - there[:, 1])
    said = model(eye[here[:, 0]]).gather(1, here[:, 1:]).squeeze(1)
    return functional.mse_loss(said, goal)


def moves_right(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of cells in which the best action goes down or right, towards the corner."""
    actions = score.answers(model, torch.eye(SIDE * SIDE)).argmax(1)
    right = torch.ones(SIDE * SIDE, dtype=torch.bool)
    for cell in range(SIDE * SIDE - 1):
        row, column = divmod(cell, SIDE)
        right[cell] = bool((actions[cell] == 0 and row < SIDE - 1) or (actions[cell] == 2 and column < SIDE - 1))
    return 100 * float(right.float().mean())


MOVES = Recipe(
    data=moves, net=lambda: dense(25, 64, 4), optimizer=adam(3e-3), loss=None, step=value_step, score=moves_right,
    batch=25, epochs=100,
)  # fmt: skip

CASES: tuple[Case, ...] = (
    healthy("policy gradient", acting(ARMS, policy_step, 1e-2), "The loss is near 0 all the time, below and above"),
    healthy("actor and critic", acting(ARMS + 1, actor_step, 1e-2)),
    healthy(
        "values of moves", lambda seed: replace(MOVES(seed), val=None),
        "The target moves with the net: the loss rises before it falls",
    ),
)  # fmt: skip
"""Trainings of actors that end well."""
