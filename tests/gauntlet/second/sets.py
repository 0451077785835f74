"""More data: tables in their own units, sequences, drawn pictures, photo tiles, ratings, a small text."""

from functools import cache

import numpy as np
import torch
from sklearn import datasets

from tests.gauntlet.data import Data, digits, split


def standard(data: Data) -> Data:
    """Return the data with standardised inputs, by the training rows."""
    mean, deviation = data.inputs.mean(0), data.inputs.std(0)
    return data._replace(inputs=(data.inputs - mean) / deviation, val_inputs=(data.val_inputs - mean) / deviation)


def with_inputs(data: Data, change) -> Data:
    """Return the data with the same change made to all inputs."""
    return data._replace(inputs=change(data.inputs), val_inputs=change(data.val_inputs))


def with_targets(data: Data, change) -> Data:
    """Return the data with the same change made to all targets."""
    return data._replace(targets=change(data.targets), val_targets=change(data.val_targets))


@cache
def moons() -> Data:
    """Two half moons, class numbers; the best reach 0.97."""
    points, labels = datasets.make_moons(900, noise=0.15, random_state=21)
    return split(points, labels.astype(int), 600)


@cache
def rings() -> Data:
    """Three rings within each other, class numbers."""
    random = np.random.default_rng(22)
    labels = random.integers(0, 3, 900)
    radius, angle = 0.5 + labels + random.normal(0, 0.12, 900), random.uniform(0, 2 * np.pi, 900)
    return split(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) / 2, labels.astype(int), 600)


@cache
def hastie() -> Data:
    """Hastie's ten normal features, whether their length is above the median; targets (N, 1) of 0 and 1."""
    inputs, labels = datasets.make_hastie_10_2(2400, random_state=23)
    return split(inputs, (labels[:, None] > 0).astype(float), 1600)


@cache
def diabetes() -> Data:
    """442 patients of ten features, standardised; targets (N, 1) standardised; the best explain about half."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    inputs = inputs / inputs.std(0)
    return split(inputs, ((targets - targets.mean()) / targets.std())[:, None], 300)


@cache
def circuit(*, scaled: bool = True) -> Data:
    """Friedman's second function: four features, of which one reaches 1700 and one 1; targets (N, 1) standardised."""
    inputs, targets = datasets.make_friedman2(900, noise=20.0, random_state=24)
    data = split(inputs, ((targets - targets.mean()) / targets.std())[:, None], 600)
    return standard(data) if scaled else data


@cache
def phase() -> Data:
    """Friedman's third function, an angle of four features; inputs standardised, targets (N, 1) in radians."""
    inputs, targets = datasets.make_friedman3(900, noise=0.02, random_state=25)
    return standard(split(inputs, targets[:, None], 600))


@cache
def wave() -> Data:
    """A noisy sum of two sines of one number between -1 and 1, targets (N, 1)."""
    random = np.random.default_rng(26)
    inputs = random.uniform(-1, 1, (800, 1))
    targets = np.sin(3 * inputs) + 0.5 * np.cos(8 * inputs) + random.normal(0, 0.05, (800, 1))
    return split(inputs, targets, 500)


@cache
def uneven() -> Data:
    """A line whose noise grows with its input, targets (N, 1)."""
    random = np.random.default_rng(27)
    inputs = random.uniform(-1, 1, (900, 3))
    mean = 2 * inputs[:, :1] - inputs[:, 1:2] ** 2
    return split(inputs, mean + random.normal(0, 1, (900, 1)) * (0.05 + 0.3 * (inputs[:, :1] > 0)), 600)


@cache
def counts() -> Data:
    """Counts that follow a Poisson law of six features, targets (N, 1)."""
    random = np.random.default_rng(28)
    inputs = random.normal(0, 1, (1000, 6))
    rates = np.exp(0.8 + 0.7 * inputs[:, :1] - 0.5 * inputs[:, 1:2] + 0.3 * inputs[:, 2:3])
    return split(inputs, random.poisson(rates).astype(float), 700)


@cache
def tones(length: int = 32) -> Data:
    """Sequences (T, 1) of a noisy sine with a random phase, its pitch one of four classes."""
    random = np.random.default_rng(29)
    labels = random.integers(0, 4, 900)
    time, phase = np.arange(length)[None], random.uniform(0, 2 * np.pi, (900, 1))
    waves = np.sin(time * (0.25 + 0.3 * labels[:, None]) + phase) + random.normal(0, 0.3, (900, length))
    return split(waves[:, :, None], labels.astype(int), 600)


@cache
def sums(length: int = 8) -> Data:
    """Sequences (T, 2) of numbers and two marks; the target (N, 1) is the sum of the marked (the adding problem)."""
    random = np.random.default_rng(30)
    numbers, marks = random.uniform(0, 1, (1200, length)), np.zeros((1200, length))
    first, second = random.integers(0, length // 2, 1200), random.integers(length // 2, length, 1200)
    rows = np.arange(1200)
    marks[rows, first] = marks[rows, second] = 1
    targets = numbers[rows, first] + numbers[rows, second]
    return split(np.stack([numbers, marks], 2), targets[:, None] - 1, 900)


@cache
def recall(length: int = 24) -> Data:
    """Sequences (T, 4) that begin with one of four signs, and noise after it; the class is the sign."""
    random = np.random.default_rng(31)
    labels = random.integers(0, 4, 900)
    inputs = random.normal(0, 0.3, (900, length, 4))
    inputs[:, 0] = np.eye(4)[labels] * 3
    return split(inputs, labels.astype(int), 600)


@cache
def bars() -> Data:
    """Drawn pictures (1, 12, 12) of a lying, a standing or a slanted bar in noise, class numbers."""
    random = np.random.default_rng(32)
    labels = random.integers(0, 4, 1000)
    pictures = random.normal(0, 0.25, (1000, 1, 12, 12))
    for picture, label in zip(pictures[:, 0], labels, strict=True):
        row, column = random.integers(2, 10, 2)
        if label == 0:
            picture[row, 1:11] += 1
        elif label == 1:
            picture[1:11, column] += 1
        else:
            steps = np.arange(7)
            down = 2 + steps if label == 2 else 9 - steps
            picture[down, steps + column % 5] += 1
    return split(pictures, labels.astype(int), 700)


@cache
def tiles() -> Data:
    """Tiles (3, 16, 16) of the two photos in scikit-learn, 0 to 1: a temple or a flower, targets (N, 1)."""
    found = []
    for label, name in enumerate(("china.jpg", "flower.jpg")):
        photo = datasets.load_sample_image(name)[:416, :640] / 255
        cut = photo.reshape(26, 16, 40, 16, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, 16, 16)
        found += [(tile, label) for tile in cut[::2]]
    pixels, labels = np.stack([tile for tile, _ in found]), np.array([[label] for _, label in found], dtype=float)
    return split(pixels, labels, 700)


@cache
def spots() -> Data:
    """Pictures (1, 10, 10) with one bright square of four pixels among noise; the target marks its pixels."""
    random = np.random.default_rng(33)
    pictures, targets = random.normal(0, 0.35, (500, 1, 10, 10)), np.zeros((500, 1, 10, 10))
    for picture, target in zip(pictures[:, 0], targets[:, 0], strict=True):
        row, column = random.integers(0, 9, 2)
        picture[row : row + 2, column : column + 2] += 1
        target[row : row + 2, column : column + 2] = 1
    return split(pictures, targets, 350)


@cache
def text() -> Data:
    """Eight characters (as numbers below 64) of the descriptions in scikit-learn, and the one that comes next."""
    written = " ".join(
        make().DESCR for make in (datasets.load_breast_cancer, datasets.load_wine, datasets.load_diabetes)
    )
    codes = np.array([min(max(ord(letter) - 32, 0), 95) for letter in written.upper() if ord(letter) < 128]) % 64
    random = np.random.default_rng(34)
    starts = random.permutation(len(codes) - 9)[:3000]
    return split(np.stack([codes[start : start + 8] for start in starts]), codes[starts + 8].astype(int), 2400)


@cache
def ratings() -> Data:
    """Pairs (user, item) as numbers, and a rating (N, 1) that is a product of hidden tastes, standardised."""
    random = np.random.default_rng(35)
    users, items = random.normal(0, 1, (40, 3)), random.normal(0, 1, (30, 3))
    pairs = np.stack(np.divmod(random.permutation(1200), 30), 1)
    values = (users[pairs[:, 0]] * items[pairs[:, 1]]).sum(1) + random.normal(0, 0.2, 1200)
    return split(pairs.astype(int), (values / values.std())[:, None], 950)


@cache
def copies() -> Data:
    """The digits (64) as their own targets, for nets that squeeze them."""
    data = digits()
    return data._replace(targets=data.inputs, val_targets=data.val_inputs)


@cache
def signs() -> Data:
    """Words (10) out of 20; yes when there are more good ones (numbers 0 to 3) than bad ones (4 to 7)."""
    random = np.random.default_rng(36)
    words = random.integers(8, 20, (1300, 10))
    marked = random.random((1300, 10)) < 0.5
    words = np.where(marked, random.integers(0, 8, (1300, 10)), words)
    good, bad = (words < 4).sum(1), ((words >= 4) & (words < 8)).sum(1)
    kept = good != bad
    return split(words[kept].astype(int), (good > bad)[kept, None].astype(float), 800)


def fewer(data: Data, rows: int) -> Data:
    """Return the data with its first training rows only."""
    return data._replace(inputs=data.inputs[:rows], targets=data.targets[:rows])


def thinned(data: Data, label: int, rows: int) -> Data:
    """Return the data in which a class has that many training rows left."""
    own = torch.nonzero(data.targets.view(-1) == label).view(-1)[rows:]
    kept = torch.ones(len(data.targets), dtype=torch.bool)
    kept[own] = False
    return data._replace(inputs=data.inputs[kept], targets=data.targets[kept])
