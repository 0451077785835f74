"""How large the values are with which the first weights of a model compute."""

from typing import Any

import torch

from autofix_nb.data import structure
from autofix_nb.evidence.entrance import LOOKUPS, NORMS, entrance_of
from autofix_nb.evidence.subject import Subject

LEAST_THERE = 0.25
"""Share of the values that must not be 0 for their size to count: marks and rare words are 0 nearly everywhere."""

MOST_VALUES = 1_000_000
"""Values that quantiles are taken from; `torch.quantile` takes 16 million at most."""


def reaching_the_weights(subject: Subject, inputs: Any, raw: torch.Tensor) -> torch.Tensor | None:
    """Return what the first weights compute with, `raw` where that is not known; None behind a norm or an embedding."""
    size = subject.batch_rows
    try:
        rows = structure.take(inputs, list(range(min(size, subject.trial_rows))), size)
    except structure.NotSliceable:
        rows = inputs
    entrance = entrance_of(subject, rows)
    if entrance is None:
        return raw
    if isinstance(entrance.layer, (*NORMS, *LOOKUPS)):
        return None
    return raw if entrance.tensor is None else entrance.tensor.cpu()


def middle_of(values: torch.Tensor) -> float:
    """Return the median distance from 0 of the values that are not 0, which say how large; 0 where few are not."""
    away = _sample(values).abs()
    there = away[away > 0]
    return float(there.median()) if len(there) >= LEAST_THERE * len(away) else 0.0


def nearly_largest(values: torch.Tensor) -> float:
    """Return the distance from 0 that 1 % of the values exceed."""
    return float(torch.quantile(_sample(values).abs(), 0.99))


def looks_like_pixels(values: torch.Tensor) -> bool:
    """Tell whether rows are images laid flat: many features, all whole numbers of 0..255, many of them bright."""
    if values.dim() != 2 or values.shape[1] < 16 or float(values.min()) < 0 or not 200 <= float(values.max()) <= 255:
        return False
    return bool((values == values.round()).all()) and float((values.amax(0) >= 128).float().mean()) >= 0.25


def _sample(values: torch.Tensor) -> torch.Tensor:
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // MOST_VALUES)]
