"""Photos of noise behind a transform of the test's choice, and small models that take them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from torch import nn
from torch.utils.data import Dataset


class Photos(Dataset):
    """Noise of 80×90 pixels, in colour or otherwise."""

    def __init__(self, transform: Callable[[Any], Any], *, mode: str = "RGB", rows: int = 8) -> None:
        self.transform = transform
        self.mode = mode
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> tuple[Any, int]:
        pixels = np.random.RandomState(index).randint(0, 255, (80, 90, 3), dtype=np.uint8)
        return self.transform(Image.fromarray(pixels).convert(self.mode)), index % 3


def pooled(channels: int = 3) -> nn.Module:
    """Return a convolutional net that takes any height and width."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


def flat(side: int = 32) -> nn.Module:
    """Return a convolutional net that takes one height and width only."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * (side // 2) ** 2, 3)
    )
