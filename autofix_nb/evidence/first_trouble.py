"""What can go wrong in a first step: lazy layers, where NaN arises, eval mode, a batch of one row."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from autofix_nb.data import GuardedLoader, structure
from autofix_nb.evidence.input_size import forward_error
from autofix_nb.evidence.raised import watch_outputs
from autofix_nb.evidence.subject import Subject
from autofix_nb.evidence.trial import Trial, take_trial
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import total_loss

ONE_VALUE = "more than 1 value per channel"
"""What torch says of a batch norm that gets one row in train mode."""


def lazy_parameters(model: nn.Module) -> list[str]:
    """Return the names of parameters that have no shape before the first forward pass."""
    lazy = nn.parameter.UninitializedTensorMixin
    return [name for name, tensor in model.named_parameters() if isinstance(tensor, lazy)]


def trial_of_all(subject: Subject) -> Trial:
    """Return a trial on the first batch as it is, where its rows cannot be told apart; `rows` is then 0.

    Raises:
        NotApplicable: when there is no batch, or it cannot be taken apart into inputs and targets.
    """
    data = structure.to_device(subject.batch.data, subject.device)
    inputs, targets = subject.parts if subject.step is None else (data, None)
    trial = Trial(rows=0, batch_rows=0, inputs=inputs, targets=targets)
    with warnings.catch_warnings(), subject.borrowed(training=True) as model:
        warnings.simplefilter("ignore")
        take_trial(model, subject.objective(model), data, trial, subject.wait)
    return trial


def holds_no_tensor(data: Any) -> bool:
    """Tell whether a batch holds NumPy arrays or lists of numbers, and no tensor."""
    return next(structure.tensors(data), None) is None and _holds_numbers(data)


def _holds_numbers(data: Any) -> bool:
    if isinstance(data, Mapping):
        return any(map(_holds_numbers, data.values()))
    if isinstance(data, list | tuple):
        return any(type(part) in (int, float, bool) or _holds_numbers(part) for part in data)
    return isinstance(data, np.ndarray | np.generic)


def is_bad(tensor: torch.Tensor) -> bool:
    """Tell whether it holds NaN or infinities."""
    return tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())


def bad_outputs(subject: Subject) -> list[str]:
    """Return the modules whose output is not finite in a trial step, in words, in the order of the pass."""
    with warnings.catch_warnings(), subject.borrowed(training=True) as model, watch_outputs(model) as bad:
        warnings.simplefilter("ignore")
        with torch.no_grad():
            total_loss(subject.objective(model)(subject.take(subject.trial_rows)))
    return list(dict.fromkeys(bad))


def error_in_eval_mode(subject: Subject) -> Exception | None:
    """Return what the model raises in eval mode; None where it works, or a `step` of the user's calls it."""
    if subject.step is not None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            subject.outputs  # noqa: B018 - whether it can be had is the question
            return None
        except NotApplicable:
            return forward_error(subject, subject.trial.inputs)


def has_batch_norm(model: nn.Module) -> bool:
    """Tell whether a part of it normalises by the batch."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())


def batch_sizes(subject: Subject) -> list[int]:
    """Return the rows of each batch of an epoch; empty where the loader does not tell."""
    source = subject.source
    if not isinstance(source, GuardedLoader) or getattr(source.loader, "batch_sampler", None) is None:
        return []
    return [len(batch) for batch in source.order(0)]


def error_of_one_row(subject: Subject) -> Exception | None:
    """Return what a step on one row raises in train mode; None where it works."""
    try:
        with warnings.catch_warnings(), subject.borrowed(training=True) as model, torch.no_grad():
            warnings.simplefilter("ignore")
            subject.objective(model)(subject.take(1))
    except Exception as error:  # noqa: BLE001 - it is what was asked for
        return error
    return None
