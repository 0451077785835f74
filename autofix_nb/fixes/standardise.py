"""Bring inputs to mean 0 and standard deviation 1, measured on the training data alone and used for validation, too.

LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, section 4.3: inputs of one scale let gradient descent use one
rate for all of them.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from autofix_nb.evidence.profile import Profile
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change
from autofix_nb.fixes.collating import (
    Converted,
    Scaling,
    batches_spread,
    channel_axis,
    first_parts,
    input_parts,
    is_taken_apart_by_the_user,
    loaders_to_convert,
)
from autofix_nb.fixes.preparing import Owned, PreparingFix, WayBack

MOST_FEATURES = 2048
"""Features of one part of the inputs; the change holds a mean and a standard deviation of each."""

SAMPLES = 4096
"""Rows measured where nothing was measured before, spread over the data; for pictures an eighth of it."""

TYPED = 12
"""Features whose numbers stand in the line to type."""


class Standardise(PreparingFix):
    """Take the mean off and divide by the standard deviation, behind the loader's collate function.

    Per column of a table, per channel of pictures and sequences; constant ones are divided by 1, parts that hold only
    0 and 1 are left alone.
    """

    name: ClassVar = "standardise"
    touches: ClassVar = "data"
    purpose: ClassVar = "scale inputs"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        if is_taken_apart_by_the_user(owned) or not loaders_to_convert(owned.train, owned.val, Scaling):
            return None
        parts = {path: part for path, part in first_parts(owned.train)[1].items() if _can_be_scaled(part)}
        measured, rows = _measured(owned, parts)
        measured = {path: known for path, known in measured.items() if _is_worth_it(known[1])}
        if not measured:
            return None
        numbers = {
            path: {"axis": axis, "mean": np.nan_to_num(profile.mean).tolist(), "std": _divisors(profile).tolist()}
            for path, (axis, profile) in measured.items()
        }
        spreads = [value for one in numbers.values() for value in one["std"]]
        what = "channel" if any(parts[path].dim() > 2 for path in numbers) else "feature"
        subject = f"each of the {len(spreads)} input {what}s is" if len(spreads) > 1 else f"the input {what} is"
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"{subject} brought to mean 0 and standard deviation 1 (it was {min(spreads):.3g} to "
            f"{max(spreads):.3g}), as measured on {rows:,} training samples"
            + ("" if owned.val is None else "; validation is treated alike"),
            before={"parts": {}},
            after={"parts": numbers},
            permanent=_line(numbers, parts),
        )

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        ways_back = []
        for loader in loaders_to_convert(owned.train, owned.val, Scaling):
            made = Converted.put_behind(loader, Scale(change.after["parts"]))
            ways_back.append(lambda loader=loader, made=made: made.take_away(loader))
        return ways_back

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return owned.train, owned.val


class Scale(Scaling):
    """Each feature less its mean, divided by its standard deviation."""

    def __init__(self, parts: dict[str, dict[str, Any]]) -> None:
        super().__init__(tuple(parts))
        self._axes = {path: one["axis"] for path, one in parts.items()}
        self._numbers = {
            path: (torch.tensor(one["mean"], dtype=torch.float64), torch.tensor(one["std"], dtype=torch.float64))
            for path, one in parts.items()
        }

    def convert(self, path: str, part: torch.Tensor) -> torch.Tensor:
        axis, (mean_F, std_F) = self._axes[path], self._numbers[path]
        if not part.is_floating_point() or (
            axis is not None and (part.dim() <= axis or part.shape[axis] != len(mean_F))
        ):
            return part
        shape = [1] * part.dim()
        if axis is not None:
            shape[axis] = len(mean_F)
        # A table's dates and prices have more digits than float32 keeps; pictures do not, and are many.
        kind = torch.float64 if part.dim() <= 2 else torch.promote_types(part.dtype, torch.float32)
        mean, std = (numbers.view(shape).to(part.device, kind) for numbers in (mean_F, std_F))
        return ((part.to(kind) - mean) / std).to(part.dtype)


Measured = dict[str, tuple[int | None, Profile]]


def _measured(owned: Owned, parts: dict[str, torch.Tensor]) -> tuple[Measured, int]:
    """Return by path the dimension of the features and their profile, and how many samples were measured."""
    scan = _scan(owned)
    axes = {path: _feature_axis(part, owned.model, scan) for path, part in parts.items()}
    if _has_measured(scan, parts):
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
            profile = Profile.of(_as_rows(here[path], axis))
            before = profiles.get(path)
            if before is None or len(before.count) == len(profile.count):
                profiles[path] = profile if before is None else before + profile
    return {path: (axes[path], profile) for path, profile in profiles.items()}, rows


def _scan(owned: Owned) -> Any:
    try:
        return owned.evidence.scan("train")
    except Exception:  # noqa: BLE001 - what was not looked at is measured here
        return None


def _has_measured(scan: Any, parts: dict[str, torch.Tensor]) -> bool:
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


def _can_be_scaled(part: torch.Tensor) -> bool:
    return part.is_floating_point() and part.dim() > 0 and part.numel() > 0


def _feature_axis(part: torch.Tensor, model: Any, scan: Any) -> int | None:
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


def _as_rows(part: torch.Tensor, axis: int | None) -> np.ndarray:
    values = part.detach().cpu().double()
    rows = values.reshape(-1, 1) if axis is None else values.movedim(axis, -1).reshape(-1, part.shape[axis])
    return rows.numpy()


def _is_worth_it(profile: Profile) -> bool:
    """Tell whether there is something to scale: not a mask, not what is standardised already, not too much to say."""
    seen = profile.count > 0
    if not seen.any() or len(profile.count) > MOST_FEATURES:
        return False
    mean, spread = profile.mean[seen], profile.std[seen]
    if profile.min[seen].min() >= 0 and profile.max[seen].max() <= 1 and np.allclose(spread**2, mean * (1 - mean)):
        return False  # within 0..1 nothing but 0 and 1 spreads as far
    return not (np.allclose(mean, 0, atol=1e-3) and np.allclose(_divisors(profile)[seen], 1, atol=1e-3))


def _divisors(profile: Profile) -> np.ndarray:
    """Return the standard deviations, with 1 for constant features."""
    # Below the last digit of float32 it is rounding that spreads.
    spreads = profile.std > 1e-7 * np.abs(profile.mean)
    return np.where(spreads & np.isfinite(profile.std), profile.std, 1.0)


def _line(numbers: dict[str, dict[str, Any]], parts: dict[str, torch.Tensor]) -> str:
    path, one = next(iter(numbers.items()))
    mean, std = ([float(f"{value:.6g}") for value in one[name]] for name in ("mean", "std"))
    if len(numbers) == 1 and parts[path].dim() == 4 and len(mean) <= TYPED:
        return f"transforms.Normalize(mean={mean}, std={std})"
    if len(numbers) == 1 and parts[path].dim() == 2 and len(mean) <= TYPED:
        return f"mean, std = torch.tensor({mean}), torch.tensor({std})\ninputs = (inputs - mean) / std"
    return (
        "from sklearn.preprocessing import StandardScaler\n"
        "scaler = StandardScaler().fit(train_inputs)  # of the training data only\n"
        "train_inputs, val_inputs = scaler.transform(train_inputs), scaler.transform(val_inputs)"
    )
