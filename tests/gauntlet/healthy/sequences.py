"""Words and sequences: recurrent nets, a transformer, sparse embeddings, a model of the next letter."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import data, score
from tests.gauntlet.case import Case
from tests.gauntlet.data import Data
from tests.gauntlet.healthy.tables import healthy
from tests.gauntlet.recipe import Recipe, adam

LETTERS = 12


class Recurrent(nn.Module):
    """A digit read row by row."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.reader = kind(8, 32, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(self.reader(rows)[0][:, -1])


class Transformer(nn.Module):
    """Two layers of attention over words, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(40, 32), nn.Parameter(0.1 * torch.randn(12, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(32, 4)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.words(words) + self.places).mean(1))


class BagOfWords(nn.Module):
    """The mean of word vectors."""

    def __init__(self, *, sparse: bool = False) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(40, 16, sparse=sparse)
        self.head = nn.Linear(16, 4)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.words(words))


class NextLetter(nn.Module):
    """Says the next letter at each place."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(LETTERS, 16)
        self.reader = nn.GRU(16, 32, batch_first=True)
        self.head = nn.Linear(32, LETTERS)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        return self.head(self.reader(self.letters(letters))[0]).transpose(1, 2)


def topics() -> Data:
    """Return bags of twelve words of which some are typical of one of four topics."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, 1200)
    words = random.integers(0, 40, (1200, 12))
    typical = random.random(words.shape) < 0.35
    words[typical] = (labels[:, None] * 10 + random.integers(0, 10, words.shape))[typical]
    return data.split(words, labels, 800)


def letters() -> Data:
    """Return texts in which three of four letters follow from the one before, and the rest are chance."""
    random = np.random.default_rng(6)
    follows = random.permutation(LETTERS)
    text = np.zeros((700, 17), dtype=int)
    text[:, 0] = random.integers(0, LETTERS, 700)
    for place in range(1, 17):
        chance = random.integers(0, LETTERS, 700)
        text[:, place] = np.where(random.random(700) < 0.75, follows[text[:, place - 1]], chance)
    text = text[np.unique(text[:, :-1], axis=0, return_index=True)[1]]
    return data.split(text[:, :-1], text[:, 1:], 500)


def letters_right(model: nn.Module, rows: Data, threshold: float | None = None) -> float:
    """Share of the letters that can be known and are said."""
    said = score.answers(model, rows.val_inputs).argmax(1)
    return min(100.0, 100 * float((said == rows.val_targets).float().mean()) / 0.77)


def sparse_sgd(net: nn.Module) -> torch.optim.Optimizer:
    """Return SGD, which takes sparse gradients as they are."""
    return torch.optim.SGD(net.parameters(), lr=4.0)


def sequence_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over all places."""
    return functional.cross_entropy(outputs, targets)


TOPICS = Recipe(data=topics, net=BagOfWords, optimizer=adam(1e-2), epochs=10)

CASES: tuple[Case, ...] = (
    healthy("LSTM reads digits", Recipe(
        data=data.rows_of_pictures, net=lambda: Recurrent(nn.LSTM), optimizer=adam(1e-2), batch=64, epochs=12,
    )),
    healthy("GRU reads digits", Recipe(
        data=data.rows_of_pictures, net=lambda: Recurrent(nn.GRU), optimizer=adam(1e-2), batch=64, epochs=7,
    )),
    healthy("transformer finds the first marker", Recipe(
        data=data.words, net=Transformer, optimizer=adam(3e-3), batch=64, epochs=10,
    )),
    healthy("word vectors", TOPICS),
    healthy("word vectors with sparse gradients", replace(
        TOPICS, net=lambda: BagOfWords(sparse=True), optimizer=sparse_sgd,
    )),
    healthy("next letter", Recipe(
        data=letters, net=NextLetter, optimizer=adam(1e-2), loss=lambda: sequence_loss, score=letters_right, epochs=7,
    ), "A quarter of the letters is chance: the loss ends far above 0"),
)  # fmt: skip
"""Sequences that end well."""
