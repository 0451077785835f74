"""More nets: with norms and dropout, residual, recurrent, with embeddings, with several heads, squeezing."""

import torch
from torch import nn


def normed(features: int, width: int, answers: int, norm: type[nn.Module] = nn.BatchNorm1d) -> nn.Sequential:
    """Return two hidden layers, each with a norm."""
    return nn.Sequential(
        nn.Linear(features, width), norm(width), nn.ReLU(), nn.Linear(width, width), norm(width), nn.ReLU(),
        nn.Linear(width, answers),
    )  # fmt: skip


def convolved(channels: int, side: int, answers: int, *, norm: bool = False, activation=nn.ReLU) -> nn.Sequential:
    """Return two convolutions with strides, and a linear layer."""
    left = ((side + 1) // 2 + 1) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2, padding=1), *([nn.BatchNorm2d(8)] if norm else []), activation(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), *([nn.BatchNorm2d(16)] if norm else []), activation(),
        nn.Flatten(), nn.Linear(16 * left * left, answers),
    )  # fmt: skip


class Residual(nn.Module):
    """Blocks that add to their input."""

    def __init__(self, features: int, width: int, answers: int, blocks: int = 3) -> None:
        super().__init__()
        self.stem = nn.Linear(features, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.head = nn.Linear(width, answers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        states = self.stem(inputs.flatten(1))
        for block in self.blocks:
            states = states + block(states)
        return self.head(states)


class Last(nn.Module):
    """A recurrent net over (N, T, F) that answers from its last state."""

    def __init__(self, kind: type[nn.Module], features: int, answers: int, hidden: int = 24, **more) -> None:
        super().__init__()
        self.body = kind(features, hidden, batch_first=True, **more)
        self.head = nn.Linear(hidden, answers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(inputs)[0][:, -1])


class Listener(nn.Module):
    """Convolutions over the time of (N, T, 1), and the mean of what they find."""

    def __init__(self, answers: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.Conv1d(16, 16, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(16, answers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(inputs.transpose(1, 2)).mean(2))


class Attention(nn.Module):
    """Self-attention over (N, T, F), and the mean over the time."""

    def __init__(self, features: int, answers: int, length: int, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Linear(features, width)
        self.places = nn.Parameter(torch.randn(length, width) * 0.1)
        self.body = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True)
        self.head = nn.Linear(width, answers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(inputs) + self.places).mean(1))


class Speller(nn.Module):
    """Embeddings of eight characters and two linear layers: the next of 64."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.letters = nn.Embedding(64, 16)
        self.body = nn.Sequential(nn.Linear(128, width), nn.ReLU(), nn.Linear(width, 64))

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        return self.body(self.letters(letters).flatten(1))


class Bag(nn.Module):
    """The mean of the embeddings of words, and one answer."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(20, width, mode="mean")
        self.head = nn.Sequential(nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.words(words))


class Tastes(nn.Module):
    """Users times items, and how each of them rates in general."""

    def __init__(self, width: int = 6, spread: float = 0.3) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(40, width), nn.Embedding(30, width)
        self.bias = nn.Embedding(40, 1)
        for table in (self.users, self.items, self.bias):
            nn.init.normal_(table.weight, 0, spread)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        users, items = pairs.unbind(1)
        return (self.users(users) * self.items(items)).sum(1, keepdim=True) + self.bias(users)


class Squeeze(nn.Module):
    """Digits through a few numbers and back."""

    def __init__(self, width: int = 12, end: nn.Module | None = None) -> None:
        super().__init__()
        self.coder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, width))
        self.decoder = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 64), *([end] if end else []))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.coder(inputs))


class Heads(nn.Module):
    """One body and two heads: ten classes, and beside them another task while it trains."""

    def __init__(self, extra: int = 1, width: int = 48) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, width), nn.ReLU())
        self.main, self.side = nn.Linear(width, 10), nn.Linear(width, extra)

    def both(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the answers of both heads."""
        states = self.body(inputs)
        return self.main(states), self.side(states)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.main(self.body(inputs))
