"""The data that the gauntlet trains on: from scikit-learn or drawn, always the same, each split once."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from sklearn import datasets
from torch.utils.data import DataLoader, Dataset, TensorDataset


class Data(NamedTuple):
    """Inputs and targets, training and validation."""

    inputs: torch.Tensor
    targets: torch.Tensor
    val_inputs: torch.Tensor
    val_targets: torch.Tensor


def split(inputs: np.ndarray, targets: np.ndarray, train_rows: int, *, seed: int = 0) -> Data:
    """Return rows in a fixed random order, the first `train_rows` to train on."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    inputs, targets = np.asarray(inputs)[order], np.asarray(targets)[order]
    inputs_t = torch.tensor(inputs, dtype=torch.long if inputs.dtype.kind == "i" else torch.float32)
    targets_t = torch.tensor(targets, dtype=torch.long if targets.dtype.kind == "i" else torch.float32)
    return Data(inputs_t[:train_rows], targets_t[:train_rows], inputs_t[train_rows:], targets_t[train_rows:])


def loaders(data: Data, batch: int, *, shuffle: bool = True, train: Dataset | None = None) -> list[DataLoader]:
    """Return training and validation loader; `train` takes the place of the training rows."""
    train = train if train is not None else TensorDataset(data.inputs, data.targets)
    val = TensorDataset(data.val_inputs, data.val_targets)
    return [DataLoader(train, batch_size=batch, shuffle=shuffle), DataLoader(val, batch_size=500)]


@cache
def digits() -> Data:
    """1797 digits of 64 pixels from 0 to 1, ten classes, 1400 to train on."""
    pixels, labels = datasets.load_digits(return_X_y=True)
    return split(pixels / 16, labels.astype(int), 1400)


@cache
def pictures() -> Data:
    """The digits as pictures (1, 8, 8)."""
    data = digits()
    return data._replace(inputs=data.inputs.view(-1, 1, 8, 8), val_inputs=data.val_inputs.view(-1, 1, 8, 8))


@cache
def rows_of_pictures() -> Data:
    """The digits as sequences of eight rows (8, 8), for recurrent nets."""
    data = digits()
    return data._replace(inputs=data.inputs.view(-1, 8, 8), val_inputs=data.val_inputs.view(-1, 8, 8))


@cache
def circle() -> Data:
    """Two noisy circles within each other (Zhang et al. 2021), targets (N, 1) of 0 and 1; the best reach 0.87."""
    points, labels = datasets.make_circles(1000, noise=0.1, random_state=1)
    points = 2 * (points - points.min(0)) / (points.max(0) - points.min(0)) - 1
    return split(points, labels[:, None].astype(float), 700)


@cache
def blobs() -> Data:
    """Three clouds that overlap (Zhang et al. 2021), class numbers; the best reach 0.85."""
    points, labels = datasets.make_blobs(1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    return split(points, labels.astype(int), 700)


@cache
def xor() -> Data:
    """Exclusive or, each of its four rows many times, targets (N, 1)."""
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 50, dtype=float)
    return split(rows, (rows.sum(1, keepdims=True) == 1).astype(float), 160)


@cache
def wine(*, scaled: bool = True) -> Data:
    """178 wines of 13 features in their own units or standardised, three classes."""
    features, labels = datasets.load_wine(return_X_y=True)
    return _scaled(split(features, labels.astype(int), 118), scaled)


@cache
def cancer(*, scaled: bool = True) -> Data:
    """569 tumours of 30 features in their own units or standardised, targets (N, 1)."""
    features, labels = datasets.load_breast_cancer(return_X_y=True)
    return _scaled(split(features, labels[:, None].astype(float), 400), scaled)


@cache
def iris(*, scaled: bool = True) -> Data:
    """150 irises of 4 features, three classes."""
    features, labels = datasets.load_iris(return_X_y=True)
    return _scaled(split(features, labels.astype(int), 100), scaled)


@cache
def table(rows: int = 900, features: int = 20, *, classes: int = 2, seed: int = 3) -> Data:
    """A table with half of its features informative; class numbers, or (N, 1) where there are two classes."""
    inputs, labels = datasets.make_classification(
        rows, features, n_informative=features // 2, n_classes=classes, class_sep=1.5, flip_y=0.0, random_state=seed
    )
    targets = labels[:, None].astype(float) if classes == 2 else labels.astype(int)
    return split(inputs, targets, rows * 2 // 3)


@cache
def rare(share: float = 0.05, rows: int = 1800, *, apart: float = 1.0) -> Data:
    """A table whose second class is rare and overlaps the first a little, class numbers."""
    inputs, labels = datasets.make_classification(
        rows, 10, n_informative=5, weights=[1 - share], class_sep=apart, flip_y=0.0, random_state=5
    )
    return split(inputs, labels.astype(int), rows * 2 // 3)


@cache
def curve(rows: int = 900) -> Data:
    """Friedman's first function of ten features with some noise, targets (N, 1) standardised."""
    inputs, targets = datasets.make_friedman1(rows, 10, noise=0.5, random_state=4)
    return split(2 * inputs - 1, ((targets - targets.mean()) / targets.std())[:, None], rows * 2 // 3)


@cache
def plane(rows: int = 900, features: int = 20) -> Data:
    """scikit-learn's linear regression in its own units (targets of a few hundred), targets (N, 1)."""
    inputs, targets = datasets.make_regression(rows, features, n_informative=10, noise=5.0, random_state=1)
    return split(inputs, targets[:, None], rows * 2 // 3)


@cache
def tags() -> Data:
    """Rows with several of five labels each, targets (N, 5) of 0 and 1."""
    inputs, targets = datasets.make_multilabel_classification(1200, 20, n_classes=5, n_labels=2, random_state=7)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    return split(inputs, targets.astype(float), 800)


@cache
def words() -> Data:
    """Sequences of 12 words out of 40; the class says which of four marker words comes first."""
    random = np.random.default_rng(11)
    words_NT = random.integers(4, 40, (1200, 12))
    labels = random.integers(0, 4, 1200)
    first = random.integers(0, 6, 1200)
    words_NT[np.arange(1200), first] = labels
    words_NT[np.arange(1200), random.integers(6, 12, 1200)] = random.integers(0, 4, 1200)
    return split(words_NT.astype(int), labels.astype(int), 800)


def noisy_labels(data: Data, share: float, *, seed: int = 0) -> Data:
    """Return the data with a share of the training labels drawn anew."""
    random = np.random.default_rng(seed)
    targets = data.targets.clone()
    chosen = torch.tensor(random.random(len(targets)) < share)
    drawn = torch.tensor(random.integers(0, int(targets.max()) + 1, len(targets)))
    targets[chosen] = drawn.to(targets.dtype).view(targets.shape)[chosen]
    return data._replace(targets=targets)


def _scaled(data: Data, scaled: bool) -> Data:
    if not scaled:
        return data
    mean, deviation = data.inputs.mean(0), data.inputs.std(0)
    return data._replace(inputs=(data.inputs - mean) / deviation, val_inputs=(data.val_inputs - mean) / deviation)
