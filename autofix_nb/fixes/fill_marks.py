"""Take marks for "none", such as -999, out of the inputs, inside the model: each gets the median of its feature.

What is left is brought to a usual scale, as a mark among the numbers that a scaler measured leaves the others a spread
of next to nothing (Little and Rubin, Statistical Analysis with Missing Data: a code for a missing value is none).
Validation and inference have both, too.
"""

from typing import Any, ClassVar

import numpy as np
import torch

from autofix_nb.evidence.marks import marks_of
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.in_model import can_learn, put_input_scales, put_numbers, sampled_inputs
from autofix_nb.fixes.measuring import MOST_FEATURES, SAMPLES, as_rows, can_be_scaled, feature_axis, scales
from autofix_nb.fixes.scaling import gap_places, is_filled, is_scaled, mark_place
from autofix_nb.fixes.surgery import ModelFix, WayBack

MOST_DIMENSIONS = 3
"""Dimensions of a batch of rows or sequences; the brightest value of a picture is no mark."""

NAMED = 3
"""Marks named in the sentence."""


class FillMarks(ModelFix):
    """Let the model put the median of a feature in the place of its mark, and scale what is left."""

    name: ClassVar = "fill_marks"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        model = getattr(run, "model", None)
        if not can_learn(model) or is_filled(model):
            return []
        batches = sampled_inputs(run, SAMPLES, SAMPLES // 8)
        fillings, to_scale = {}, {}
        for name, part in (batches[0] if batches else {}).items():
            if not can_be_scaled(part) or part.dim() > MOST_DIMENSIONS:
                continue
            axis = feature_axis(part, model, None)
            parts = [one[name] for one in batches if name in one and one[name].shape[1:] == part.shape[1:]]
            if axis is None or part.shape[axis] > MOST_FEATURES:
                continue
            rows = np.concatenate([as_rows(one, axis) for one in parts])
            marks = marks_of(rows)
            if np.isnan(marks).all():
                continue
            fillings[name] = _fillings(rows, marks, [len(marks), *(1,) * (part.dim() - 1 - axis)])
            left = None if is_scaled(model) else scales([_without(one, axis, marks) for one in parts], axis)
            if left is not None:
                to_scale[name] = left
        if not fillings:
            return []
        found = [mark for one in fillings.values() for mark in one["mark"] if mark is not None]
        shown = ", ".join(f"{mark:.6g}" for mark in list(dict.fromkeys(found))[:NAMED])
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"marks for none in {len(found)} input features ({shown}{', ...' if len(found) > NAMED else ''}) "
                "get the median of their feature inside the model"
                + (", and what is left is brought to mean 0 and standard deviation 1" if to_scale else ""),
                after={"inputs": fillings, "scales": to_scale, "sure": True},
                permanent="X_train, X_val = (np.where(X == mark, np.nan, X) for X in (X_train, X_val))  # before "
                "anything is measured or scaled\n"
                "from sklearn.impute import SimpleImputer\n"
                'imputer = SimpleImputer(strategy="median").fit(X_train)  # of the training rows only\n'
                "X_train, X_val = imputer.transform(X_train), imputer.transform(X_val)",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back = put_input_scales(run, change.after["scales"]) if change.after["scales"] else []
        numbers = {}
        for name, one in change.after["inputs"].items():
            places = (*gap_places(name), mark_place(name))
            marks = [float("nan") if mark is None else mark for mark in one["mark"]]
            for place, values in zip(places, (one["value"], [0.0] * len(marks), marks), strict=True):
                numbers[place] = (values, one["shape"])
        return [*ways_back, *put_numbers(run, "gaps", numbers)]


def _fillings(rows: np.ndarray, marks: np.ndarray, shape: list[int]) -> dict[str, Any]:
    """Return the median of each feature, and its mark; None where it has none, as a journal holds no NaN."""
    rest = np.where(np.isfinite(rows) & (rows != marks), rows, np.nan)
    none = np.isnan(rest).all(0)
    value = np.zeros(rows.shape[1])
    value[~none] = np.nanmedian(rest[:, ~none], axis=0)
    return {
        "value": value.tolist(),
        "mark": [None if np.isnan(mark) else float(mark) for mark in marks],
        "shape": shape,
    }


def _without(part: torch.Tensor, axis: int, marks: np.ndarray) -> torch.Tensor:
    """Return a batch in which NaN stands for marks, which is no number to measure."""
    shape = [1] * part.dim()
    shape[axis] = len(marks)
    mark = torch.as_tensor(marks, dtype=part.dtype, device=part.device).reshape(shape)
    return part.masked_fill(part == mark, float("nan"))
