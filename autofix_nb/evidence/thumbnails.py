"""Pictures made small, and what can be measured of them: brightness, contrast, colours, sharpness.

Brightness is the perceived one, `sqrt(.241 R² + .691 G² + .068 B²)`; sharpness the spread of the Laplacian of a version
of at most 64 pixels a side, so that it compares pictures of different sizes.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from autofix_nb.evidence.digests import to_array
from autofix_nb.evidence.parts import CHANNELS

SMALL = 64
"""Longest side of the version that is measured."""

THUMBNAIL = 32
"""Side of a thumbnail."""

PROPERTIES = ("width", "height", "aspect", "brightness", "contrast", "red", "green", "blue", "saturation", "sharpness")
"""What is measured of an image."""

_SLACK = 2.0
"""How far beyond the top of their range brightened, noisy or resampled pictures may reach."""

_TOPS = (1.0, 16.0, 255.0, 1023.0, 4095.0, 65535.0)


class Scale:
    """How the numbers of a data set's images become 0..1: one rule for all of them, told by the first few."""

    def __init__(self, images: list[Any]) -> None:
        arrays = [array for image in images if (array := to_array(image)) is not None and array.size]
        with np.errstate(all="ignore"):
            lowest = min((float(np.nanmin(array)) for array in arrays), default=0.0)
            highest = max((float(np.nanmax(array)) for array in arrays), default=1.0)
        self._add, self._times = 0.0, 1.0
        if arrays and all(array.dtype == np.uint8 for array in arrays):
            self._times = 1 / 255
        elif lowest < 0:
            # Normalised already: -1..1, or about as many standard deviations around 0.
            self._times, self._add = (0.5 if max(-lowest, highest) <= 1 else 0.25), 0.5
        else:
            top = next((top for top in _TOPS if highest <= (_SLACK if top == 1 else 1) * top), highest)
            self._times = 1 / top if np.isfinite(top) else 1.0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 images; what is not finite becomes 0."""
        if images.dtype == torch.uint8:
            return images.float() / 255
        return torch.nan_to_num(images.float() * self._times + self._add, nan=0.0, posinf=0.0, neginf=0.0)


def to_planes(array: np.ndarray) -> np.ndarray:
    """Return images (B, C, H, W), (B, H, W, C) or (B, H, W) as (B, 3, H, W); an alpha channel is left out."""
    if array.ndim == 3:
        array = array[:, None]
    elif array.shape[1] not in CHANNELS or (array.shape[3] in CHANNELS and array.shape[3] < array.shape[1]):
        array = array.transpose(0, 3, 1, 2)
    return np.repeat(array, 3, axis=1) if array.shape[1] == 1 else array[:, :3]


def make_small(planes: torch.Tensor) -> torch.Tensor:
    """Return images (B, 3, H, W) with at most `SMALL` pixels a side, in their own proportions."""
    height, width = planes.shape[2:]
    longest = max(height, width)
    if longest <= SMALL:
        return planes
    size = [max(1, round(side * SMALL / longest)) for side in (height, width)]
    return F.interpolate(planes, size=size, mode="bilinear", antialias=True, align_corners=False)


def small_picture(image: Any) -> np.ndarray:
    """Return a PIL image as small RGB array (h, w, 3), uint8; 16-bit and float ones are stretched to their range."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float32)
        low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if values.size else (0.0, 0.0)
        low = min(low, 0.0)
        grey = np.nan_to_num((values - low) * (255 / max(high - low, 1e-9)), nan=0.0).clip(0, 255).astype(np.uint8)
        image = _from_array(grey)
    if image.mode not in ("RGB", "L"):
        image = image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA") else image.convert("RGB")
    longest = max(image.size)
    if longest > SMALL:
        size = tuple(max(1, round(side * SMALL / longest)) for side in image.size)
        image = image.resize(size, 2, reducing_gap=3.0)  # bilinear
    return np.asarray(image.convert("RGB"))


def _from_array(array: np.ndarray) -> Any:
    from PIL import Image  # PIL is there: the picture is one of its own

    return Image.fromarray(array)


def measure(small: torch.Tensor, widths: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Return `PROPERTIES` of small images (B, 3, h, w) in 0..1 whose own sizes were `widths` and `heights`; (B, 10)."""
    red, green, blue = small.unbind(1)
    bright = (0.241 * red.square() + 0.691 * green.square() + 0.068 * blue.square()).sqrt()
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    highest, lowest = small.amax(1), small.amin(1)
    saturation = ((highest - lowest) / highest.clamp(min=1e-6)).clamp(0, 1)
    inner = grey[:, 1:-1, 1:-1]
    edges = 4 * inner - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    sharp = edges.flatten(1).std(1, correction=0) if edges.numel() else torch.zeros(len(small))
    means = [part.flatten(1).mean(1) for part in (bright, red, green, blue, saturation)]
    contrast = grey.flatten(1).std(1, correction=0)
    columns = [means[0], contrast, *means[1:], sharp]
    sizes = [widths, heights, widths / np.maximum(heights, 1)]
    return np.stack([*sizes, *(column.numpy() for column in columns)], axis=1).astype(np.float32)


def thumbnails(small: torch.Tensor) -> np.ndarray:
    """Return (B, 32, 32, 3), uint8, of small images (B, 3, h, w) in 0..1."""
    if tuple(small.shape[2:]) != (THUMBNAIL, THUMBNAIL):
        size = (THUMBNAIL, THUMBNAIL)
        small = F.interpolate(small, size=size, mode="bilinear", antialias=True, align_corners=False)
    return (small.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
