"""One look at a batch before training: which loss fits, and does the one given take these targets?

Nothing is left behind: the model is in eval mode meanwhile, its random stream and buffers are put back.
"""

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import nn
from torch.utils.data import TensorDataset

from autofix_nb.checkpoints import BeforeStep
from autofix_nb.data import Batch, structure
from autofix_nb.errors import AutofixError, DataError, ModelError
from autofix_nb.evidence.batches import first_batches
from autofix_nb.evidence.chance import expectation
from autofix_nb.loop.culprits import fill_up
from autofix_nb.objective import (
    Task,
    check_labels,
    evaluating,
    forward,
    infer_task,
    seen_through,
    split_batch,
    takes_class_ids,
    task_of,
    total_loss,
)
from autofix_nb.objective.kinds import by_rule, rule_that_fits

MOST_BATCHES = 5
"""Batches looked at until one passes."""

FEW_WRONG = 0.02
"""Share of labels out of range up to which they are slips, and no labels that count from 1."""

OF_CLASSES = frozenset({"logits", "probabilities", "log-probabilities"})
"""What a loss takes that wants one output for each class."""

FEW_IN_A_BATCH = 0.2
"""The same of one batch, where they may come together."""

MOST_ROWS = 16
"""Rows tried one by one when a whole batch does not pass."""


@dataclass(frozen=True)
class Sample:
    """What a look at the first batch told."""

    task: Task | None
    """None with a `step` of the user's that is no plain loss, or a model that computes its loss itself."""

    says: str
    loss_name: str
    """Name of the loss, by which a resumed run is known."""

    seen: Any = None
    """The loss that a `step` of the user's was seen to be; None where it is more than that, or there is none."""

    @classmethod
    def of_own(cls, loss: Any, says: str, outputs: Any, targets: Any, *, classes: bool) -> Self:
        """Return what a loss tells that reads its targets in its own way; `classes` says that they are as they seem."""
        task = task_of(loss, outputs, targets)
        return cls(task if classes else replace(task, kind="custom", classes=0), says, _name_of(loss))


def probe(
    model: nn.Module, train: Any, loss: Any, step: Any, device: torch.device, autocast: Callable[[], Any]
) -> Sample:
    """Run the model on a batch and return the task.

    Raises:
        DataError, ModelError: when targets and outputs fit no loss, or the given loss does not take them.
    """
    if step is not None:
        return _of_step(model, train, step, device, autocast)
    outputs, targets = sample_of(model, train, device, autocast)
    by_number = loss is None or takes_class_ids(loss)
    if by_number:
        outputs, targets = _with_labels_in_range(outputs, targets, getattr(loss, "ignore_index", -100))
    if outputs is None:  # the model raises for everything: let the training tell, which saves and explains
        return Sample(None if loss is None else task_of(loss, None, None), "", _name_of(loss))
    if (
        loss is None
        and not isinstance(outputs, torch.Tensor)
        and isinstance(getattr(outputs, "loss", None), torch.Tensor)
    ):
        return Sample(None, "Loss: the model's own.", "the model's own")
    task = infer_task(outputs, targets) if loss is None else task_of(loss, outputs, targets)
    if loss is not None:
        _try_loss(task, outputs, targets)
    if task.kind == "classification":
        try:
            _check_all_labels(train, task.classes, getattr(loss, "ignore_index", -100), FEW_WRONG if by_number else 0.0)
        except DataError:
            if by_number:
                raise
            # The user's own loss has another meaning of these numbers, such as grades with an order.
            task = replace(task, kind="custom", classes=0)
    said = f"Loss: {task.says}." if loss is None else ""
    return Sample(task, said, getattr(task.loss, "__name__", type(task.loss).__name__))


def _of_step(
    model: nn.Module, train: Any, step: Callable[[nn.Module, Any], Any], device: torch.device, autocast: Any
) -> Sample:
    name, seen, task = getattr(step, "__name__", type(step).__name__), None, None
    before = BeforeStep(model, device)
    before.take()
    with suppress(Exception), autocast():  # whatever ails the data is told where it is looked at
        batch = next((one.data for one in first_batches(train, MOST_BATCHES) if one.data is not None), None)
        seen = None if batch is None else seen_through(step, model, structure.to_device(batch, device))
    before.restore()
    if seen is not None:
        with suppress(DataError, ModelError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch warns of is told by the look before training
            task = probe(model, train, seen, None, device, autocast).task
            outputs, targets = sample_of(model, train, device, autocast)
            told = task is not None and task.kind == "classification"
            if told and expectation(seen, outputs, targets).takes not in OF_CLASSES:
                # Labels may say what belongs together, as for triplets, and the outputs be places.
                task = replace(task, kind="custom", classes=0)
    return Sample(task, "", name, seen=None if task is None else seen)


def sample_of(model: nn.Module, train: Any, device: torch.device, autocast: Callable[[], Any]) -> tuple[Any, Any]:
    """Return outputs and targets of the first batch that passes, else of its first row that does; None for none."""
    before = BeforeStep(model, device)
    before.take()
    first_error: AutofixError | None = None
    try:
        # With a graph, since it tells which activation the model ends in.
        with evaluating(model), torch.enable_grad(), autocast():
            for number, batch in enumerate(first_batches(train, MOST_BATCHES)):
                if batch.data is None:
                    continue
                inputs_targets = split_batch(structure.to_device(batch.data, device))
                try:
                    return _finite_outputs(model, inputs_targets[0]), inputs_targets[1]
                except Exception:  # noqa: BLE001 - a bad sample, or a bug: the training tells them apart
                    found = _first_row(model, batch, device) if number == 0 else None
                if found is not None:
                    return found
    except DataError as error:
        first_error = error
    finally:
        before.restore()
    if first_error is not None:
        raise first_error
    return None, None


def _finite_outputs(model: nn.Module, inputs: Any) -> Any:
    """Return the model's outputs; where they hold NaN, those for inputs whose own gaps are filled by 0.

    Where it raises for the type of its inputs, those for the same numbers of the type that it takes. What the loss
    takes is asked here. Gaps are named, and filled or set aside, later on.
    """
    try:
        outputs = forward(model, inputs)
    except Exception:
        rule = rule_that_fits(model, inputs)
        if rule is None:
            raise
        outputs = forward(model, by_rule(inputs, rule))
    if not isinstance(outputs, torch.Tensor) or bool(torch.isfinite(outputs).all()):
        return outputs
    parts = [part for _, part in structure.tensors(inputs) if part.is_floating_point()]
    if all(bool(torch.isfinite(part).all()) for part in parts):
        return outputs
    return forward(model, structure.map_tensors(_without_gaps, inputs))


def _without_gaps(part: torch.Tensor) -> torch.Tensor:
    return torch.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0) if part.is_floating_point() else part


def _first_row(model: nn.Module, batch: Batch, device: torch.device) -> tuple[Any, Any] | None:
    try:
        size = structure.rows(batch.data)
        for row in range(min(size, MOST_ROWS)):
            for rows in ([row], fill_up([row], size)):  # some models know one batch size only
                inputs, targets = split_batch(structure.to_device(structure.take(batch.data, rows, size), device))
                try:
                    return forward(model, inputs), targets
                except Exception:  # noqa: BLE001, S112 - the next row may pass
                    continue
    except structure.NotSliceable:
        pass
    return None


def _try_loss(task: Task, outputs: Any, targets: Any) -> None:
    """Raise when the given loss does not take these outputs and targets at all."""
    error = None
    try:
        with torch.no_grad():
            total_loss(task.loss(outputs, targets))
    except ModelError:
        raise
    except Exception as caught:  # noqa: BLE001 - said in words below
        error = caught
    if error is None:
        return
    what = _say(targets)
    raise DataError(
        f"`loss` ({getattr(task.loss, '__name__', type(task.loss).__name__)}) does not take outputs {_say(outputs)} "
        "with "
        f"targets {what}: {type(error).__name__}: {str(error).splitlines()[0]}. Class numbers are `torch.long` of "
        "shape (N,), "
        "everything else is float, shaped like the outputs; `loss=None` chooses one that fits"
    ) from error


def _check_all_labels(train: Any, classes: int, ignore: int, few: float) -> None:
    """Check the labels of the whole data set where they can be had without loading a sample; a few may be slips."""
    labels = labels_of(train)
    if labels is None or labels.is_floating_point():
        return
    wrong = ~_in_range(labels, classes, ignore)
    if float(wrong.float().mean()) > few or not bool(_turns_up(labels[~wrong])):
        check_labels(labels, classes, ignore)  # few slips are set aside when their turn comes


def labels_of(train: Any) -> torch.Tensor | None:
    """Return one label for each sample, where a data set tells them without loading samples; None where not."""
    dataset = getattr(train, "dataset", None)
    if isinstance(dataset, TensorDataset):
        labels = dataset.tensors[-1]
    else:
        labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    try:
        labels, samples = torch.as_tensor(labels), len(dataset)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):  # a stream has no length
        return None
    return labels if labels.dim() in (1, 2) and labels.numel() == samples else None


def _in_range(labels: torch.Tensor, classes: int, ignore: int) -> torch.Tensor:
    return ((labels >= 0) & (labels < classes)) | (labels == ignore)


def _turns_up(labels: torch.Tensor) -> torch.Tensor:
    """Tell whether labels of more than one kind are left: else the rest says nothing about what is meant."""
    return labels.min() != labels.max() if labels.numel() else torch.zeros((), dtype=torch.bool)


def _with_labels_in_range(outputs: Any, targets: Any, ignore: int) -> tuple[Any, Any]:
    """Return outputs and targets without the rows whose class number is out of range, where these are few."""
    tensors = isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)
    if not tensors or outputs.dim() != 2 or targets.dim() != 1 or targets.is_floating_point():
        return outputs, targets
    if outputs.shape[1] < 2 or len(outputs) != len(targets):
        return outputs, targets
    good = _in_range(targets, outputs.shape[1], ignore)
    few = 0 < int((~good).sum()) <= FEW_IN_A_BATCH * len(good)
    return (outputs[good], targets[good]) if few else (outputs, targets)


def _say(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return f"of type {type(value).__name__}"


def _name_of(loss: Any) -> str:
    return "" if loss is None else getattr(loss, "__name__", type(loss).__name__)
