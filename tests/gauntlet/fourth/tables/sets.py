"""The tables that are trained on here: drawn or from scikit-learn, always the same, each split once."""

from functools import cache

import numpy as np
import torch
from sklearn import datasets

from tests.gauntlet.data import Data, split


def standard(data: Data, *, inputs: bool = True, targets: bool = False) -> Data:
    """Return the data with mean 0 and deviation 1, as the training rows have them."""
    if inputs:
        mean, deviation = data.inputs.mean(0), data.inputs.std(0)
        data = data._replace(inputs=(data.inputs - mean) / deviation, val_inputs=(data.val_inputs - mean) / deviation)
    if targets:
        mean, deviation = data.targets.mean(0), data.targets.std(0)
        data = data._replace(
            targets=(data.targets - mean) / deviation, val_targets=(data.val_targets - mean) / deviation
        )
    return data


@cache
def houses(rows: int = 1500) -> Data:
    """Houses by area, rooms, age, way to town, energy, year of sale and light; the price (N, 1) in euros."""
    random = np.random.default_rng(21)
    area = random.uniform(30, 250, rows)
    rooms = np.clip(np.round(area / 28 + random.normal(0, 0.8, rows)), 1, None)
    age, way = random.uniform(0, 100, rows), random.exponential(9.0, rows)
    energy = 60 + 2.2 * age + random.normal(0, 25, rows)
    year, light = random.integers(2005, 2023, rows), random.uniform(0, 1, rows)
    price = area * (2800 - 45 * np.minimum(way, 30) - 11 * age + 700 * light) * (1 + 0.03 * (year - 2005))
    price = price + 6000 * rooms - 90 * energy + random.normal(0, 15000, rows)
    return split(np.stack([area, rooms, age, way, energy, year, light], 1).astype(float), price[:, None], 1000)


@cache
def homes() -> Data:
    """The houses with inputs and prices standardised."""
    return standard(houses(), targets=True)


@cache
def circuit(*, phase: bool = False) -> Data:
    """Friedman's circuits of four parts in their own units: impedance (N, 1) of 0 to 1800, or the phase."""
    make = datasets.make_friedman3 if phase else datasets.make_friedman2
    inputs, targets = make(1500, noise=0.05 if phase else 20.0, random_state=8)
    return split(inputs, targets[:, None], 1000)


@cache
def sugar() -> Data:
    """scikit-learn's 442 diabetics: features of deviation 0.05, the disease after a year (N, 1) from 25 to 346."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    return split(inputs, targets[:, None], 300)


@cache
def shells(classes: int = 4) -> Data:
    """Gaussian shells around each other in four dimensions, class numbers."""
    inputs, labels = datasets.make_gaussian_quantiles(n_samples=1800, n_features=4, n_classes=classes, random_state=9)
    return split(inputs, labels.astype(int), 1200)


@cache
def hastie() -> Data:
    """Hastie's ten normal features: whether their squares sum to more than 9.34, targets (N, 1)."""
    inputs, labels = datasets.make_hastie_10_2(2000, random_state=10)
    return split(inputs, (labels > 0)[:, None].astype(float), 1400)


@cache
def moons() -> Data:
    """Two half moons with noise, targets (N, 1)."""
    points, labels = datasets.make_moons(1000, noise=0.15, random_state=12)
    return split(points, labels[:, None].astype(float), 700)


@cache
def spiral(arms: int = 3) -> Data:
    """Spiral arms in the plane, class numbers."""
    random = np.random.default_rng(13)
    labels = np.repeat(np.arange(arms), 400)
    way = random.uniform(0.1, 1, len(labels))
    angle = 2 * np.pi * labels / arms + 4.5 * way + random.normal(0, 0.12, len(labels))
    points = np.stack([way * np.cos(angle), way * np.sin(angle)], 1)
    return split(2 * points, labels.astype(int), 800)


@cache
def wave() -> Data:
    """One number in, a wave with noise out (N, 1)."""
    random = np.random.default_rng(14)
    where = random.uniform(-1, 1, (900, 1))
    return split(where, np.sin(7 * where) + 0.1 * random.normal(size=where.shape), 600)


@cache
def roll() -> Data:
    """A rolled sheet in space, its coordinates of about ±12; the place along the sheet (N, 1) standardised."""
    points, along = datasets.make_swiss_roll(1200, noise=0.3, random_state=15)
    return standard(split(points, along[:, None], 800), inputs=False, targets=True)


@cache
def ratings(users: int = 80, films: int = 60, rows: int = 3200) -> Data:
    """Who rates which film (N, 2), and the stars (N, 1) from 1 to 5 with halves."""
    random = np.random.default_rng(16)
    tastes, kinds = random.normal(0, 1, (users, 3)), random.normal(0, 1, (films, 3))
    mild, good = random.normal(0, 0.5, users), random.normal(0, 0.6, films)
    pairs = random.permutation(users * films)[:rows]
    who, what = pairs // films, pairs % films
    stars = 3.2 + mild[who] + good[what] + 0.45 * (tastes[who] * kinds[what]).sum(1) + random.normal(0, 0.15, rows)
    stars = np.clip(np.round(2 * stars) / 2, 1, 5)
    return split(np.stack([who, what], 1).astype(int), stars[:, None], 2600)


@cache
def shops() -> Data:
    """Orders by five codes of 20 values each (N, 5); which of three ways they are sent, class numbers."""
    random = np.random.default_rng(17)
    codes = random.integers(0, 20, (2000, 5))
    worth = random.normal(0, 1, (5, 20, 3))
    scores = sum(worth[column][codes[:, column]] for column in range(5))
    return split(codes.astype(int), scores.argmax(1).astype(int), 1500)


@cache
def topics(labels: int = 8, *, cut: float = 0.6, noise: float = 0.0) -> Data:
    """Rows of 16 features with some of eight labels, each by two directions (and noise), targets (N, 8)."""
    random = np.random.default_rng(18)
    inputs = random.normal(0, 1, (1600, 16))
    first, second = random.normal(0, 0.25, (2, 16, labels))
    worth = inputs @ first + 0.7 * (inputs @ second).clip(0) + noise * random.normal(size=(1600, labels))
    return split(inputs, (worth > cut).astype(float), 1100)


@cache
def visits() -> Data:
    """How many come in an hour, by eight features; counts (N, 1) from 0 to some 60."""
    random = np.random.default_rng(19)
    inputs = random.normal(0, 1, (1500, 8))
    rate = np.exp(1.2 + 0.6 * inputs[:, 0] - 0.4 * inputs[:, 1] + 0.5 * np.sin(2 * inputs[:, 2]) + 0.3 * inputs[:, 3])
    return split(inputs, random.poisson(rate).astype(float)[:, None], 1000)


@cache
def clicks(share: float = 0.08, rows: int = 3000) -> Data:
    """Who clicks: one row in twelve, with much chance in it; targets (N, 1)."""
    random = np.random.default_rng(20)
    inputs = random.normal(0, 1, (rows, 8))
    near = (inputs[:, 0] * inputs[:, 1] + 0.8 * inputs[:, 2] - 0.5 * np.abs(inputs[:, 3])) + random.normal(0, 0.9, rows)
    return split(inputs, (near > np.quantile(near, 1 - share))[:, None].astype(float), rows * 2 // 3)


@cache
def faults() -> Data:
    """Machines that are well (92 of 100), or fail in one of two ways; class numbers."""
    inputs, labels = datasets.make_classification(
        2400, 12, n_informative=6, n_classes=3, weights=[0.92, 0.05, 0.03], class_sep=1.0, flip_y=0, random_state=22
    )
    return split(inputs, labels.astype(int), 1600)


def columns(data: Data, scale: dict[int, float], offset: dict[int, float] | None = None) -> Data:
    """Return the data with some columns in other units, training and validation alike."""
    factor, shift = torch.ones(data.inputs.shape[1]), torch.zeros(data.inputs.shape[1])
    for column, size in scale.items():
        factor[column] = size
    for column, size in (offset or {}).items():
        shift[column] = size
    return data._replace(inputs=data.inputs * factor + shift, val_inputs=data.val_inputs * factor + shift)
