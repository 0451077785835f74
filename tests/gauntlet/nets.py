"""Small nets of several kinds, and ways to draw their first weights."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Draw = Callable[[torch.Tensor], Any]
"""Fills a weight in place."""


class Exp(nn.Module):
    """The exponential as an activation."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.exp()


def dense(
    *widths: int, activation: type[nn.Module] = nn.ReLU, end: nn.Module | None = None, dropout: float = 0.0
) -> nn.Sequential:
    """Return linear layers of these widths, an activation (and dropout) between each two, and `end` after the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
        layers += [nn.Dropout(dropout)] if dropout else []
    layers = layers[: -2 if dropout else -1]
    return nn.Sequential(*layers, *([end] if end is not None else []))


def drawn(net: nn.Module, weights: Draw, biases: Draw = nn.init.zeros_) -> nn.Module:
    """Return the net with all matrices and biases drawn anew; those of norms stay."""
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            weights(module.weight)
            if module.bias is not None:
                biases(module.bias)
    return net


def glorot(net: nn.Module) -> nn.Module:
    """Return the net with the first weights that Keras gives."""
    return drawn(net, nn.init.xavier_uniform_)


def he(net: nn.Module) -> nn.Module:
    """Return the net with first weights for relu."""
    return drawn(net, lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"))


def lecun(net: nn.Module) -> nn.Module:
    """Return the net with first weights for selu."""
    return drawn(net, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="linear"))


def uniform(low: float, high: float) -> Draw:
    """Return what draws evenly between two numbers."""
    return lambda weight: nn.init.uniform_(weight, low, high)


def normal(deviation: float) -> Draw:
    """Return what draws normally around 0."""
    return lambda weight: nn.init.normal_(weight, 0.0, deviation)


def conv(activation: type[nn.Module] = nn.ReLU, end: nn.Module | None = None) -> nn.Sequential:
    """Return a small convolutional net for pictures (1, 8, 8) of ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        activation(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        activation(),
        nn.Flatten(),
        nn.Linear(256, 10),
        *([end] if end is not None else []),
    )


class Reader(nn.Module):
    """A recurrent net that reads rows (N, T, F) and answers with ten classes."""

    def __init__(self, kind: type[nn.Module] = nn.LSTM, hidden: int = 32) -> None:
        super().__init__()
        self.body = kind(8, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 10)

    def forward(self, rows_NTF: torch.Tensor) -> torch.Tensor:
        states, _ = self.body(rows_NTF)
        return self.head(states[:, -1])


class Words(nn.Module):
    """A small transformer over 12 words out of 40, four classes."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.words = nn.Embedding(40, width)
        self.places = nn.Parameter(torch.randn(12, width) * 0.5)
        self.body = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(width, 4)

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.words(words_NT) + self.places).mean(1))


class Split(nn.Module):
    """A body and a head, each of which can be frozen, replaced or forgotten."""

    def __init__(self, features: int = 64, hidden: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(inputs))
