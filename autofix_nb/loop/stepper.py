"""One training step: forward, backward, measure, decide, clip, step. This is the path that must cost nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import hypot, isfinite
from typing import Any

import torch
from torch import nn

from autofix_nb.checkpoints import BeforeStep
from autofix_nb.data import structure
from autofix_nb.fixes import Controls
from autofix_nb.objective import Task, total_loss
from autofix_nb.signals import SAMPLED, GradientNorms, Measured


@dataclass(slots=True)
class Attempt:
    """What one forward and backward pass gave. The weights are as before; the gradients are there."""

    loss: float = float("nan")
    norm: float = float("nan")
    """Norm of all gradients; with gradients still being accumulated, of the sum so far."""

    error: Exception | None = None
    parts: dict[str, torch.Tensor] = field(default_factory=dict)
    norms: Any = None
    owners: tuple[int, ...] = ()
    grads: list[torch.Tensor] = field(default_factory=list)
    waiting: tuple[torch.Tensor, torch.Tensor] | None = None
    """Loss and norm on the device, where reading them would be waiting for it."""

    @property
    def fine(self) -> bool:
        """Whether a step may be taken."""
        return self.error is None and (self.waiting is not None or (isfinite(self.loss) and isfinite(self.norm)))

    def read(self) -> "Attempt":
        """Wait for the numbers: where something failed before, certainty is worth the wait."""
        if self.waiting is not None:
            self.loss, self.norm = (float(value) for value in self.waiting)
            self.waiting = None
        return self


class Stepper:
    """Runs batches through model and optimizer. It knows nothing of samples, findings or files."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        controls: Controls,
        *,
        autocast: Callable[[], Any],
        scaler: Any = None,
        accumulate: int = 1,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.device = device
        self.controls = controls
        self.autocast = autocast
        self.scaler = scaler
        self.accumulate = accumulate
        held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.norms = GradientNorms(model, held)
        self.before = BeforeStep(model, device)
        fused = all(group.get("fused") for group in optimizer.param_groups)
        self.deferred = device.type == "cuda" and fused and scaler is None
        """Whether a bad step is left out on the device itself, so that nothing waits for it."""

    def attempt(self, data: Any, objective: Callable[[Any], Any], *, first: bool, weight: float = 1.0) -> Attempt:
        """Run forward and backward on `data` (on the device) and measure the gradients.

        `first` clears the gradients before; `weight` is what the loss counts among the parts of one step.
        """
        if first:
            self.optimizer.zero_grad(set_to_none=True)
        attempt = Attempt()
        try:
            with self.autocast():
                loss, attempt.parts = total_loss(objective(data))
            whole = loss if weight == 1.0 else loss * weight
            (whole if self.scaler is None else self.scaler.scale(whole)).backward()
        except Exception as error:  # noqa: BLE001 - whose fault it is, is found out by the caller
            attempt.error = error
            return attempt
        loss = loss.detach()
        norms, attempt.owners, attempt.grads = self.norms.measure()
        if self.deferred:
            attempt.norms = norms
            attempt.waiting = loss, torch.linalg.vector_norm(norms)
        else:
            attempt.norms = norms.tolist()
            attempt.loss, attempt.norm = loss.item(), hypot(*attempt.norms)
        if self.scaler is not None and isfinite(attempt.loss):
            # Scaled gradients overflow now and then by design; the scaler leaves that step out by itself.
            attempt.norm = min(attempt.norm / self.scaler.get_scale(), torch.finfo(torch.float32).max)
        return attempt

    def take(self, attempt: Attempt) -> tuple[bool, bool]:
        """Let the optimizer step on the gradients that are there. Returns whether they were clipped, and it stepped."""
        limit = self.controls.clip_norm
        clipped = limit is not None and self._clip(attempt, limit)
        scale = self.controls.lr_scale
        rates = None
        if scale != 1.0:
            rates = [group["lr"] for group in self.optimizer.param_groups]
            for group in self.optimizer.param_groups:
                group["lr"] = group["lr"] * scale
        try:
            stepped = self._step(attempt)
        finally:
            if rates is not None:
                for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate
        return clipped, stepped

    def _step(self, attempt: Attempt) -> bool:
        if self.scaler is not None:
            before = self.scaler.get_scale()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            return self.scaler.get_scale() >= before
        if attempt.waiting is None:
            self.optimizer.step()
            return True
        loss, norm = attempt.waiting
        bad = ~(torch.isfinite(loss) & torch.isfinite(norm))
        self.optimizer.found_inf = bad.to(torch.float32)
        self.optimizer.grad_scale = None
        try:
            self.optimizer.step()
        finally:
            del self.optimizer.found_inf, self.optimizer.grad_scale
        self.before.restore_buffers(where=bad)
        return True

    def _clip(self, attempt: Attempt, limit: float) -> bool:
        """Scale the gradients to at most `limit`, as `clip_grad_norm_` does, without measuring them again."""
        grads = attempt.grads
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        if attempt.waiting is not None:
            torch._foreach_mul_(grads, (limit / (attempt.waiting[1] + 1e-6)).clamp(max=1.0))
            return False
        if attempt.norm <= limit:
            return False
        torch._foreach_mul_(grads, limit / (attempt.norm + 1e-6))
        return True

    def rate(self) -> float:
        """Return the learning rate of the first parameter group as the optimizer gets it."""
        return float(self.optimizer.param_groups[0]["lr"]) * self.controls.lr_scale

    def to_device(self, data: Any) -> Any:
        """Return a batch on the device of the model."""
        return structure.to_device(data, self.device)


def left_behind(
    step: int,
    attempt: Attempt,
    objective: Any,
    task: Task | None,
    *,
    lr: float,
    clipped: bool,
    began: float,
    load: float,
) -> Measured:
    """Return what is recorded of a step. Predictions are looked at now and then only."""
    loss, norm = attempt.waiting or (attempt.loss, attempt.norm)
    measured = Measured(
        step,
        loss,
        norm,
        lr,
        parts={name: _detached(part) for name, part in attempt.parts.items()} if attempt.parts else {},
        norms=attempt.norms,
        owners=attempt.owners,
        clipped=clipped,
        step_seconds=time.perf_counter() - began,
        load_seconds=load,
    )
    if task is not None and task.classes and step % SAMPLED == 0:
        outputs = getattr(objective, "outputs", None)
        predicted = task.predict(outputs.detach()) if isinstance(outputs, torch.Tensor) else None
        if predicted is not None:
            measured.predicted, measured.classes = predicted, task.classes
            targets = objective.targets
            if isinstance(targets, torch.Tensor) and targets.numel() == predicted.numel():
                measured.right = predicted.flatten() == targets.flatten()
    return measured


def _detached(part: Any) -> Any:
    return part.detach() if isinstance(part, torch.Tensor) else float(part)
