"""One forward pass, loss and backward pass on a copy of the model: the evidence of the checks of a model."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from autofix_nb.objective import Objective, total_loss


@dataclass(kw_only=True)
class Trial:
    """What a step without an update did, in training mode, on `rows` of the batch's `batch_rows` rows."""

    rows: int
    batch_rows: int
    inputs: Any
    targets: Any
    outputs: Any = None
    """What the model returned; None with a `step` of the user's."""

    loss: torch.Tensor | None = None
    """Shape (), detached; None where it could not be computed."""

    parts: dict[str, float] = field(default_factory=dict)
    gradients: dict[str, float] = field(default_factory=dict)
    """Norm of the gradient of each parameter that got one, by the parameter's name."""

    without_gradient: tuple[str, ...] = ()
    """Parameters that want a gradient (`requires_grad`) and got none."""

    error: Exception | None = None
    stage: Literal["forward", "loss", "backward", ""] = ""
    """Where the error was raised."""

    warned: tuple[str, ...] = ()
    """Texts of the warnings that came on the way."""

    forward_seconds: float = 0.0
    backward_seconds: float = 0.0


def take_trial(model: nn.Module, objective: Objective, data: Any, trial: Trial, wait: Callable[[], None]) -> Trial:
    """Run `objective` on `data` and go backward; fill in `trial`. Errors are kept, not raised.

    `wait` waits for the device, so that the seconds are those of the work.
    """
    model.zero_grad(set_to_none=True)
    began = time.perf_counter()
    stage: Literal["forward", "loss", "backward", ""] = "forward"
    objective.outputs = None
    try:
        result = objective(data)
        wait()
        trial.forward_seconds = time.perf_counter() - began
        trial.outputs = objective.outputs
        stage = "loss"
        loss, parts = total_loss(result)
        trial.loss = loss.detach()
        trial.parts = {name: float(part) for name, part in parts.items() if _is_number(part)}
        stage = "backward"
        began = time.perf_counter()
        loss.backward()
        wait()
        trial.backward_seconds = time.perf_counter() - began
    except Exception as error:  # noqa: BLE001 - whatever the user's model raises is a finding
        trial.error = error
        trial.outputs = objective.outputs
        trial.stage = "loss" if stage == "forward" and objective.outputs is not None else stage
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    trial.gradients = {name: float(part.grad.norm()) for name, part in named if part.grad is not None}
    trial.without_gradient = tuple(name for name, parameter in named if parameter.grad is None)
    model.zero_grad(set_to_none=True)
    return trial


def _is_number(part: Any) -> bool:
    return not isinstance(part, torch.Tensor) or part.numel() == 1
