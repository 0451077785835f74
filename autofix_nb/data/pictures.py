"""A small picture of a sample, to be kept beside its reason when it is set aside: the transform's result, in colours.

Whatever is no picture has none, and nothing is raised: the training goes on whatever a sample looks like.
"""

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from autofix_nb.data.colours import channels_last, to_colours

LONGEST_SIDE = 64
"""Pixels of the longer side; larger pictures are made smaller."""

SHORTEST_SIDE = 4
"""Pixels below which an array of numbers is no picture."""

DEEPEST = 4
"""Levels of nested tuples and dicts that are searched for a picture."""


def small_png(sample: Any) -> bytes:
    """Return the first picture in a sample as a small PNG; nothing where there is none.

    A picture is a PIL image, or an array of shape (C, H, W) or (H, W, C) with 1 or 3 channels, or (H, W). What is not
    finite in it is magenta. No random number is drawn, and the sample stays as it is.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _first(sample, DEEPEST)
    except Exception:  # noqa: BLE001 - a record without a picture is better than a training that ends
        return b""


def row_png(data: Any, row: int) -> bytes:
    """Return the first picture in one row of a batch as a small PNG; nothing where there is none."""
    try:
        return _of_row(data, row, DEEPEST)
    except Exception:  # noqa: BLE001 - as above
        return b""


def _of_row(data: Any, row: int, depth: int) -> bytes:
    if isinstance(data, torch.Tensor):
        return small_png(data[row].detach()) if data.dim() > 1 else b""
    for part in _parts(data) if depth else ():
        if png := _of_row(part, row, depth - 1):
            return png
    return b""


def _first(sample: Any, depth: int) -> bytes:
    if isinstance(sample, torch.Tensor | np.ndarray):
        return _of_array(sample)
    if hasattr(sample, "getbands") and hasattr(sample, "resize"):  # a PIL image, without importing PIL to know it
        return _to_png(sample.convert("RGB"))
    for part in _parts(sample) if depth else ():
        if png := _first(part, depth - 1):
            return png
    return b""


def _parts(data: Any) -> list[Any]:
    return list(data.values()) if isinstance(data, Mapping) else list(data) if isinstance(data, tuple | list) else []


def _of_array(sample: torch.Tensor | np.ndarray) -> bytes:
    if isinstance(sample, torch.Tensor):
        sample = sample.detach().cpu()
        sample = (sample.float() if sample.is_floating_point() else sample).numpy()
    if sample.ndim == 2:
        sample = sample[None]
    if sample.ndim != 3 or (sample.shape[0] not in (1, 3) and sample.shape[2] not in (1, 3, 4)):
        return b""
    pictures = channels_last(sample[None])
    if pictures is None or min(pictures.shape[1:3]) < SHORTEST_SIDE:
        return b""
    # Every so manieth pixel of a large one: converting all of them could be felt.
    every = max(1, max(pictures.shape[1:3]) // (4 * LONGEST_SIDE))
    from PIL import Image  # comes with matplotlib, and is needed here alone

    return _to_png(Image.fromarray(to_colours(pictures[:, ::every, ::every])[0]))


def _to_png(picture: Any) -> bytes:
    longest = max(picture.size)
    if longest > LONGEST_SIDE:
        size = tuple(max(1, round(side * LONGEST_SIDE / longest)) for side in picture.size)
        picture = picture.resize(size, 2)  # bilinear
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()
