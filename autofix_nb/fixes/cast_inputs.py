"""Let the model turn inputs of another type into the one that it computes with: float64 into float32, and so on.

NumPy and pandas make float64 and int64 by themselves, torch's layers are float32, and no layer takes both.
"""

from typing import Any, ClassVar

import torch

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.in_model import can_learn
from autofix_nb.fixes.scaling import input_names, kind_place
from autofix_nb.fixes.surgery import ModelFix, WayBack, learn
from autofix_nb.objective.kinds import rule_that_fits


class CastInputs(ModelFix):
    """Cast each input on its way into the model, in training, validation and use alike."""

    name: ClassVar = "cast_inputs"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        model = getattr(run, "model", None)
        if not can_learn(model) or any(name.startswith("kind_") for name in model._buffers):
            return []
        try:
            inputs = run.split(run.sample_batches(1)[0])[0]
        except Exception:  # noqa: BLE001 - no data, or a batch that only the user's own `step` can take apart
            return []
        rule = rule_that_fits(model, inputs)
        if rule is None:
            return []
        cast = {name: (part.dtype, rule(part)) for name, part in input_names(model, inputs).items()}
        cast = {name: kinds for name, kinds in cast.items() if kinds[0] != kinds[1]}
        if not cast:
            return []
        before, wanted = (str(kind).removeprefix("torch.") for kind in next(iter(cast.values())))
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"the model turns its inputs into {wanted} ({before} before)",
                after={"inputs": {name: _named(kinds[1]) for name, kinds in cast.items()}, "sure": True},
                permanent=f"inputs = inputs.to(torch.{wanted})",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        model = run.model
        ways_back = learn(model, "kinds")
        device = next((one.device for one in model.parameters()), torch.device("cpu"))
        for name, kind in change.after["inputs"].items():
            # What is empty has a type, too, and is kept with the weights.
            model.register_buffer(kind_place(name), torch.zeros((), dtype=getattr(torch, kind), device=device))
        run.rewire()
        taken = [lambda name=name: model._buffers.pop(kind_place(name)) for name in change.after["inputs"]]
        return [run.rewire, *ways_back, *taken]


def _named(kind: Any) -> str:
    return str(kind).removeprefix("torch.")
