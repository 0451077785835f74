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
from autofix_nb.loop.slopes import bound_slopes
from autofix_nb.objective import Objective, Task, total_loss
from autofix_nb.signals import SAMPLED, Answers, GradientNorms, Measured

CLIPPED_BELOW = 0.999
"""Share of the gradients' norm below which somebody has clipped them."""

FARTHEST_APART = 1e-3
"""Share of the fastest parameter group's rate below which that of another is no choice, but may be the fault itself."""


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
        self.users_optimizer = optimizer
        self.optimizer = optimizer
        """The optimizer at work: the user's, unless `Controls.optimizer` took its place."""

        self.users_rate = 0.0
        """The highest rate of the user's since another optimizer took over: the scheduler lowers that in proportion."""

        self.device = device
        self.controls = controls
        self.autocast = autocast
        self.scaler = scaler
        self.users_accumulate = accumulate
        """Batches for a step as the user asked for."""

        self.rewatch()

    @property
    def accumulate(self) -> int:
        """Batches whose gradients make one step."""
        return self.controls.gather or self.users_accumulate

    def rewatch(self) -> None:
        """Look up anew which parameters and buffers there are: at the start, and after the model changed."""
        held = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.norms = GradientNorms(self.model, held)
        self.before = BeforeStep(self.model, self.device)
        fused = all(group.get("fused") for group in self.optimizer.param_groups)
        self.deferred = self.device.type == "cuda" and fused and self.scaler is None
        """Whether a bad step is left out on the device itself, so that nothing waits for it."""

    def follow_controls(self) -> None:
        """Put the optimizer that the controls ask for to work: one of ours, or the user's again."""
        wanted = self.controls.optimizer
        if wanted is None:
            now: torch.optim.Optimizer = self.users_optimizer
        elif getattr(self.optimizer, "_asked_for", None) == wanted:
            return
        else:
            now = take_the_place_of(self.users_optimizer, wanted)
            self.users_rate = self._held(0, float(self.users_optimizer.param_groups[0]["lr"]))
        self.put_to_work(now)

    def put_to_work(self, optimizer: torch.optim.Optimizer) -> None:
        """Let this optimizer take the steps from here on."""
        if optimizer is not self.optimizer:
            self.optimizer = optimizer
            self.rewatch()

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint, beside those of the optimizer at work."""
        return {"users_rate": self.users_rate}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self.users_rate = float(state["users_rate"])

    def attempt(self, data: Any, objective: Callable[[Any], Any], *, first: bool, weight: float = 1.0) -> Attempt:
        """Run forward and backward on `data` (on the device) and measure the gradients.

        `first` clears the gradients before; `weight` is what the loss counts among the parts of one step.
        """
        if first:
            self.optimizer.zero_grad(set_to_none=True)
        attempt = Attempt()
        try:
            with self.autocast():
                loss, attempt.parts = total_loss(objective(data), self.controls.part_weights)
            weight *= self.controls.loss_scale
            whole = loss if weight == 1.0 else loss * weight
            if self.controls.bound_slopes and self.scaler is None:  # scaled ones overflow by design
                bound_slopes(whole)
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

    def take(self, attempt: Attempt, step: int = 0) -> tuple[bool, bool]:
        """Let the optimizer step on the gradients that are there; `step` counts those taken before.

        Returns whether the gradients were clipped, and whether it stepped.
        """
        limit = self.controls.clip_norm
        clipped = limit is not None and self._clip(attempt, limit)
        if self.optimizer is not self.users_optimizer:
            self.users_rate = self._highest()
        lent = self._lend_settings(step)
        try:
            stepped = self._step(attempt)
        finally:
            for group, settings in lent:
                group.update(settings)
        return clipped, stepped

    def _lend_settings(self, step: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Set rate and weight decay of the coming step; returns each group with what it had."""
        scale, decay = self._scale(step), self.controls.weight_decay
        bounds = self.controls.lr_floor, self.controls.lr_ceiling
        held = any(bound is not None for bound in bounds) and self.optimizer is self.users_optimizer
        if scale == 1.0 and decay is None and not held:
            return []
        lent = []
        for place, group in enumerate(self.optimizer.param_groups):
            lent.append((group, {name: group[name] for name in ("lr", "weight_decay") if name in group}))
            if held:
                group["lr"] = self._held(place, group["lr"])
            if scale != 1.0:
                group["lr"] = group["lr"] * scale
            if decay is not None and "weight_decay" in group:
                group["weight_decay"] = decay
        return lent

    def _scale(self, step: int) -> float:
        """Return what the rate of the optimizer at work is multiplied by in the step after `step` steps."""
        scale = self.controls.lr_scale
        if self.optimizer is not self.users_optimizer and self._highest():
            # Ours got a rate that is usual at the height of a schedule: one that rises must not raise it any further.
            scale *= self._held(0, float(self.users_optimizer.param_groups[0]["lr"])) / self._highest()
        warm_up = self.controls.warm_up
        if warm_up is not None:
            scale *= min(1.0, max(1, step - warm_up["from"] + 1) / warm_up["steps"])
        return scale

    def _held(self, place: int, rate: Any) -> Any:
        """Return the rate of one of the user's parameter groups, held against its schedule where that was asked for."""
        for bounds, hold in ((self.controls.lr_floor, max), (self.controls.lr_ceiling, min)):
            if bounds:
                rate = hold(rate, bounds[min(place, len(bounds) - 1)])
        return rate

    def _highest(self) -> float:
        """Return the highest rate of the user's since ours took over, the present one included."""
        return max(self.users_rate, self._held(0, float(self.users_optimizer.param_groups[0]["lr"])))

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

    def was_clipped_by_others(self, attempt: Attempt) -> bool:
        """Tell whether a hook of the user's before the optimizer's step has made the gradients smaller."""
        if not self.optimizer._optimizer_step_pre_hooks or attempt.waiting is not None or not attempt.grads:
            return False
        now = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(attempt.grads))))
        return now < CLIPPED_BELOW * attempt.norm

    def rate(self, step: int = 1 << 62) -> float:
        """Return the learning rate of the first parameter group as the optimizer gets it after `step` steps."""
        rate = float(self.optimizer.param_groups[0]["lr"])
        return (self._held(0, rate) if self.optimizer is self.users_optimizer else rate) * self._scale(step)

    def to_device(self, data: Any) -> Any:
        """Return a batch on the device of the model."""
        return structure.to_device(data, self.device)


def take_the_place_of(users: torch.optim.Optimizer, wanted: dict[str, Any]) -> torch.optim.Optimizer:
    """Return an optimizer of another kind over the same groups of parameters; the wanted rate is that of the fastest.

    The others keep their ratio to it, as in fine-tuning, where that is one anybody would choose; a group whose rate is
    0 learns like the fastest.
    """
    settings = {name: value for name, value in wanted.items() if name != "kind"}
    rates = [float(group["lr"]) for group in users.param_groups]
    fastest = max(rates) or 1.0
    shares = [rate / fastest or 1.0 for rate in rates]
    if min(shares) < FARTHEST_APART:
        shares = [1.0] * len(shares)
    groups = [
        {"params": list(group["params"]), "lr": settings["lr"] * share}
        for group, share in zip(users.param_groups, shares, strict=True)
    ]
    made = getattr(torch.optim, wanted["kind"])(groups, **settings)
    made._asked_for = dict(wanted)
    return made


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
    """Return what is recorded of a step. Outputs and targets are looked at now and then only."""
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
    if step % SAMPLED == 0:
        measured.answers = _answers(objective, task or getattr(objective, "task", None))
    return measured


def _answers(objective: Any, task: Task | None) -> Answers | None:
    """Return outputs and targets of the last batch, where they are known; targets only if they fit row by row."""
    outputs, targets = getattr(objective, "outputs", None), getattr(objective, "targets", None)
    if task is None or not isinstance(outputs, torch.Tensor) or not outputs.dim() or not outputs.numel():
        return None
    task = objective.in_force(task) if isinstance(objective, Objective) else task
    outputs = outputs.detach()
    fits = isinstance(targets, torch.Tensor) and targets.dim() and len(targets) == len(outputs)
    return Answers(task, outputs, targets.detach() if fits and targets.device == outputs.device else None)


def _detached(part: Any) -> Any:
    return part.detach() if isinstance(part, torch.Tensor) else float(part)
