"""Slips in a `forward` that shapes prove, parts that hide or are cut off, and parts that nobody begins with."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data, split
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt


def first_words() -> Data:
    """Four to nine words out of 20 and padding up to 30; the class is the first word."""
    random = np.random.default_rng(6)
    words, labels = np.zeros((1200, 30), int), random.integers(0, 5, 1200)
    for row, label in enumerate(labels):
        length = random.integers(4, 10)
        words[row, :length] = random.integers(6, 20, length)
        words[row, 0] = label + 1
    return split(words, labels.astype(int), 900)


def colours() -> Data:
    """Noisy pictures (16, 16, 3) with a square of one of three colours on the left or on the right."""
    random = np.random.default_rng(31)
    pictures, labels = random.normal(0, 0.7, (800, 16, 16, 3)), random.integers(0, 6, 800)
    for row, label in enumerate(labels):
        colour, side = divmod(label, 2)
        top, left = random.integers(0, 12), random.integers(0, 5) + side * 8
        pictures[row, top : top + 4, left : left + 4, colour] += 1.6
    return split(pictures, labels.astype(int), 560)


def spiral() -> Data:
    """Three arms of a noisy spiral."""
    random = np.random.default_rng(9)
    labels, far = random.integers(0, 3, 900), random.uniform(0.1, 1, 900)
    angle = far * 4 + labels * 2.09 + random.normal(0, 0.12, 900)
    return split(2 * np.stack([far * np.cos(angle), far * np.sin(angle)], 1), labels.astype(int), 600)


def pairs() -> Data:
    """Two noisy members (2, 16) of six kinds; whether they are of the same, (N, 1)."""
    random = np.random.default_rng(11)
    kinds, first, other = random.normal(0, 1, (6, 16)), random.integers(0, 6, 1400), random.integers(0, 6, 1400)
    other = np.where(random.random(1400) < 0.4, first, other)
    both = np.stack([kinds[first], kinds[other]], 1) + random.normal(0, 0.5, (1400, 2, 16))
    return split(both, (first == other).astype(float)[:, None], 1000)


class FirstWord(nn.Module):
    """Reads words, and answers from the state at the last one."""

    def __init__(self, *, rows_first: bool) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(20, 16), nn.Linear(24, 5)
        self.body = nn.GRU(16, 24, batch_first=rows_first)

    def forward(self, words_NT: torch.Tensor) -> torch.Tensor:
        states, _ = self.body(self.words(words_NT))
        return self.head(states[torch.arange(len(words_NT)), (words_NT > 0).sum(1) - 1])


class Coloured(nn.Module):
    """Brings the colours to the front, and looks for the square."""

    def __init__(self, *, viewed: bool) -> None:
        super().__init__()
        self.viewed = viewed
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(384, 6)),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.body(pictures.reshape(-1, 3, 16, 16) if self.viewed else pictures.permute(0, 3, 1, 2))


class Arms(nn.Module):
    """Three layers, called one by one, the first two listed or hidden in a plain list."""

    def __init__(self, *, bends: bool = True, hidden: bool = False) -> None:
        super().__init__()
        layers = [nn.Linear(2, 48), nn.Linear(48, 48)]
        self.layers = layers if hidden else nn.ModuleList(layers)
        self.head, self.bends = nn.Linear(48, 3), bends

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            rows = layer(rows).relu() if self.bends else layer(rows)
        return self.head(rows)


class Same(nn.Module):
    """Compares what one body makes of both."""

    def __init__(self, *, cut: bool) -> None:
        super().__init__()
        self.body, self.head, self.cut = dense(16, 48, 24), nn.Linear(24, 1), cut

    def forward(self, both: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.cut):
            apart = (self.body(both[:, 0]) - self.body(both[:, 1])).square()
        return self.head(apart)


def normed(gain: float = 1.0) -> nn.Sequential:
    """Return two normalised layers of 48 units whose norms begin with this gain."""
    norms = [nn.LayerNorm(48), nn.LayerNorm(48)]
    for norm in norms:
        nn.init.constant_(norm.weight, gain)
    return nn.Sequential(
        *(nn.Linear(2, 48), norms[0], nn.GELU(), nn.Linear(48, 48), norms[1], nn.GELU(), nn.Linear(48, 3))
    )


WORDS = Recipe(data=first_words, net=lambda: FirstWord(rows_first=True), optimizer=adam(1e-2), epochs=8)
COLOURS = Recipe(data=colours, net=lambda: Coloured(viewed=False), optimizer=adam(3e-3), epochs=10)
SPIRAL = Recipe(data=spiral, net=Arms, optimizer=adam(1e-2), epochs=20)
PAIRS = Recipe(
    data=pairs,
    net=lambda: Same(cut=False),
    optimizer=adam(3e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    epochs=10,
)

CASES = [
    spoilt(
        "words_with_rows_for_time",
        "B10",
        WORDS,
        "a recurrent layer without `batch_first` takes the rows for time",
        net=lambda: FirstWord(rows_first=False),
    ),
    spoilt(
        "colours_viewed",
        "B03 B05",
        COLOURS,
        "the colours are brought to the front by a `reshape`",
        net=lambda: Coloured(viewed=True),
    ),
    spoilt(
        "spiral_without_activations",
        "L05",
        SPIRAL,
        "nothing bends in `forward`",
        net=lambda: Arms(bends=False),
    ),
    spoilt(
        "spiral_layers_in_a_list",
        "B07 G04",
        SPIRAL,
        "two layers in a plain list, at a rate that suits them",
        net=lambda: Arms(hidden=True),
    ),
    spoilt(
        "pairs_without_gradients",
        "B07 G04",
        PAIRS,
        "the body runs under `no_grad`",
        net=lambda: Same(cut=True),
    ),
    spoilt(
        "spiral_faint_gains",
        "G02",
        replace(SPIRAL, net=normed),
        "the gains of the norms begin at 0.001, with SGD",
        net=lambda: normed(1e-3),
        optimizer=sgd(0.1),
    ),
]
