"""Give a model as many outputs as the labels count: for ten classes a last layer of nine, or of ten that begin at 1.

`Target 10 is out of bounds` is what torch says of both, and stops. With an output more the numbers of the classes stay
those of the user's: whoever compares the largest output with the labels is right as before. The new outputs begin at 0.
"""

import copy
from typing import ClassVar

import torch
from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.in_model import can_learn
from autofix_nb.fixes.surgery import ModelFix, WayBack, in_code
from autofix_nb.objective import evaluating, forward

SIZES = {nn.Linear: "out_features", nn.Conv1d: "out_channels", nn.Conv2d: "out_channels", nn.Conv3d: "out_channels"}
"""What says how many outputs a layer has."""

MOST_TIMES = 2
"""Times as many outputs as there are, up to which some are missing; with more the labels are no numbers of classes."""


class WidenOutput(ModelFix):
    """Make the last layer wider; what it has learnt is kept."""

    name: ClassVar = "widen_output"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        model = getattr(run, "model", None)
        try:
            inputs = run.split(run.sample_batches(1)[0])[0]
        except Exception:  # noqa: BLE001 - no data, or a batch that only the user's own `step` can take apart
            return []
        width, wanted = int(finding.limit or 0) + 1, int(finding.measured or 0) + 1
        if finding.code != "B04" or not can_learn(model) or not 1 < width < wanted <= MOST_TIMES * width:
            return []
        name = last_layer(model, width)
        if name is None or _width(_widened(model, name, wanted), inputs) != wanted:
            return []
        layer = model.get_submodule(name)
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"`{name}` gets {wanted} outputs, as the labels count up to {wanted - 1} ({width} before)",
                before={"outputs": width},
                after={"layer": name, "outputs": wanted, "sure": True},
                permanent=f"{in_code(name)} = torch.nn.{type(layer).__name__}(..., {wanted})  # instead of {width}",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        layer = run.model.get_submodule(change.after["layer"])
        if getattr(layer, SIZES[type(layer)]) == change.after["outputs"]:
            return []
        ways_back = _widen(layer, change.after["outputs"], getattr(run, "optimizer", None))
        run.rewire()
        return [run.rewire, *ways_back]


def last_layer(model: nn.Module, width: int) -> str | None:
    """Return the name of the last layer of so many outputs; None for none, or where its weights serve elsewhere."""
    found = [name for name, one in model.named_modules() if getattr(one, SIZES.get(type(one), ""), 0) == width]
    if not found:
        return None
    weight = model.get_submodule(found[-1]).weight
    users = [one for one in model.modules() for part in one.parameters(recurse=False) if part is weight]
    return found[-1] if len(users) == 1 and isinstance(weight, nn.Parameter) else None


def _widen(layer: nn.Module, outputs: int, optimizer: torch.optim.Optimizer | None = None) -> list[WayBack]:
    """Give a layer so many outputs: the first are its own, the others 0. Its parameters stay those an optimizer has.

    Back again, the first keep what they have learnt since.
    """
    size = SIZES[type(layer)]
    before = getattr(layer, size)

    def resize(rows: int) -> None:
        for part in layer.parameters(recurse=False):
            moments = {} if optimizer is None else optimizer.state.get(part, {})
            for name, moment in moments.items():
                if isinstance(moment, torch.Tensor) and moment.shape == part.shape:
                    moments[name] = _of_rows(moment, rows)
            gradient, part.grad = part.grad, None  # of another shape
            part.data = _of_rows(part.data, rows)
            part.grad = None if gradient is None else _of_rows(gradient, rows)
        setattr(layer, size, rows)

    resize(outputs)
    return [lambda: resize(before)]


def _of_rows(values: torch.Tensor, rows: int) -> torch.Tensor:
    """Return values (R, ...) with so many rows: the first of them, and zeros where there are fewer."""
    more = values.new_zeros(max(0, rows - len(values)), *values.shape[1:])
    return torch.cat([values[:rows], more])


def _widened(model: nn.Module, name: str, outputs: int) -> nn.Module | None:
    try:
        made = copy.deepcopy(model)
    except Exception:  # noqa: BLE001 - some models cannot be copied
        return None
    _widen(made.get_submodule(name), outputs)
    return made


def _width(model: nn.Module | None, inputs: object) -> int:
    """Return how many classes a model tells apart; 0 where that cannot be asked."""
    if model is None:
        return 0
    try:
        with evaluating(model), torch.no_grad():
            outputs = forward(model, inputs)
    except Exception:  # noqa: BLE001 - it takes these inputs no more
        return 0
    return outputs.shape[1] if isinstance(outputs, torch.Tensor) and outputs.dim() > 1 else 0
