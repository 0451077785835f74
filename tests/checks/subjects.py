"""Trainings to be looked at, made in a line: from a model and loaders, or from scans made by hand."""

from typing import Any

import numpy as np
import torch

from autofix_nb.checks import Answer, Check, ask
from autofix_nb.evidence import Clock, Scan, Subject


def subject(model: Any = None, train: Any = None, val: Any = None, *, seconds: float = 60.0, **options: Any) -> Subject:
    """Return a training to look at, on the CPU, with a fresh budget."""
    return Subject(model, train, val, clock=Clock(seconds), device=torch.device("cpu"), **options)


def scan(features: Any, labels: Any = None, *, side: str = "train", **fields: Any) -> Scan:
    """Return what one pass over a table would tell; `features` is (N, d)."""
    features = np.asarray(features, dtype=np.float32)
    count = len(features)
    usual = {
        "side": side,
        "kind": "table",
        "samples": count,
        "indices": np.arange(count),
        "labels": None if labels is None else np.asarray(labels),
        "features": features,
        "rows": np.arange(count),
        "names": tuple(f"feature {place}" for place in range(features.shape[1])),
    }
    return Scan(**usual | fields)


def subject_of(train: Scan, val: Scan | None = None, **options: Any) -> Subject:
    """Return a training of which these scans are known already; its loaders are never read."""
    looked_at = subject(options.pop("model", None), train=[], val=None if val is None else [], **options)
    looked_at._scans["train"] = train
    if val is not None:
        looked_at._scans["val"] = val
    return looked_at


def answer_of(check: Check, looked_at: Subject) -> Answer:
    """Return the check's answer; an error of its own, or that it is not applicable, fails the test."""
    asked = ask(check, looked_at)
    if asked.broke is not None:
        raise asked.broke
    assert asked.answer is not None, asked.why_not
    return asked.answer


def why_not(check: Check, looked_at: Subject) -> str:
    """Return why a check is not applicable; an answer, or an error of its own, fails the test."""
    asked = ask(check, looked_at)
    if asked.broke is not None:
        raise asked.broke
    assert asked.answer is None, asked.answer
    return asked.why_not
