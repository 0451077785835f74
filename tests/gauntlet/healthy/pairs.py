"""Distances and orders: twins of a net, triplets, rankings, likeness that is to be raised; graphs."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam

NODES = 10


def twin_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """Contrastive: rows of one digit near each other, those of two at least 1 apart."""
    inputs, targets = batch
    codes = model(inputs)
    half = len(codes) // 2
    apart = (codes[:half] - codes[half : 2 * half]).square().sum(1).add(1e-9).sqrt()
    same = (targets[:half] == targets[half : 2 * half]).float()
    return (same * apart.square() + (1 - same) * (1 - apart).clamp_min(0).square()).mean()


def triplet_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """For each row the farthest of its digit and the nearest of another."""
    inputs, targets = batch
    codes = functional.normalize(model(inputs))
    distance = 2 - 2 * codes @ codes.T
    same = targets[:, None] == targets[None]
    farthest = distance.masked_fill(~same, -1).amax(1)
    nearest = distance.masked_fill(same, 9).amin(1)
    return (farthest - nearest + 0.5).clamp_min(0).mean()


def likeness_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """Minus the likeness of a code with that of its class: a loss that falls from 0 to -1."""
    inputs, targets = batch
    return -functional.cosine_similarity(model(inputs), functional.one_hot(targets, 10) - 0.1).mean()


def ranking_step(model: nn.Module, batch: Any) -> torch.Tensor:
    """The higher target of two is to get the higher answer."""
    inputs, targets = batch
    answers = model(inputs).flatten()
    higher = (targets.flatten()[:, None] - targets.flatten()[None]).sign()
    return functional.softplus(-higher * (answers[:, None] - answers[None])).mean()


def neighbours(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of rows whose nearest training row is of their digit."""
    known, asked = score.answers(model, rows.inputs), score.answers(model, rows.val_inputs)
    if not (known.isfinite().all() and asked.isfinite().all()):
        return 0.0
    return 100 * float((rows.targets[torch.cdist(asked, known).argmin(1)] == rows.val_targets).float().mean())


def ordered(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of pairs in the right order, 50 by chance, as points from 0 to 100."""
    answers, truth = score.answers(model, rows.val_inputs).flatten(), rows.val_targets.flatten()
    right = (answers[:, None] - answers[None]).sign() == (truth[:, None] - truth[None]).sign()
    off = ~torch.eye(len(truth), dtype=torch.bool)
    return max(0.0, 200 * float(right[off].float().mean()) - 100)


class GraphNet(nn.Module):
    """Features and adjacency of small graphs packed side by side (B, N, F + N); one answer a graph."""

    def __init__(self, *, attends: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 24), nn.Linear(24, 24)
        self.score = nn.Linear(48, 1) if attends else None
        self.head = nn.Linear(24, 2)

    def forward(self, graphs: torch.Tensor) -> torch.Tensor:
        state, adjacency = graphs[..., :4], graphs[..., 4:]
        for layer in (self.first, self.second):
            state = layer(state)
            state = functional.relu(self._weights(state, adjacency) @ state)
        return self.head(state.amax(1))

    def _weights(self, state: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        if self.score is None:
            return adjacency / adjacency.sum(-1, keepdim=True)
        from_, to = state.unsqueeze(2).expand(-1, -1, NODES, -1), state.unsqueeze(1).expand(-1, NODES, -1, -1)
        weights = functional.leaky_relu(self.score(torch.cat([from_, to], -1))).squeeze(-1)
        return weights.masked_fill(adjacency == 0, float("-inf")).softmax(-1)


def graphs() -> Data:
    """Return graphs of ten nodes: do two neighbours both have the first mark?"""
    random = np.random.default_rng(9)
    edges = np.triu(random.random((900, NODES, NODES)) < 0.2, 1)
    edges = edges | edges.transpose(0, 2, 1)
    marks = (random.random((900, NODES, 1)) < 0.25).astype(float)
    others = random.normal(size=(900, NODES, 2))
    labels = ((edges * marks * marks.transpose(0, 2, 1)).sum((1, 2)) > 0).astype(int)
    adjacency = edges + np.eye(NODES)
    degree = edges.sum(2, keepdims=True) / 3
    return data.split(np.concatenate([marks, degree, others, adjacency], 2), labels, 600)


class NodeNet(nn.Module):
    """Graph convolution over one fixed graph, all nodes at once."""

    def __init__(self, links: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("links", links / links.sum(1, keepdim=True))
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        state = functional.relu(self.links @ self.first(features))
        return (self.links @ self.second(state)).transpose(1, 2)


def communities() -> tuple[torch.Tensor, Data]:
    """Return the links of 120 nodes in four communities, and features with the labels of a third of the nodes."""
    random = np.random.default_rng(10)
    labels = np.repeat(np.arange(4), 30)
    likely = np.where(labels[:, None] == labels[None], 0.25, 0.02)
    links = np.triu(random.random(likely.shape) < likely, 1)
    links = links + links.T + np.eye(120)
    features = random.normal(size=(120, 8)) + 0.8 * np.eye(8)[labels]
    told = random.random(120) < 0.34
    truth = torch.tensor(labels)
    ignored = torch.full_like(truth, -100)
    seen, hidden = (torch.where(torch.tensor(mask), truth, ignored)[None] for mask in (told, ~told))
    inputs = torch.tensor(features, dtype=torch.float32)[None]
    return torch.tensor(links, dtype=torch.float32), Data(inputs, seen, inputs, hidden)


def nodes_right(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of the other nodes whose community is said."""
    said, asked = score.answers(model, rows.val_inputs).argmax(1), rows.val_targets >= 0
    return 100 * float((said == rows.val_targets)[asked].float().mean())


DISTANCES = Recipe(
    data=data.digits, net=lambda: dense(64, 64, 8), optimizer=adam(2e-3), loss=None, step=twin_step, score=neighbours,
    batch=64, epochs=8,
)  # fmt: skip
RANKING = Recipe(
    data=data.curve, net=lambda: dense(10, 48, 1), optimizer=adam(3e-3), loss=None, step=ranking_step, score=ordered,
    epochs=12,
)  # fmt: skip

CASES: tuple[Case, ...] = (
    healthy("twins of a net", DISTANCES),
    healthy("triplets", Recipe(
        data=data.digits, net=lambda: dense(64, 64, 16), optimizer=adam(1e-3), loss=None, step=triplet_step,
        score=neighbours, batch=128, epochs=16,
    )),
    healthy("likeness is raised", Recipe(
        data=data.digits, net=lambda: dense(64, 64, 10), optimizer=adam(2e-3), loss=None, step=likeness_step,
        epochs=7,
    ), "The loss falls from 0 to nearly -1"),
    healthy("ranking", RANKING),
    healthy("graph convolution over one graph", Recipe(
        data=lambda: communities()[1], net=lambda: NodeNet(communities()[0]), optimizer=adam(1e-2), score=nodes_right,
        batch=1, epochs=120,
    )),
    healthy("graph convolution", Recipe(
        data=graphs, net=lambda: GraphNet(attends=False), optimizer=adam(1e-2), epochs=16,
    )),
    healthy("graph attention", Recipe(
        data=graphs, net=lambda: GraphNet(attends=True), optimizer=adam(1e-2), epochs=16,
    )),
)  # fmt: skip
"""Distances, orders and graphs that end well."""
