"""From a batch to a loss: how a batch is taken apart, run through the model, and judged."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from autofix_nb.errors import DataError, ModelError
from autofix_nb.objective.answering import overheard
from autofix_nb.objective.tasks import Task, infer_task
from autofix_nb.objective.treatment import Treatment, treated

TARGET_NAMES = ("labels", "label", "targets", "target", "y")
"""Keys under which a batch that is a dict keeps its targets."""


class Objective:
    """Calls the model on a batch and returns the loss: one tensor, or a dict of named parts.

    After a call `outputs` and `targets` hold what the loss was computed from (None with a `step` of the user's, unless
    it has a task: then it was seen to be a loss of outputs and targets, see `seen_through.py`).
    """

    def __init__(
        self, model: nn.Module, task: Task | None, step: Callable[[nn.Module, Any], Any] | None = None
    ) -> None:
        self.model = model
        self.task = task
        self._step = step
        self.outputs: Any = None
        self.targets: Any = None
        self.treatment: Treatment | None = None
        """How the loss is treated while the model trains; validation follows only where another loss took its place."""

        self._in_force: tuple[str, Task | None, Task | None] = ("", None, None)

    def __call__(self, data: Any) -> Any:
        if self._step is not None:
            return self._of_step(data)
        inputs, targets = split_batch(data)
        outputs = forward(self.model, inputs)
        self.outputs, self.targets = outputs, targets
        if self.task is None:
            if isinstance(getattr(outputs, "loss", None), torch.Tensor):
                return outputs.loss
            self.task = infer_task(outputs, targets)  # no batch passed the look before training
        return self._treated(self.task)(outputs, targets)

    @property
    def step(self) -> Callable[[nn.Module, Any], Any] | None:
        """The `step` of the user's own; None where the loss is one of outputs and targets."""
        return self._step

    def _of_step(self, data: Any) -> Any:
        """Return what the user's own step does, and note what it compares, where that is known."""
        if self.task is None:
            return self._step(self.model, data)  # type: ignore[misc]
        with overheard(self.model) as calls:
            result = self._step(self.model, data)  # type: ignore[misc]
        self.outputs, self.targets = calls.only, split_batch(data)[1]
        loss = self._treated(self.task)
        # Another loss, weights or a mask take the place of what the step computes.
        return result if loss is self.task.loss or self.outputs is None else loss(self.outputs, self.targets)

    def _treated(self, task: Task) -> Callable[[Any, Any], Any]:
        """Return the loss of the task as it is treated in the present mode of the model."""
        if self.treatment is None:
            return task.loss
        # A loss that took the place of another is the loss from then on; weights and masks are for training alone.
        return treated(task, self.treatment if self.model.training else Treatment(loss=self.treatment.loss))

    def in_force(self, task: Task | None) -> Task | None:
        """Return a task with the loss that took the place of its own: signals are to be of what is trained with."""
        named = "" if self.treatment is None else self.treatment.loss
        if not named or task is None or task.loss is None:
            return task
        if self._in_force[0] != named or self._in_force[1] is not task:
            self._in_force = named, task, replace(task, loss=treated(task, Treatment(loss=named)))
        return self._in_force[2]


def split_batch(data: Any) -> tuple[Any, Any]:
    """Return inputs and targets of a batch: `(x, y)`, `(x1, x2, y)`, or a dict with one of `TARGET_NAMES`.

    Raises:
        DataError: when the batch holds no targets.
    """
    if isinstance(data, Mapping):
        for name in TARGET_NAMES:
            if name in data:
                return {key: part for key, part in data.items() if key != name}, data[name]
        raise DataError(
            f"`train` gives dicts with {sorted(map(str, data))}, none of them a target ({', '.join(TARGET_NAMES)}). "
            "Give `step=lambda model, batch: ...`"
        )
    if isinstance(data, list | tuple) and len(data) >= 2:
        return (data[0] if len(data) == 2 else tuple(data[:-1])), data[-1]
    raise DataError(
        f"`train` gives batches of one {type(data).__name__}, without targets; wanted `(inputs, targets)`. "
        "Give `step=lambda model, batch: ...` for a loss without targets"
    )


def forward(model: nn.Module, inputs: Any) -> Any:
    """Call the model: several inputs one by one, named ones by name."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, tuple) and not hasattr(inputs, "_fields"):
        return model(*inputs)
    return model(inputs)


def total_loss(result: Any, weights: Mapping[str, float] | None = None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss to go backward from (shape ()), and its named parts.

    Of a dict the entry `loss` is the loss and the others are only recorded; without one, the sum of the parts is,
    each times its weight in `weights` (1 where it has none there).

    Raises:
        ModelError: when it is no number, or no gradient can flow from it.
    """
    parts: dict[str, torch.Tensor] = {}
    if isinstance(result, Mapping):
        if not result:
            raise ModelError("`loss` is an empty dict, wanted at least one named part")
        parts = {str(name): part for name, part in result.items() if name != "loss"}
        if "loss" in result:
            result = result["loss"]
        elif weights:
            result = sum(part * weights.get(name, 1.0) for name, part in parts.items())
        else:
            result = sum(result.values())
    if not isinstance(result, torch.Tensor):
        raise ModelError(f"`loss` is a {type(result).__name__}, wanted a tensor of one number or a dict of named parts")
    if result.dim():
        if result.numel() != 1:
            raise ModelError(
                f"`loss` has shape {tuple(result.shape)}, wanted one number: take its mean, or `reduction='mean'`"
            )
        result = result.reshape(())
    return result, parts
