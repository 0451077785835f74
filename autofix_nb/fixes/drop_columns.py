"""Let the model read columns no more that mislead it: those that are otherwise in validation, or give the target away.

A column that holds the target while training and not where the model is used (a mean of the target by category, taken
over the very rows; a number of the row; what was written down afterwards) is all that is learnt, and worth nothing
(Kaufman, Rosset and Perlich 2011, Leakage in Data Mining). Whether a column helps or misleads is for the rows of
validation to say, so this is only ever tried in a race. A column that tells the target in training, and is distributed
otherwise in validation, is sure to mislead, though its harm shows late. Each such column is held at its median.
"""

import re
from typing import ClassVar

import numpy as np
import torch

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.in_model import can_learn, put_numbers, sampled_inputs
from autofix_nb.fixes.measuring import MOST_FEATURES, SAMPLES
from autofix_nb.fixes.scaling import held_places, holds_columns
from autofix_nb.fixes.surgery import ModelFix, WayBack

MOST_SHARE = 0.5
"""Share of the columns up to which they can be done without: where more mislead, the two sides are of two kinds."""

SAID = 5
"""Columns that are named in the sentence."""

MISLEADING = ("D04", "D11")
"""What is found of a column that is sure to mislead: it is otherwise in validation, and tells the target."""

_FEATURE = re.compile(r"(?:column )?feature (\d+)")


class DropColumns(ModelFix):
    """Hold the columns that a finding names at their median, inside the model."""

    name: ClassVar = "drop_columns"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        model = getattr(run, "model", None)
        columns = sorted(_columns(finding))
        if not columns or not can_learn(model) or holds_columns(model):
            return []
        batches = sampled_inputs(run, SAMPLES, SAMPLES // 8, with_gaps=True)
        first = batches[0] if batches else {}
        if len(first) != 1:
            return []
        (name, part), = first.items()  # fmt: skip
        if not part.is_floating_point() or part.dim() != 2 or part.shape[1] > MOST_FEATURES:
            return []
        if columns[-1] >= part.shape[1] or len(columns) > MOST_SHARE * part.shape[1]:
            return []
        rows = torch.cat([one[name] for one in batches]).detach().cpu().double().numpy()
        said = ", ".join(map(str, columns[:SAID])) + (f" and {len(columns) - SAID} more" if columns[SAID:] else "")
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"column{'s' if len(columns) > 1 else ''} {said} of the inputs "
                f"{'are' if len(columns) > 1 else 'is'} not read any more inside the model",
                after={"inputs": {name: _held(rows, columns)}} | ({"sure": True} if _mislead(run, columns) else {}),
                permanent=f"inputs = np.delete(inputs, {columns}, axis=1)  # in train and val, and the model narrower",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        numbers = {
            place: (one[what], [len(one[what])])
            for name, one in change.after["inputs"].items()
            for place, what in zip(held_places(name), ("value", "always"), strict=True)
        }
        return put_numbers(run, "columns", numbers)


def _columns(finding: Finding) -> set[int]:
    """Return the places of the columns that a finding names; none where it names something else, too."""
    named = [_FEATURE.fullmatch(place) for place in finding.where]
    return {int(match[1]) for match in named} if all(named) else set()


def _mislead(run: Trainee, columns: list[int]) -> bool:
    """Tell whether all of these give the target away in training, and are distributed otherwise in validation."""
    found = getattr(run, "found_before", ())
    named = {code: set().union(*(_columns(one) for one in found if one.code == code)) for code in MISLEADING}
    return all(set(columns) <= places for places in named.values())


def _held(rows: np.ndarray, columns: list[int]) -> dict[str, list[float]]:
    """Return the median of each column, and whether it is held there (1)."""
    rows = np.where(np.isfinite(rows), rows, np.nan)
    there = ~np.isnan(rows).all(0)
    value, always = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    value[there] = np.nanmedian(rows[:, there], axis=0)
    always[columns] = 1.0
    return {"value": value.tolist(), "always": always.tolist()}
