"""What loader and model make of samples: missing values may be filled in on the way, numbers drawn anew each time."""

import numpy as np
import torch

from autofix_nb.data import GuardedLoader, Plan, structure
from autofix_nb.evidence.scan import Scan
from autofix_nb.evidence.subject import Subject
from autofix_nb.objective import forward, split_batch

TRIED = 4
"""Samples with missing values that are loaded as in training, to see what becomes of them."""

BATCH = 64
"""Samples that are loaded together to see whether a feature is the same in all of them."""


def coping_with(subject: Subject, keys: list[int]) -> str:
    """Return how the loader or the model copes with such samples; empty where they do not."""
    source = subject.source
    if not isinstance(source, GuardedLoader):
        return ""
    try:
        loaded = source.look_at(Plan(0, 0, keys[:TRIED]))
        if loaded.data is None or loaded.faults:
            return ""
        inputs, _ = split_batch(loaded.data)
        if _finite(inputs):
            return "but the transforms fill them in"
        if subject.original is None or subject.step is not None:
            return ""
        with subject.borrowed(training=False) as model:
            outputs = forward(model, structure.to_device(inputs, subject.device))
    except Exception:  # noqa: BLE001 - whatever the user's data or model raises: it does not cope
        return ""
    return "but the model's outputs for them are finite" if _finite(outputs) else ""


def constant_as_loaded(subject: Subject, scan: Scan) -> np.ndarray:
    """Tell which features are constant in a batch too: what is drawn at random was the same for all samples seen."""
    nothing = np.zeros(scan.features.shape[1], dtype=bool)
    try:
        loaded = subject.source.look_at(Plan(0, 0, scan.indices[:BATCH].tolist()))
        inputs, _ = split_batch(loaded.data)
        parts = [part.flatten(1) if part.dim() > 1 else part[:, None] for _, part in structure.tensors(inputs)]
        rows = torch.cat([part.double() for part in parts], dim=1)
    except Exception:  # noqa: BLE001 - a batch of a form of its own does not tell
        return nothing
    if rows.shape[1] != len(nothing):
        return nothing
    return (rows.amin(0) == rows.amax(0)).numpy()


def _finite(data: object) -> bool:
    parts = [part for _, part in structure.tensors(data) if part.is_floating_point() or part.is_complex()]
    return bool(parts) and all(bool(torch.isfinite(part).all()) for part in parts)
