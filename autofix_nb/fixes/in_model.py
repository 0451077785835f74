"""Fixes of the data that are made before a training begins, and inside the model while it is under way.

Then validation and inference have them, too, and nothing that the training has saved of its data changes.
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from autofix_nb.data.structure import tensors
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.collating import Scaling, converts
from autofix_nb.fixes.preparing import PreparingFix
from autofix_nb.fixes.scaling import input_names, is_scaled, places
from autofix_nb.fixes.surgery import WayBack, learn


class InModelFix(PreparingFix):
    """Base class. A subclass writes `build_in`, which plans for a training that is under way."""

    @abstractmethod
    def build_in(self, finding: Finding, run: Trainee) -> list[Change]:
        """Return changes of the model, gentlest first, with `inputs` as `put_input_scales` takes them."""

    def plan(self, finding: Finding, run: Any) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Any) -> list[Change]:
        if finding.step:
            return self.build_in(finding, run) if _takes_scales(run) else []
        change = super().plan(finding, run)
        return [] if change is None else [change]

    def apply(self, change: Change, run: Any) -> None:
        if change.touches != "model":
            super().apply(change, run)
        elif not self._ways_back:
            self._ways_back = put_input_scales(run, change.after["inputs"])


def put_input_scales(run: Trainee, inputs: dict[str, dict[str, Any]]) -> list[WayBack]:
    """Let the model scale its inputs: by name, `{"mean": [...], "std": [...], "shape": [...]}`."""
    numbers = {
        place: (one[what], one["shape"])
        for name, one in inputs.items()
        for place, what in zip(places(name), ("mean", "std"), strict=True)
    }
    return put_numbers(run, "inputs", numbers)


def put_numbers(run: Trainee, trick: str, numbers: dict[str, tuple[list[float], list[int]]]) -> list[WayBack]:
    """Give the model buffers of these names, values and shapes, and the trick that uses them."""
    model = run.model
    weights = [one for one in model.parameters() if one.is_floating_point()]
    device = weights[0].device if weights else torch.device("cpu")
    kind = torch.float64 if any(one.dtype == torch.float64 for one in weights) else torch.float32
    ways_back = learn(model, trick)
    for name, (values, shape) in numbers.items():
        model.register_buffer(name, torch.tensor(values, dtype=kind, device=device).reshape(shape))
    run.rewire()
    taken = [lambda name=name: model._buffers.pop(name) for name in numbers]
    return [run.rewire, *ways_back, *taken]


def can_learn(model: Any) -> bool:
    """Tell whether a model is called by the `forward` of its class, so that this may do something more."""
    return (
        isinstance(model, nn.Module) and not isinstance(model, torch.jit.ScriptModule) and "forward" not in vars(model)
    )


def batches_of(run: Trainee, rows: int, **how: bool) -> list[Any]:
    """Return training batches of about so many rows together, each row about once; `how` as `sample_batches` takes."""
    first = run.sample_batches(1)
    if not first:
        return []
    each = max(1, max((len(part) for _, part in tensors(first[0]) if part.dim()), default=1))
    samples = getattr(getattr(run, "history", None), "facts", {}).get("samples")
    return run.sample_batches(max(1, -(-min(rows, int(samples or rows)) // each)), **how)


def sampled_inputs(run: Trainee, rows: int, most_pictures: int, **how: bool) -> list[dict[str, torch.Tensor]]:
    """Return the inputs of training batches by name, about so many rows; none where nobody can tell inputs apart."""
    try:
        (first,) = (_inputs(run, batch) for batch in run.sample_batches(1))
        wanted = most_pictures if any(part.dim() > 3 for part in first.values()) else rows
        return [_inputs(run, batch) for batch in batches_of(run, wanted, **how)]
    except Exception:  # noqa: BLE001 - no data, or a batch that only the user's own `step` can take apart
        return []


def _takes_scales(run: Any) -> bool:
    model = getattr(run, "model", None)
    return can_learn(model) and not is_scaled(model) and not converts(getattr(run, "train", None), Scaling)


def _inputs(run: Trainee, batch: Any) -> dict[str, torch.Tensor]:
    return input_names(run.model, run.split(batch)[0])
