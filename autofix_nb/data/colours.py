"""Pictures as the model sees them, mapped back to colours that people see."""

import numpy as np

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
"""Of ImageNet, red, green, blue: how most pretrained models want their inputs (torchvision's and timm's default)."""

ROUNDING = 0.02
"""By how much a value may lie outside of a range and still be of it: interpolation overshoots."""

MISSING = (255, 0, 255)
"""Colour of pixels that are NaN or infinite."""


def channels_last(batch: np.ndarray) -> np.ndarray | None:
    """Return pictures as (N, H, W, C), C being 1 or 3; None where these are no pictures."""
    if batch.ndim != 4 or 0 in batch.shape:
        return None
    last = batch.shape[1] not in (1, 3) and batch.shape[3] in (1, 3, 4)
    pictures = batch if last else np.moveaxis(batch, 1, 3)
    return pictures[..., : 3 if pictures.shape[3] >= 3 else 1]


def to_colours(pictures: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) pictures of any range as uint8 (N, H, W, 3)."""
    values = pictures.astype(np.float64)
    there = np.isfinite(values)
    unit = _to_unit(np.where(there, values, 0.0), values[there], whole=pictures.dtype == np.uint8)
    colours = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    if colours.shape[3] == 1:
        colours = np.repeat(colours, 3, axis=3)
    colours[~there.all(axis=3)] = MISSING
    return colours


def _to_unit(values: np.ndarray, finite: np.ndarray, *, whole: bool) -> np.ndarray:
    """Map to 0..1 by the range that the values have; those that fit none are stretched between their extremes."""
    if not finite.size:
        return values
    low, high = finite.min(), finite.max()
    if whole or (low >= 0 and 1 + ROUNDING < high <= 255):
        return values / 255
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return values
    if low >= -1 - ROUNDING and high <= 1 + ROUNDING:
        return (values + 1) / 2
    if values.shape[3] == 3:
        undone = values * STD + MEAN
        if undone.min() >= -ROUNDING and undone.max() <= 1 + ROUNDING:
            return undone
    return (values - low) / max(high - low, 1e-12)
