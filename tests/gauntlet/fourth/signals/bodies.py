"""The nets of this folder, for pictures, masks, sequences, texts and several answers at once; and how they score."""

import torch
from torch import nn

from tests.gauntlet.data import Data
from tests.gauntlet.score import answers


def seer(
    channels: int = 1, size: int = 16, classes: int = 4, *, norm: bool = False, drop: float = 0.0
) -> nn.Sequential:
    """Return a convolutional net for square pictures."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        *([nn.BatchNorm2d(8)] if norm else []),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        *([nn.BatchNorm2d(16)] if norm else []),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *([nn.Dropout(drop)] if drop else []),
        nn.Linear(16 * (size // 4) ** 2, 32),
        nn.ReLU(),
        *([nn.Dropout(drop)] if drop else []),
        nn.Linear(32, classes),
    )


def painter(width: int = 12) -> nn.Sequential:
    """Return a net that gives one logit for each pixel."""
    return nn.Sequential(
        nn.Conv2d(1, width, 5, padding=2),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 1, 1),
    )


class Listener(nn.Module):
    """A recurrent net that reads (N, T, F) and answers from its last state."""

    def __init__(self, features: int, answers: int, kind: type[nn.Module] = nn.GRU, hidden: int = 24) -> None:
        super().__init__()
        self.norm = nn.Identity()
        self.memory = kind(features, hidden, batch_first=True)
        self.answer = nn.Linear(hidden, answers)

    def forward(self, signals_NTF: torch.Tensor) -> torch.Tensor:
        states, _ = self.memory(self.norm(signals_NTF))
        return self.answer(states[:, -1])


class Critic(nn.Module):
    """A text net: words are looked up, one transformer layer (or none), the mean decides."""

    def __init__(self, classes: int = 3, width: int = 24, *, attend: bool = True, drop: float = 0.0) -> None:
        super().__init__()
        self.lookup = nn.Embedding(120, width)
        self.drop = nn.Dropout(drop)
        layer = nn.TransformerEncoderLayer(width, 2, 48, dropout=drop, batch_first=True)
        self.mixer = layer if attend else nn.Sequential(nn.Linear(width, width), nn.ReLU())
        self.verdict = nn.Linear(width, classes)

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        return self.verdict(self.drop(self.mixer(self.lookup(words_NT)).mean(1)))


class Speller(nn.Module):
    """A recurrent net that gives, for each place of a text, logits (N, 24, T) of the letter after it."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.lookup = nn.Embedding(24, 16)
        self.memory = nn.GRU(16, hidden, batch_first=True)
        self.answer = nn.Linear(hidden, 24)

    def forward(self, letters_NT: torch.Tensor) -> torch.Tensor:
        states, _ = self.memory(self.lookup(letters_NT))
        return self.answer(states).transpose(1, 2)


class Finder(nn.Module):
    """One body, two heads: what is in the picture (N, 4), and where it is (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*list(seer().children())[:-1])
        self.what = nn.Linear(32, 4)
        self.where = nn.Linear(32, 2)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(pictures)
        return self.what(features), self.where(features)


class Dreamer(nn.Module):
    """A variational autoencoder of rows of 100; gives the rebuilt rows, and means and log variances while it trains."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.reads = nn.Sequential(nn.Linear(100, 48), nn.ReLU(), nn.Linear(48, 2 * width))
        self.writes = nn.Sequential(nn.Linear(width, 48), nn.ReLU(), nn.Linear(48, 100))

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mean, log_variance = self.reads(rows).chunk(2, dim=1)
        noise = torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else 0.0
        return self.writes(mean + noise), mean, log_variance


def letters_right(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right letters, among the places where a letter follows."""
    outputs = answers(model, data.val_inputs)
    right = (outputs.argmax(1) == data.val_targets) & outputs.isfinite().all(1)
    return 100 * float(right[data.val_targets > 0].float().mean())


def what_and_where(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Mean of the share of right classes and the explained share of the places (R², at least 0)."""
    what, where = answers(model, data.val_inputs)
    right = (what.argmax(1) == data.val_targets[:, 0].long()) & what.isfinite().all(1)
    true = data.val_targets[:, 1:]
    left = (where - true).square().mean() / (true - true.mean(0)).square().mean()
    explained = float((1 - left).clamp(min=0)) if bool(left.isfinite()) else 0.0
    return 50 * (float(right.float().mean()) + explained)


def what_only(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right classes of a net with two heads."""
    what, _ = answers(model, data.val_inputs)
    right = (what.argmax(1) == data.val_targets[:, 0].long()) & what.isfinite().all(1)
    return 100 * float(right.float().mean())


def rebuilt(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Explained share of the rows by the first answer (R², at least 0)."""
    rows = answers(model, data.val_inputs)[0]
    left = float((rows - data.val_targets).square().mean() / data.val_targets.var(correction=0))
    return 100 * max(0.0, 1 - left) if left == left else 0.0
