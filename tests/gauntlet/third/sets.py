"""Data of the cases of the third set: sequences, small texts, photo tiles, prices and ratings, always the same."""

from functools import cache

import numpy as np
from sklearn import datasets

from tests.gauntlet.data import Data, split

SUBJECTS = range(1, 9)
GOOD, BAD, NOT = range(9, 17), range(17, 25), 25


@cache
def waves(steps: int = 40, noise: float = 0.3) -> Data:
    """900 series (T, 1), 600 to train on: sine, square or saw tooth of random pitch and phase, class numbers."""
    random = np.random.default_rng(21)
    turns = random.uniform(2, 5, (900, 1)) * np.arange(steps) / steps + random.uniform(0, 1, (900, 1))
    shapes = np.stack([np.sin(2 * np.pi * turns), np.sign(np.sin(2 * np.pi * turns)), 2 * (turns % 1) - 1])
    labels = random.integers(0, 3, 900)
    series = shapes[labels, np.arange(900)] + noise * random.standard_normal((900, steps))
    return split(series[:, :, None], labels.astype(int), 600)


@cache
def reviews() -> Data:
    """1200 sentences of 12 word numbers (0 is padding), 800 to train on: praise or blame, and some are negated."""
    random = np.random.default_rng(22)
    words, labels = random.integers(26, 50, (1200, 12)), random.integers(0, 2, 1200)
    negated = random.random(1200) < 0.4
    for row, (label, turned) in enumerate(zip(labels, negated, strict=True)):
        place = random.integers(1, 10)
        words[row, place] = random.choice(GOOD if label != turned else BAD)
        words[row, place - 1] = NOT if turned else random.choice(SUBJECTS)
        words[row, random.integers(11, 13) :] = 0
    return split(words.astype(int), labels.astype(int), 800)


@cache
def letters() -> Data:
    """2000 times eight letters of scikit-learn's descriptions of its data, 1500 to train on; class: the next letter."""
    text = " ".join(
        load().DESCR for load in (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer)
    ).lower()
    kept = [letter if letter.isalpha() and letter.isascii() else " " for letter in " ".join(text.split())]
    codes = np.array([0 if letter == " " else ord(letter) - 96 for letter in kept])
    starts = np.random.default_rng(23).permutation(len(codes) - 9)[:2000]
    return split(codes[starts[:, None] + np.arange(8)].astype(int), codes[starts + 8].astype(int), 1500)


@cache
def tiles(size: int = 8, rows: int = 500, *, high: float = 1.0) -> Data:
    """Colour tiles (3, S, S) of two photos, two thirds to train on; class: the photo. Pixels from 0 to `high`."""
    random = np.random.default_rng(24)
    cut = []
    for photo in datasets.load_sample_images().images:
        grid = [(y, x) for y in range(0, 420 - size, size) for x in range(0, 630 - size, size)]
        chosen = random.permutation(len(grid))[:rows]
        cut += [photo[y : y + size, x : x + size].transpose(2, 0, 1) for y, x in (grid[one] for one in chosen)]
    return split(high * np.stack(cut) / 255, np.repeat([0, 1], rows).astype(int), 4 * rows // 3)


@cache
def houses(*, inputs_scaled: bool = True, prices_scaled: bool = True) -> Data:
    """900 drawn house sales, 600 to train on: feet, rooms, age, metres to town, lot; price (N, 1).

    Both are as people write them down (square feet, dollars), or standardised.
    """
    random = np.random.default_rng(25)
    feet, rooms = random.lognormal(7.4, 0.4, 900), random.integers(1, 8, 900)
    age, away, lot = random.uniform(0, 100, 900), random.uniform(100, 20000, 900), random.lognormal(9, 0.6, 900)
    price = 60000 + 130 * feet * np.exp(-away / 15000) + 9000 * rooms - 700 * age + 2 * lot
    price *= np.exp(0.05 * random.standard_normal(900))
    inputs = np.stack([feet, rooms, age, away, lot], 1)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0) if inputs_scaled else inputs
    price = (price - price.mean()) / price.std() if prices_scaled else price
    return split(inputs, price[:, None], 600)


@cache
def ratings() -> Data:
    """2400 ratings (N, 1) of 80 films by 60 people, 1800 to train on; inputs: the numbers of both."""
    random = np.random.default_rng(26)
    people, films = random.standard_normal((60, 3)), random.standard_normal((80, 3))
    pairs = np.stack(np.unravel_index(random.permutation(4800)[:2400], (60, 80)), 1)
    liked = (people[pairs[:, 0]] * films[pairs[:, 1]]).sum(1) + 0.2 * random.standard_normal(2400)
    return split(pairs.astype(int), liked[:, None], 1800)


@cache
def spots(side: int = 12) -> Data:
    """500 noisy pictures (1, S, S) of one bright spot of four pixels, 350 to train on; targets: its mask."""
    random = np.random.default_rng(27)
    masks = np.zeros((500, 1, side, side))
    for mask, (y, x) in zip(masks[:, 0], random.integers(0, side - 1, (500, 2)), strict=True):
        mask[y : y + 2, x : x + 2] = 1
    return split(masks + 0.35 * random.standard_normal(masks.shape), masks, 350)


@cache
def places() -> Data:
    """900 noisy pictures (1, 12, 12) of a sign, 600 to train on; targets: which of three, and its row and column."""
    random = np.random.default_rng(28)
    plus, cross = [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    box = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    signs = np.array([plus, cross, box])
    labels, at = random.integers(0, 3, 900), random.integers(0, 10, (900, 2))
    pictures = 0.2 * random.standard_normal((900, 1, 12, 12))
    for picture, label, (y, x) in zip(pictures[:, 0], labels, at, strict=True):
        picture[y : y + 3, x : x + 3] += signs[label]
    return split(pictures, np.column_stack([labels, at]).astype(float), 600)


@cache
def forecast() -> Data:
    """900 windows (24, 1) of a noisy series of two rhythms, 600 to train on; target: the next value (N, 1)."""
    random = np.random.default_rng(29)
    time = np.arange(924)
    series = np.sin(time / 3) + 0.6 * np.sin(time / 7.3) + 0.1 * random.standard_normal(924)
    return split(series[np.arange(900)[:, None] + np.arange(24)][:, :, None], series[24:, None], 600)


@cache
def circuits(*, scaled: bool = True) -> Data:
    """Friedman's second function (resistance of a circuit), 600 of 900 to train on; its four inputs in own units."""
    inputs, targets = datasets.make_friedman2(900, noise=20.0, random_state=6)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0) if scaled else inputs
    return split(inputs, ((targets - targets.mean()) / targets.std())[:, None], 600)


@cache
def diabetes(*, targets_scaled: bool = True) -> Data:
    """442 patients, 300 to train on; progress of the disease (N, 1), 25 to 346 or scaled; the best reach R² of 0.5."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    targets = (targets - targets.mean()) / targets.std() if targets_scaled else targets
    return split(inputs / inputs.std(0), targets[:, None], 300)


@cache
def spirals() -> Data:
    """900 points of three arms that wind around each other, 600 to train on, class numbers."""
    random = np.random.default_rng(30)
    labels, out = random.integers(0, 3, 900), random.uniform(0.1, 1, 900)
    angle = 5 * out + 2 * np.pi * labels / 3 + 0.15 * random.standard_normal(900)
    return split(np.stack([out * np.cos(angle), out * np.sin(angle)], 1), labels.astype(int), 600)


@cache
def moons() -> Data:
    """600 points of two half moons, 400 to train on, class numbers."""
    points, labels = datasets.make_moons(600, noise=0.15, random_state=9)
    return split(points, labels.astype(int), 400)


@cache
def hastie() -> Data:
    """1500 points in ten dimensions, inside or outside of a ball, 1000 to train on; targets (N, 1) of 0 and 1."""
    inputs, sides = datasets.make_hastie_10_2(1500, random_state=10)
    return split(inputs, (sides[:, None] > 0).astype(float), 1000)


@cache
def rings() -> Data:
    """900 points in four dimensions, classed by distance into three shells, 600 to train on."""
    inputs, labels = datasets.make_gaussian_quantiles(n_samples=900, n_features=4, n_classes=3, random_state=12)
    return split(inputs, labels.astype(int), 600)


@cache
def counts() -> Data:
    """900 rows of six features and the calls (N, 1) that came of them, 0 to about 60, 600 to train on."""
    random = np.random.default_rng(31)
    inputs = random.standard_normal((900, 6))
    rate = np.exp(1.0 + 0.8 * inputs[:, 0] - 0.6 * inputs[:, 1] + 0.4 * inputs[:, 2] * inputs[:, 3])
    return split(inputs, random.poisson(np.minimum(rate, 60))[:, None].astype(float), 600)
