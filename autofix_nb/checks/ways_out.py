"""Code to type where model, batch and loss are each well and do not find each other."""

from collections.abc import Mapping
from typing import Any

import torch

from autofix_nb.evidence import Subject, Trial

SCORES = ("logits", "out", "output", "prediction", "predictions")
"""Names under which models keep the scores in what they return: Hugging Face's, torchvision's segmentation, others."""


def way_out(subject: Subject, trial: Trial) -> str:
    """Return the line that brings them together; empty where none is known."""
    error = str(trial.error)
    if subject.step is None and trial.stage == "forward" and isinstance(trial.inputs, list) and "missing" in error:
        return "step=lambda model, batch: loss(model(*batch[0]), batch[1])  # several inputs, each its own argument"
    if trial.stage != "loss" or subject.step is not None or isinstance(trial.outputs, torch.Tensor):
        return ""
    keys = _keys(trial.outputs)
    name = next((name for name in SCORES if name in keys), "")
    if not name:
        return ""
    if subject.loss is None and name == "logits" and isinstance(subject.batch.data, Mapping):
        return "step=lambda model, batch: model(**batch).loss  # the model's own loss, of its own labels"
    taken = f'outputs["{name}"]' if isinstance(trial.outputs, Mapping) else f"outputs.{name}"
    return f"loss=lambda outputs, targets: torch.nn.functional.cross_entropy({taken}, targets)"


def _keys(outputs: Any) -> set[str]:
    if isinstance(outputs, Mapping):
        return {str(name) for name in outputs}
    return {name for name in SCORES if isinstance(getattr(outputs, name, None), torch.Tensor)}
