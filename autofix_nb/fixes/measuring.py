"""Mean and standard deviation of inputs, by feature or channel: of a loader's data, and of batches of a training."""

from typing import Any

import numpy as np
import torch
from torch import nn

from autofix_nb.evidence.profile import Profile
from autofix_nb.fixes.collating import batches_spread, channel_axis, input_parts
from autofix_nb.fixes.preparing import Owned

MOST_FEATURES = 2048
"""Features of one part of the inputs; the change holds a mean and a standard deviation of each."""

SAMPLES = 4096
"""Rows measured where nothing was measured before, spread over the data; for pictures an eighth of it."""

MOST_VALUES = 262_144
"""Values of one feature that are measured."""

CUT = 0.005
"""Share of the values at either end that count no more than the value next to them, and at least two samples'."""

FEWEST_ROWS = 40
"""With fewer rows than these, none is taken for an outlier."""

USUAL = (0.5, 2.0)
"""A standard deviation between these, around a mean no farther from 0 than it, is left alone while it trains."""


def robust_scale(values: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column of values (N, F) that come from so many rows.

    Values far out are pulled in, what is no number is left out. A constant column has a standard deviation of 1.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    count = np.isfinite(values).sum(0)
    share = max(CUT, 2 / rows) if rows >= FEWEST_ROWS else 0.0
    cut = np.ceil(count * share).astype(int)
    ordered = np.sort(values, axis=0)  # what is missing comes last
    low, high = (
        np.take_along_axis(ordered, np.clip(place, 0, None)[None], 0) for place in (cut, np.maximum(count - 1 - cut, 0))
    )
    with np.errstate(all="ignore"):
        pulled = np.clip(values, np.minimum(low, high), np.maximum(low, high))
        weights = np.maximum(count, 1)
        mean = np.nansum(pulled, 0) / weights
        spread = np.sqrt(np.nansum((pulled - mean) ** 2, 0) / weights)
        plain = np.sqrt(np.nansum((values - mean) ** 2, 0) / weights)
    # Rare values are all that some columns have.
    spread = np.where(spread > 1e-7 * np.abs(mean), spread, plain)
    spread = np.where((spread > 1e-7 * np.abs(mean)) & np.isfinite(spread), spread, 1.0)
    return np.nan_to_num(mean), spread


def thinned(values: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows, evenly spread."""
    return values[:: max(1, -(-len(values) // max(1, most)))]


def scales(parts: list[torch.Tensor], axis: int | None) -> dict[str, Any] | None:
    """Return mean, standard deviation and their shape for parts of batches; None where nothing is worth it."""
    dims = parts[0].dim()
    if axis is not None and (dims <= axis or parts[0].shape[axis] > MOST_FEATURES):
        axis = None  # as many pixels in a row: one number does for all
    parts = [part for part in parts if axis is None or part.shape[axis] == parts[0].shape[axis]]
    rows = np.concatenate([thinned(as_rows(part, axis), MOST_VALUES // len(parts)) for part in parts])
    known = rows[np.isfinite(rows)]
    if not known.size or np.isin(known, (0.0, 1.0)).all():
        return None
    mean, std = robust_scale(rows, sum(map(len, parts)))
    low, high = USUAL
    if ((std >= low) & (std <= high) & (np.abs(mean) <= std)).all():
        return None
    shape = [] if axis is None else [len(mean), *(1,) * (dims - 1 - axis)]
    return {"mean": mean.tolist(), "std": std.tolist(), "shape": shape}


Measured = dict[str, tuple[int | None, Profile]]


def measured(owned: Owned, parts: dict[str, torch.Tensor]) -> tuple[Measured, int]:
    """Return by path the dimension of the features and their profile, and how many samples were measured."""
    scan = _scan(owned)
    axes = {path: feature_axis(part, owned.model, scan) for path, part in parts.items()}
    if _hasmeasured(scan, parts):
        return {path: (axis, scan.profile) for path, axis in axes.items()}, len(scan.indices)
    profiles: dict[str, Profile] = {}
    rows = 0
    pictures = any(part.dim() > 3 for part in parts.values())
    for batch in batches_spread(owned.train, SAMPLES // (8 if pictures else 1)) if axes else ():
        here = input_parts(batch.data)
        if not all(path in here and here[path].dim() == part.dim() for path, part in parts.items()):
            continue
        rows += max(len(here[path]) for path in axes)
        for path, axis in axes.items():
            profile = Profile.of(as_rows(here[path], axis))
            before = profiles.get(path)
            if before is None or len(before.count) == len(profile.count):
                profiles[path] = profile if before is None else before + profile
    return {path: (axes[path], profile) for path, profile in profiles.items()}, rows


def _scan(owned: Owned) -> Any:
    try:
        return owned.evidence.scan("train")
    except Exception:  # noqa: BLE001 - what was not looked at is measured here
        return None


def _hasmeasured(scan: Any, parts: dict[str, torch.Tensor]) -> bool:
    """Tell whether the whole data set was measured as the model gets it: a table without transforms."""
    profile = getattr(scan, "profile", None)
    if profile is None or scan.kind != "table" or len(parts) != 1:
        return False
    (part,) = parts.values()
    if part.dim() != 2 or len(profile.mean) != part.shape[1]:
        return False
    rows_NF = part.detach().cpu().double().numpy()
    slack = 1e-5 * np.maximum(np.abs(profile.min), np.abs(profile.max))
    outside = (rows_NF < profile.min - slack) | (rows_NF > profile.max + slack)
    return not (outside & np.isfinite(rows_NF)).any()


def can_be_scaled(part: torch.Tensor) -> bool:
    return part.is_floating_point() and part.dim() > 0 and part.numel() > 0


def feature_axis(part: torch.Tensor, model: Any, scan: Any) -> int | None:
    """Return which dimension holds the features or channels; None treats all values as one feature."""
    if part.dim() == 1:
        return None
    if part.dim() == 3:  # (N, T, C), but (N, C, T) for a convolution over time, and (N, H, W) for grey pictures
        layers = model.modules() if isinstance(model, nn.Module) else ()
        if any(isinstance(layer, nn.Conv1d) and layer.in_channels == part.shape[1] for layer in layers):
            return 1
        return None if getattr(scan, "kind", "") == "image" else 2
    axis = channel_axis(part)
    return 1 if axis is None else axis


def as_rows(part: torch.Tensor, axis: int | None) -> np.ndarray:
    values = part.detach().cpu().double()
    rows = values.reshape(-1, 1) if axis is None else values.movedim(axis, -1).reshape(-1, part.shape[axis])
    return rows.numpy()


def divisors(profile: Profile) -> np.ndarray:
    """Return the standard deviations, with 1 for constant features."""
    # Below the last digit of float32 it is rounding that spreads.
    spreads = profile.std > 1e-7 * np.abs(profile.mean)
    return np.where(spreads & np.isfinite(profile.std), profile.std, 1.0)
