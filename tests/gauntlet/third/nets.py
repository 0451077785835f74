"""Nets of the cases of the third set: recurrent, over words, residual, convolutional, autoencoders, several heads."""

import torch
from torch import nn


class Series(nn.Module):
    """A recurrent net over series (N, T, F); its last state is judged."""

    def __init__(self, outputs: int, kind: type[nn.Module] = nn.GRU, hidden: int = 24, features: int = 1) -> None:
        super().__init__()
        self.body = kind(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, series_NTF: torch.Tensor) -> torch.Tensor:
        states, _ = self.body(series_NTF)
        return self.head(states[:, -1])


class Sentence(nn.Module):
    """Words (N, T) read by a recurrent net."""

    def __init__(self, words: int, outputs: int, kind: type[nn.Module] = nn.LSTM, width: int = 24) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.body = kind(width, 2 * width, batch_first=True)
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        states, _ = self.body(self.words(words_NT))
        return self.head(states[:, -1])


class Attentive(nn.Module):
    """Words (N, T) read by a small transformer with learnt places."""

    def __init__(self, words: int, outputs: int, length: int, layers: int = 1) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 32)
        self.places = nn.Parameter(0.3 * torch.randn(length, 32))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True) for _ in range(layers)
        )
        self.head = nn.Linear(32, outputs)

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        states = self.words(words_NT) + self.places
        for layer in self.layers:
            states = layer(states)
        return self.head(states.mean(1))


class Letters(nn.Module):
    """The classic letter model: embeddings side by side, one hidden layer."""

    def __init__(self, width: int = 12, hidden: int = 96) -> None:
        super().__init__()
        self.letters = nn.Embedding(27, width)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(8 * width, hidden), nn.Tanh(), nn.Linear(hidden, 27))

    def forward(self, letters_NT: torch.Tensor) -> torch.Tensor:
        return self.body(self.letters(letters_NT))


class Taste(nn.Module):
    """Ratings as the product of what is learnt of a person and of a film."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.people, self.films = nn.Embedding(60, width), nn.Embedding(80, width)
        for table in (self.people, self.films):
            nn.init.normal_(table.weight, 0.0, 0.3)

    def forward(self, pairs_N2: torch.Tensor) -> torch.Tensor:
        return (self.people(pairs_N2[:, 0]) * self.films(pairs_N2[:, 1])).sum(1, keepdim=True)


class Residual(nn.Module):
    """Blocks that add to what they get; with layer norm or without."""

    def __init__(self, features: int, outputs: int, blocks: int = 3, width: int = 48, *, normed: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(features, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width) if normed else nn.Identity(),
                nn.Linear(width, width),
                nn.ReLU(),
                nn.Linear(width, width),
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        states = self.first(inputs)
        for block in self.blocks:
            states = states + block(states)
        return self.head(states)


def pictures(
    colours: int = 3, outputs: int = 2, side: int = 8, *, normed: bool = False, act: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Return a conv net of three layers for pictures (C, S, S)."""

    def layer(before: int, after: int) -> list[nn.Module]:
        norm = [nn.BatchNorm2d(after)] if normed else []
        return [nn.Conv2d(before, after, 3, padding=1), *norm, act()]

    return nn.Sequential(
        *layer(colours, 12),
        *layer(12, 12),
        nn.MaxPool2d(2),
        *layer(12, 24),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * (side // 4) ** 2, outputs),
    )


class Signal(nn.Module):
    """A conv net over series (N, T, 1), averaged over time."""

    def __init__(self, outputs: int = 3, *, normed: bool = True) -> None:
        super().__init__()
        norms = [nn.BatchNorm1d(16) if normed else nn.Identity() for _ in range(2)]
        self.body = nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), norms[0], nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 16, 5, padding=2), norms[1], nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(16, outputs)

    def forward(self, series_NTF: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(series_NTF.transpose(1, 2)).mean(2))


class Variational(nn.Module):
    """A variational autoencoder of digits; in eval mode it draws nothing."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mean, self.spread = nn.Linear(64, width), nn.Linear(64, width)
        self.decoder = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 64))

    def code(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log variance of the code."""
        states = self.body(inputs)
        return self.mean(states), self.spread(states)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        mean, spread = self.code(inputs)
        noise = torch.randn_like(mean) * (spread / 2).exp() if self.training else 0.0
        return self.decoder(mean + noise)


class TwoHeads(nn.Module):
    """A body and two heads side by side in one output: classes, then numbers."""

    def __init__(self, body: nn.Module, width: int, classes: int, numbers: int) -> None:
        super().__init__()
        self.body = body
        self.classes, self.numbers = nn.Linear(width, classes), nn.Linear(width, numbers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        states = self.body(inputs)
        return torch.cat([self.classes(states), self.numbers(states)], 1)
