"""Data, models and plain loops that the tests share, each described once."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import autofix_nb as af

TRAIN_ROWS = 1400


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return scikit-learn's digits: pixels (1797, 64) in 0..1, and labels (1797,)."""
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return torch.tensor(pixels / 16, dtype=torch.float32)[order], torch.tensor(labels)[order]


class Damaged(Dataset):
    """Rows of which some raise, some have another shape, and some hold NaN."""

    def __init__(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        *,
        raising: Collection[int] = (),
        odd: Collection[int] = (),
        nan: Collection[int] = (),
        error: Callable[[int], Exception] = lambda index: ValueError(f"sample {index} is broken"),
    ) -> None:
        self.inputs, self.targets = inputs, targets
        self.raising, self.odd, self.nan = set(raising), set(odd), set(nan)
        self.error = error

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index in self.raising:
            raise self.error(index)
        row = self.inputs[index]
        if index in self.odd:
            row = row[:-1]
        if index in self.nan:
            row = torch.full_like(row, float("nan"))
        return row, self.targets[index]


def digits_loaders(batch_size: int = 32, **damage: Any) -> tuple[DataLoader, DataLoader]:
    """Return training loader (damaged as asked for) and validation loader of the digits."""
    inputs, targets = digits()
    train: Dataset = TensorDataset(inputs[:TRAIN_ROWS], targets[:TRAIN_ROWS])
    if damage:
        train = Damaged(inputs[:TRAIN_ROWS], targets[:TRAIN_ROWS], **damage)
    val = TensorDataset(inputs[TRAIN_ROWS:], targets[TRAIN_ROWS:])
    return DataLoader(train, batch_size=batch_size, shuffle=True), DataLoader(val, batch_size=200)


def small_loader(
    rows: int = 64, features: int = 4, classes: int = 3, batch_size: int = 8, **options: Any
) -> DataLoader:
    """Return a shuffled loader of random rows and class numbers."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(rows, features, generator=generator)
    targets = torch.randint(0, classes, (rows,), generator=generator)
    return DataLoader(TensorDataset(inputs, targets), batch_size=batch_size, **({"shuffle": True} | options))


def mlp(features: int = 64, classes: int = 10, hidden: int = 64, seed: int = 0) -> nn.Sequential:
    """Return a small multilayer perceptron, the same for the same seed."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes))


class ConvNet(nn.Module):
    """Convolution, batch norm and dropout on digits given as rows of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(8 * 16, 10))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(rows.view(-1, 1, 8, 8)))


class Lstm(nn.Module):
    """A digit read row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, num_layers=2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(rows.view(-1, 8, 8))
        return self.head(states[:, -1])


def plain_loop(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any, epochs: int, seed: int) -> None:
    """Train as everybody does, over the exact batches that `fit` trains on."""
    loss_function = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        for inputs, targets in af.batches(loader, seed=seed, epoch=epoch):
            optimizer.zero_grad()
            loss = loss_function(model(inputs), targets)
            loss.backward()
            optimizer.step()


def same_weights(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    """Tell whether two state dicts are equal bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[name].cpu(), right[name].cpu()) for name in left)
