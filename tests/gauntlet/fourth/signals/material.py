"""What the cases of this folder train on: photo tiles, drawn shapes, masks, waves, and made-up texts, all fixed."""

from functools import cache

import numpy as np
import torch
from sklearn import datasets

from tests.gauntlet.data import Data, split

PIXELS = np.mgrid[0:16, 0:16].astype(float)
"""Row and column number of each pixel of a 16 x 16 picture, (2, 16, 16)."""


@cache
def _photos() -> list[np.ndarray]:
    return [np.asarray(image, dtype=float) / 255 for image in datasets.load_sample_images().images]


def _crops(random: np.random.Generator, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    which = random.integers(0, 2, number)
    crops = []
    for photo in which:
        image = _photos()[photo]
        top, left = random.integers(0, image.shape[0] - size), random.integers(0, image.shape[1] - size)
        crops.append(image[top : top + size, left : left + size])
    return np.stack(crops).transpose(0, 3, 1, 2), which


@cache
def tiles() -> Data:
    """Colour tiles (3, 8, 8) from 0 to 1 of two photos, targets (N, 1) say of which."""
    pixels, which = _crops(np.random.default_rng(21), 900, 8)
    return split(pixels, which[:, None].astype(float), 600)


@cache
def grey() -> Data:
    """Grey tiles of two photos as rows of 100 pixels, standardised; the targets are the inputs."""
    pixels, _ = _crops(np.random.default_rng(22), 900, 10)
    rows = pixels.mean(1).reshape(900, 100)
    rows = (rows - rows.mean()) / rows.std()
    return split(rows, rows, 600)


def _shape(kind: int, row: float, column: float) -> np.ndarray:
    down, right = np.abs(PIXELS[0] - row), np.abs(PIXELS[1] - column)
    far = np.hypot(down, right)
    return [
        (far < 4) & (far > 2.4),
        ((down < 1) | (right < 1)) & (np.maximum(down, right) < 4),
        np.maximum(down, right) < 3,
        (np.abs(PIXELS[0] - row - PIXELS[1] + column) < 1.2) & (down < 4),
    ][kind]


@cache
def placed() -> Data:
    """Rings, crosses, squares, strokes on photo tiles (1, 16, 16); targets (N, 3): class, row and column (0 to 1)."""
    random = np.random.default_rng(23)
    pixels, _ = _crops(random, 1000, 16)
    kinds, places = random.integers(0, 4, 1000), random.uniform(4, 12, (1000, 2))
    drawn = np.stack([_shape(kind, *place) for kind, place in zip(kinds, places, strict=True)])
    pictures = 0.5 * pixels.mean(1) + 0.5 * drawn
    targets = np.column_stack([kinds, (places - 4) / 8])
    return split(pictures[:, None], targets, 700)


@cache
def shapes() -> Data:
    """The same pictures, standardised, with class numbers alone."""
    data = placed()
    mean, deviation = data.inputs.mean(), data.inputs.std()
    return Data(
        (data.inputs - mean) / deviation,
        data.targets[:, 0].long(),
        (data.val_inputs - mean) / deviation,
        data.val_targets[:, 0].long(),
    )


@cache
def several() -> Data:
    """Pictures (1, 16, 16) with none to four kinds of shapes, each in a place of its own; targets (N, 4) of 0 and 1."""
    random = np.random.default_rng(30)
    there = random.random((900, 4)) < 0.4
    pictures = random.normal(0, 0.3, (900, 16, 16))
    corners = np.array([[4, 4], [4, 12], [12, 4], [12, 12]])
    for picture, kinds in zip(pictures, there, strict=True):
        for kind, place in zip(np.flatnonzero(kinds), random.permutation(corners), strict=False):
            picture += _shape(kind, *place)
    return split(pictures[:, None], there.astype(float), 600)


@cache
def masks(radius: float = 3.0) -> Data:
    """Noisy pictures (1, 16, 16) with a brighter disc; the targets are masks of 0 and 1 of the same shape."""
    random = np.random.default_rng(24)
    places = random.uniform(3, 13, (450, 2))
    discs = np.stack([np.hypot(PIXELS[0] - row, PIXELS[1] - column) < radius for row, column in places])[:, None]
    pictures = 1.2 * discs + random.normal(0, 0.6, discs.shape)
    return split(pictures, discs.astype(float), 300)


@cache
def waves() -> Data:
    """Two noisy sensors over 32 times (32, 2): sine, square, saw or noise, class numbers."""
    random = np.random.default_rng(25)
    kinds = random.integers(0, 4, 900)
    phase = random.uniform(0, 1, (900, 1, 1)) + np.arange(32)[:, None] * random.uniform(0.08, 0.14, (900, 1, 1))
    phase = np.concatenate([phase, phase + 0.25], axis=2) % 1
    sine, square, saw = np.sin(2 * np.pi * phase), np.sign(phase - 0.5), 2 * phase - 1
    every = np.stack([sine * 1.3, square, saw * 1.6, random.normal(0, 0.8, phase.shape)])
    signals = every[kinds, np.arange(900)] + random.normal(0, 0.2, phase.shape)
    return split(signals, kinds.astype(int), 600)


@cache
def forecast() -> Data:
    """24 values of two mixed swings (24, 1), targets (N, 1) are the value three steps on."""
    random = np.random.default_rng(26)
    times = np.arange(27)
    slow, fast = random.uniform(0.15, 0.25, (2, 900, 1))
    first, second = random.uniform(0, 6.3, (2, 900, 1))
    values = np.sin(slow * times + first) + 0.5 * np.sin(2.5 * fast * times + second)
    values = values + random.normal(0, 0.05, values.shape)
    return split(values[:, :24, None], values[:, 26:], 600)


@cache
def recall() -> Data:
    """18 steps of noise (18, 6); the first three columns of the first step alone tell which of three classes it is."""
    random = np.random.default_rng(27)
    labels = random.integers(0, 3, 900)
    signals = random.normal(0, 0.3, (900, 18, 6))
    signals[np.arange(900), 0, labels] += 2
    return split(signals, labels.astype(int), 600)


@cache
def reviews(rare: bool = False) -> Data:
    """14 words out of 120 of which 40 are good or bad, class numbers 0 to 2 (bad, mixed, good), or 1 for very good."""
    random = np.random.default_rng(28)
    words = random.integers(0, 120, (3000, 14))
    feeling = ((words < 20).astype(int) - ((words >= 20) & (words < 40)).astype(int)).sum(1)
    if rare:
        return split(words.astype(int)[:2400], (feeling[:2400] >= 3).astype(int), 1600)
    return split(words.astype(int)[:1500], (np.sign(feeling) + 1).astype(int)[:1500], 1000)


@cache
def letters() -> Data:
    """Texts of 16 letters out of 24, 0 fills the end; the target of each place is the letter after it (or 0)."""
    random = np.random.default_rng(29)
    after = np.concatenate([[0], random.permutation(np.arange(1, 24))])
    texts = np.zeros((700, 17), dtype=int)
    for text, length in zip(texts, random.integers(4, 17, 700), strict=True):
        text[0] = random.integers(1, 24)
        for place in range(1, length):
            text[place] = after[text[place - 1]] if random.random() < 0.85 else random.integers(1, 24)
    return split(texts[:, :-1], texts[:, 1:], 450)


def with_rows(data: Data, rows: torch.Tensor, change: object) -> Data:
    """Return the data with `change` made to the inputs of these training rows."""
    inputs = data.inputs.clone()
    inputs[rows] = change(inputs[rows])  # type: ignore[operator]
    return data._replace(inputs=inputs)
