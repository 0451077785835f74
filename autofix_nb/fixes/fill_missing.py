"""Fill in inputs that are missing, by the usual value of their feature, inside the model.

A row that holds NaN is set aside, as long as that takes few. Where much of the data would be lost by it, each gap gets
the median of its feature, as measured on the training data alone (Little and Rubin, Statistical Analysis with Missing
Data: it keeps the rows, and costs some of the spread). A feature that no training row has is not read anywhere: what
validation holds there, nobody has learnt to use.

An infinity is no gap: the logarithm of 0 is smaller than that of all other counts, and what was divided by 0 is larger.
It becomes a value beyond all that its feature has, by one standard deviation.
"""

from typing import Any, ClassVar

import numpy as np
import torch

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.in_model import can_learn, put_numbers, sampled_inputs
from autofix_nb.fixes.measuring import MOST_FEATURES, SAMPLES, as_rows, can_be_scaled, feature_axis
from autofix_nb.fixes.scaling import end_places, gap_places, is_filled
from autofix_nb.fixes.surgery import ModelFix, WayBack

FEW = 0.05
"""Share of the rows with gaps up to which they are set aside, and no more is done."""


KEPT = ("value", "always", "low", "high")
"""What is known of the features of one input, each shape (F,); the last two only where infinities were seen."""


class FillMissing(ModelFix):
    """Let the model put the median of a feature in the place of values that are NaN or infinite."""

    name: ClassVar = "fill_missing"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        model = getattr(run, "model", None)
        if not can_learn(model) or is_filled(model):
            return []
        batches = sampled_inputs(run, SAMPLES, SAMPLES // 8, with_gaps=True)
        numbers, gaps, lost, ends = {}, 0, 0.0, False
        for name, part in (batches[0] if batches else {}).items():
            if not can_be_scaled(part):
                continue
            parts = [one[name] for one in batches if name in one and one[name].shape[1:] == part.shape[1:]]
            rows = torch.cat(parts)
            missing = ~torch.isfinite(rows)
            if not bool(missing.any()):
                continue
            lost = max(lost, float(missing.reshape(len(rows), -1).any(1).double().mean()))
            numbers[name] = _fillings(parts, feature_axis(part, model, None))
            gaps += int(sum(numbers[name]["always"]))
            ends |= "low" in numbers[name]
        if not numbers or lost <= FEW:
            return []
        beyond = "; infinities become values beyond all others" if ends else ""
        none = f"{beyond}; {gaps} that no sample has {'is' if gaps == 1 else 'are'} not read at all" if gaps else beyond
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"missing inputs are filled in by the median of their feature inside the model, as {lost:.0%} of "
                f"the training samples hold some{none}",
                after={"inputs": numbers, "sure": True},
                permanent="from sklearn.impute import SimpleImputer\n"
                'imputer = SimpleImputer(strategy="median").fit(X_train)  # of the training rows only\n'
                "X_train, X_val = imputer.transform(X_train), imputer.transform(X_val)",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        numbers = {
            place: (one[what], one["shape"])
            for name, one in change.after["inputs"].items()
            for place, what in zip((*gap_places(name), *end_places(name)), KEPT, strict=True)
            if what in one
        }
        return put_numbers(run, "gaps", numbers)


def _fillings(parts: list[torch.Tensor], axis: int | None) -> dict[str, Any]:
    """Return the median of each feature, and whether no row has it; 0 for those. What infinities become, if any."""
    dims = parts[0].dim()
    if axis is not None and (dims <= axis or parts[0].shape[axis] > MOST_FEATURES):
        axis = None
    rows = np.concatenate([as_rows(part, axis) for part in parts])
    endless = bool(np.isinf(rows).any())
    rows = np.where(np.isfinite(rows), rows, np.nan)
    none = np.isnan(rows).all(0)
    value = np.zeros(rows.shape[1])
    value[~none] = np.nanmedian(rows[:, ~none], axis=0)
    shape = [] if axis is None else [len(value), *(1,) * (dims - 1 - axis)]
    found = {"value": value.tolist(), "always": none.astype(float).tolist(), "shape": shape}
    return found | _ends(rows, none) if endless else found


def _ends(rows: np.ndarray, none: np.ndarray) -> dict[str, list[float]]:
    """Return a value below and one above all that each feature has, by its standard deviation; 0 where it has none."""
    low, high = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    rest = rows[:, ~none]
    low[~none] = np.nanmin(rest, axis=0) - np.nanstd(rest, axis=0)
    high[~none] = np.nanmax(rest, axis=0) + np.nanstd(rest, axis=0)
    return {"low": low.tolist(), "high": high.tolist()}
