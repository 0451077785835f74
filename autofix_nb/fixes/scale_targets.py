"""Let a regression model answer in units of its targets' own spread, whatever units the targets have.

Targets in the hundreds of thousands make losses and gradients of 1e10 at the first step, and a last layer that must
grow for thousands of steps; tiny ones vanish beside the weights' own noise. Bishop 1995, Neural Networks for Pattern
Recognition, section 8.2: inputs and targets are brought to zero mean and unit spread, and the answers are brought back.
"""

from math import log2
from typing import Any, ClassVar

import numpy as np
import torch

from autofix_nb.finding import Finding
from autofix_nb.fixes.answers import Answers, answers
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.begin_well import begins_well
from autofix_nb.fixes.in_model import batches_of, can_learn, put_numbers
from autofix_nb.fixes.measuring import robust_scale
from autofix_nb.fixes.scaling import ANSWER
from autofix_nb.fixes.surgery import ModelFix, WayBack
from autofix_nb.objective import columns, total_loss, treated

FAR = 10.0
"""Times that the targets' spread or mean must be larger than 1, or their spread smaller."""

SAMPLES = 4096
"""Rows whose targets are measured."""

MOST_OUTPUTS = 2048
"""Answers to one row that get numbers of their own; more of them share one."""

GROWN = 3.0
"""Root mean square of the answers beyond which they have begun to grow towards the targets."""

KNOWS = 0.9
"""Share of the loss of the best constant answer below which the model knows something already."""


class ScaleTargets(ModelFix):
    """Multiply the model's answer by the targets' spread and add their mean, and scale the gradients to usual size.

    Loss, metrics and answers stay in the user's units. Only where the loss grows with the distance of answers and
    targets (squared, absolute, Huber), and the model ends without bounds. A model whose answers have grown towards the
    targets must begin again, as they would be multiplied once more.
    """

    name: ClassVar = "scale_targets"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        """Return what may be done to the model as it is now."""
        return next((change for change in self.plans(finding, run) if not change.after.get("fresh")), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        model = getattr(run, "model", None)
        if not can_learn(model) or ANSWER[0] in model._buffers or run.task is None:
            return []
        if run.task.kind == "custom":
            begins = begins_well(run)
            return [] if begins is None else [begins]
        if run.task.kind != "regression":
            return []
        asked = answers(run)
        if asked is None or not asked.linear or not asked.targets.is_floating_point():
            return []
        measured = _measured(run, asked)
        power = distance_power(run, asked)
        if measured is None or power is None:
            return []
        mean, std, shape, rows = measured
        if not (std.max() > FAR or std.max() < 1 / FAR or np.abs(mean).max() > FAR):
            return []
        size = float(np.sqrt(np.mean(std**2)))
        wants_first = _has_grown(run, asked, mean)
        after = {"mean": mean.tolist(), "std": std.tolist(), "shape": shape, "loss_scale": size**-power}
        # A loss of several columns is that of the loudest alone: each is to count in its own units.
        own_units = "" if run.controls.loss or not shape else columns.name_of(std.tolist())
        each = ", each of which counts in its own units" if own_units else ""
        after |= {"loss": own_units, "loss_scale": 1.0} if own_units else {}
        return [
            Change(
                fix=self.name,
                touches="model",
                says=f"the model's answer is multiplied by {size:.3g} and shifted by {float(mean.mean()):.3g}, the "
                f"standard deviation and the mean of the targets of {rows:,} training samples{each}, and its gradients "
                "are scaled back to usual size",
                before={"loss_scale": run.controls.loss_scale} | ({"loss": run.controls.loss} if own_units else {}),
                after=after | ({"fresh": True} if wants_first else {}),
                permanent=_line(mean, std),
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        after = change.after
        numbers = {name: (after[what], after["shape"]) for name, what in zip(ANSWER, ("mean", "std"), strict=True)}
        return put_numbers(run, "answer", numbers)

    def apply(self, change: Change, run: Trainee) -> None:
        super().apply(change, run)
        run.controls.loss_scale = change.after["loss_scale"]
        run.controls.loss = change.after.get("loss", run.controls.loss)

    def undo(self, change: Change, run: Trainee) -> None:
        if self._ways_back:
            run.controls.loss_scale = change.before["loss_scale"]
            run.controls.loss = change.before.get("loss", run.controls.loss)
        super().undo(change, run)

    def replay(self, change: Change, run: Trainee) -> None:
        """The scale of the loss is a setting: it is saved and put back by itself."""
        super().apply(change, run)


def _measured(run: Trainee, asked: Answers) -> tuple[np.ndarray, np.ndarray, list[int], int] | None:
    """Return mean and standard deviation of the targets, the shape to put them in, and the rows measured."""
    width = asked.outputs.shape[1] if asked.outputs.dim() == 2 else 1
    width = width if width <= MOST_OUTPUTS else 1
    parts, rows = [], 0
    for batch in batches_of(run, SAMPLES):
        targets = run.split(batch)[1]
        if not isinstance(targets, torch.Tensor) or targets.numel() % width:
            return None
        parts.append(targets.detach().cpu().double().reshape(-1, width).numpy())
        rows += len(targets)
    mean, std = robust_scale(np.concatenate(parts), rows)
    if not (np.isfinite(mean).all() and (std > 0).all()):
        return None
    return mean, std, [width] if asked.outputs.dim() == 2 and asked.outputs.shape[1] == width else [], rows


def distance_power(run: Trainee, asked: Answers) -> float | None:
    """Return with which power of the distance from the targets the loss grows: 2 for squares; None if with none."""
    outputs = asked.outputs
    if asked.targets.numel() != outputs.numel():
        return None
    right = asked.targets.reshape(outputs.shape).to(outputs.dtype)
    away = torch.where(torch.arange(outputs.numel(), device=outputs.device).reshape(outputs.shape) % 2 == 0, 1.0, -1.0)
    away = away.to(outputs.dtype) * right.std(correction=0).clamp_min(1e-12)
    loss = treated(run.task, run.controls)  # type: ignore[arg-type]
    try:
        none, once, twice = (float(_value(loss(right + times * away, asked.targets))) for times in (0.0, 1.0, 2.0))
    except Exception:  # noqa: BLE001 - a loss that refuses what a model without bounds may answer
        return None
    if not (once > none >= 0 and twice > once and none <= 0.01 * once):
        return None
    power = log2((twice - none) / (once - none))
    return float(round(power)) if 0.75 <= power <= 2.25 else None


def _has_grown(run: Trainee, asked: Answers, mean: np.ndarray) -> bool:
    """Tell whether the answers are on their way to the targets, or know something of them."""
    if float(asked.outputs.float().square().mean().sqrt()) > GROWN:
        return True
    loss = treated(run.task, run.controls)  # type: ignore[arg-type]
    constant = torch.as_tensor(mean, dtype=asked.outputs.dtype, device=asked.outputs.device).expand_as(asked.outputs)
    return float(_value(loss(asked.outputs, asked.targets))) < KNOWS * float(_value(loss(constant, asked.targets)))


def _value(result: Any) -> torch.Tensor:
    return total_loss(result)[0]


def _line(mean: np.ndarray, std: np.ndarray) -> str:
    if mean.size == 1:
        return (
            f"targets = (targets - {float(mean[0]):.6g}) / {float(std[0]):.6g}\n"
            f"# and to predict: model(inputs) * {float(std[0]):.6g} + {float(mean[0]):.6g}"
        )
    return (
        "mean, std = train_targets.mean(0), train_targets.std(0)\n"
        "targets = (targets - mean) / std\n# and to predict: model(inputs) * std + mean"
    )
