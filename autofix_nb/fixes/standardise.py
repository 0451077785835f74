"""Bring inputs to mean 0 and standard deviation 1, measured on the training data alone and used for validation, too.

LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, section 4.3: inputs of one scale let gradient descent use one
rate for all of them.
"""

from typing import Any, ClassVar

import numpy as np
import torch

from autofix_nb.evidence.profile import Profile
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.collating import (
    Converted,
    Scaling,
    first_parts,
    is_taken_apart_by_the_user,
    loaders_to_convert,
)
from autofix_nb.fixes.in_model import InModelFix, sampled_inputs
from autofix_nb.fixes.measuring import MOST_FEATURES, SAMPLES, can_be_scaled, divisors, feature_axis, measured, scales
from autofix_nb.fixes.preparing import Owned, WayBack

TYPED = 12
"""Features whose numbers stand in the line to type."""


class Standardise(InModelFix):
    """Take the mean off and divide by the standard deviation, behind the loader's collate function.

    While it trains: inside the model, by numbers that a few samples far out do not move.
    Per column of a table, per channel of pictures and sequences; constant ones are divided by 1, parts that hold only
    0 and 1 are left alone.
    """

    name: ClassVar = "standardise"
    touches: ClassVar = "data"
    purpose: ClassVar = "scale inputs"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        if is_taken_apart_by_the_user(owned) or not loaders_to_convert(owned.train, owned.val, Scaling):
            return None
        parts = {path: part for path, part in first_parts(owned.train)[1].items() if can_be_scaled(part)}
        known, rows = measured(owned, parts)
        known = {path: one for path, one in known.items() if _is_worth_it(one[1])}
        if not known:
            return None
        numbers = {
            path: {"axis": axis, "mean": np.nan_to_num(profile.mean).tolist(), "std": divisors(profile).tolist()}
            for path, (axis, profile) in known.items()
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

    def build_in(self, finding: Finding, run: Trainee) -> list[Change]:
        batches = sampled_inputs(run, SAMPLES, SAMPLES // 8)
        parts = {name: part for name, part in (batches[0] if batches else {}).items() if can_be_scaled(part)}
        numbers = {}
        for name, part in parts.items():
            same = [one[name] for one in batches if name in one and one[name].dim() == part.dim()]
            found = scales(same, feature_axis(part, run.model, None))
            if found is not None:
                numbers[name] = found
        if not numbers:
            return []
        spreads = [value for one in numbers.values() for value in one["std"]]
        what = "channel" if any(parts[name].dim() > 2 for name in numbers) else "feature"
        subject = f"each of the {len(spreads)} input {what}s is" if len(spreads) > 1 else "the input is"
        rows = sum(len(one[next(iter(numbers))]) for one in batches)
        return [
            Change(
                fix=self.name,
                touches="model",
                says=f"{subject} brought to mean 0 and standard deviation 1 inside the model (it was "
                f"{min(spreads):.3g} to {max(spreads):.3g}), as measured on {rows:,} training samples",
                after={"inputs": numbers},
                permanent=_line(numbers, parts),
            )
        ]

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


def _is_worth_it(profile: Profile) -> bool:
    """Tell whether there is something to scale: not a mask, not what is standardised already, not too much to say."""
    seen = profile.count > 0
    if not seen.any() or len(profile.count) > MOST_FEATURES:
        return False
    mean, spread = profile.mean[seen], profile.std[seen]
    if profile.min[seen].min() >= 0 and profile.max[seen].max() <= 1 and np.allclose(spread**2, mean * (1 - mean)):
        return False  # within 0..1 nothing but 0 and 1 spreads as far
    return not (np.allclose(mean, 0, atol=1e-3) and np.allclose(divisors(profile)[seen], 1, atol=1e-3))


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
