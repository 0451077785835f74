"""A sample taken apart: its target, and the arrays, pictures and texts its input is made of, with their names."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from autofix_nb.evidence.digests import is_picture, to_array
from autofix_nb.objective.objective import TARGET_NAMES

Kind = Literal["table", "image", "sequence", "tokens", "other"]

MOST_NUMBERS = 4096
"""Numbers of a sample that are kept as features."""

CHANNELS = (1, 3, 4)
"""Sizes of a dimension that may hold the colours of an image."""


def split_sample(sample: Any) -> tuple[Any, Any]:
    """Return input and target of one sample (or of one batch); None where it has no target."""
    if isinstance(sample, Mapping):
        for name in TARGET_NAMES:
            if name in sample:
                return {key: part for key, part in sample.items() if key != name}, sample[name]
        return sample, None
    if isinstance(sample, list | tuple) and len(sample) >= 2:
        return (sample[0] if len(sample) == 2 else tuple(sample[:-1])), sample[-1]
    if isinstance(sample, list | tuple) and len(sample) == 1:
        return sample[0], None
    return sample, None


def leaves(data: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return (name, part) of everything an input holds: arrays for tensors and numbers, all else as it is."""
    array = to_array(data) if not is_picture(data) else None
    if array is not None:
        return [(name, array)]
    if isinstance(data, Mapping):
        return [leaf for key, part in data.items() for leaf in leaves(part, f"{name}.{key}" if name else str(key))]
    if isinstance(data, list | tuple):
        if data and all(type(part) in (int, float, bool) for part in data):
            return [(name, np.asarray(data))]
        return [
            leaf
            for place, part in enumerate(data)
            for leaf in leaves(part, f"{name}[{place}]" if name else f"x{place + 1}")
        ]
    if isinstance(data, bool | int | float):
        return [(name, np.asarray(data))]
    return [(name, data)]


def is_numeric(part: Any) -> bool:
    """Tell whether a part is an array of numbers or of yes and no."""
    return isinstance(part, np.ndarray) and part.dtype.kind in "biuf"


def is_image(part: Any) -> bool:
    """Tell whether a part is a picture: PIL, three dimensions of which one holds colours, or a plane of bytes."""
    if is_picture(part):
        return True
    if not is_numeric(part):
        return False
    if part.ndim == 2:
        return part.dtype == np.uint8 and min(part.shape) >= 4
    if part.ndim != 3:
        return False
    first, *_, last = part.shape
    return (first in CHANNELS and min(part.shape[1:]) >= 4) or (last in CHANNELS and min(part.shape[:2]) >= 4)


def kind_of(samples: list[list[tuple[str, Any]]], model: nn.Module | None) -> Kind:
    """Return what kind of data these samples are, each given by its `leaves`."""
    if not samples:
        return "other"
    shown = [sum(is_image(part) for _, part in sample) for sample in samples]
    if min(shown) == 1 == max(shown):
        return "image"
    if any(not sample or not all(is_numeric(part) for _, part in sample) for sample in samples):
        # Text beside the numbers is no reason to look away from the numbers, but it makes no table.
        return "other"
    parts = [part for sample in samples for _, part in sample]
    shapes = {tuple(part.shape for _, part in sample) for sample in samples}
    dimensions = {part.ndim for part in parts}
    whole = all(part.dtype.kind in "iu" for part in parts)
    named = {name for name, _ in samples[0]}
    if whole and dimensions == {1} and (len(shapes) > 1 or "input_ids" in named or _has_embedding(model)):
        return "tokens"
    if dimensions <= {1, 2} and (len(shapes) > 1 or (dimensions == {2} and len(samples[0]) == 1)):
        return "sequence"
    if dimensions <= {0, 1} and sum(part.size for _, part in samples[0]) <= MOST_NUMBERS:
        return "table"
    return "other"


def feature_names(sample: list[tuple[str, Any]]) -> list[str]:
    """Return a name for each number of a sample, in the order in which its parts are laid out flat."""
    names: list[str] = []
    for name, part in sample:
        if part.ndim == 0:
            names.append(name or "feature 0")
        elif part.ndim == 1:
            names += [f"{name}[{place}]" if name else f"feature {place}" for place in range(part.size)]
        else:
            places = [", ".join(map(str, place)) for place in np.ndindex(part.shape)]
            names += [f"{name}[{place}]" if name else f"feature [{place}]" for place in places]
    return names


def non_finite(name: str, array: np.ndarray) -> str:
    """Return what of an array is not finite, in words: `input: 3 of 64 values NaN`. Empty where all is."""
    if array.dtype.kind not in "fc" or np.isfinite(array).all():
        return ""
    missing = int(np.isnan(array).sum())
    infinite = int(np.isinf(array).sum())
    of = f" of {array.size} values" if array.size > 1 else ""
    counts = ((missing, "NaN"), (infinite, "infinite"))
    said = [f"{count}{of} {word}" if of else word for count, word in counts if count]
    return f"{name}: {', '.join(said)}"


def _has_embedding(model: nn.Module | None) -> bool:
    return model is not None and any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in model.modules())


def target_array(target: Any) -> np.ndarray | None:
    """Return a target as array, where it is numbers: a number, a tensor, a list of numbers."""
    if isinstance(target, bool | int | float):
        return np.asarray(target)
    if isinstance(target, list | tuple) and target and all(type(part) in (int, float, bool) for part in target):
        return np.asarray(target)
    array = to_array(target) if isinstance(target, torch.Tensor | np.ndarray | np.generic) else None
    return array if array is not None and array.dtype.kind in "biuf" else None
