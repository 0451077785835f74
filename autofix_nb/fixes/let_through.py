"""Let gradients through where a model's own `forward` cuts them off: `detach()`, `.data`, `torch.no_grad()`.

What lies before the cut is called, is in the optimizer, and never learns. Some mean it so (a pretrained body that is
only read); then a race shows that nothing is gained by training it.
"""

from typing import Any, ClassVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from autofix_nb.finding import Finding
from autofix_nb.fixes.aside import left_as_it_was
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.mend_forward import recall
from autofix_nb.fixes.recalling import CUTS, is_cut
from autofix_nb.fixes.surgery import ModelFix, WayBack
from autofix_nb.objective import forward


class LetThrough(ModelFix):
    """Leave out what cuts gradients off, in all of `forward`."""

    name: ClassVar = "let_through"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        cuts = _cuts_in(run)
        if not cuts:
            return []
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"gradients go through {' and '.join(cuts)} in `forward`",
                after={"through": True},
                permanent=f"# in `forward`: without {' and '.join(cuts)}",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back = recall(run.model, {"through": True})
        run.rewire()
        return [run.rewire, *ways_back]


def _cuts_in(run: Trainee) -> list[str]:
    """Return how a forward pass cuts gradients off, in words; none where no batch can be had."""
    watching = _Watching()
    for batch in run.sample_batches(1):
        try:
            inputs = run.split(batch)[0]
            with left_as_it_was(run.model), torch.enable_grad(), watching:
                forward(run.model, inputs)
        except Exception:  # noqa: BLE001 - a batch that only the user's `step` can take apart, or a model that raises
            return []
    return list(dict.fromkeys(watching.cuts))


class _Watching(TorchFunctionMode):
    def __init__(self) -> None:
        self.cuts: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = args[0] if args else None
        if is_cut(func) and isinstance(given, torch.Tensor) and given.requires_grad:
            self.cuts.append(CUTS[getattr(func, "__name__", "")])
        learns = any(isinstance(one, nn.Parameter) and one.requires_grad for one in (*args, *(kwargs or {}).values()))
        if learns and not torch.is_grad_enabled() and getattr(func, "__name__", "") not in READS:
            self.cuts.append("`torch.no_grad()`")
        return func(*args, **(kwargs or {}))


READS = frozenset({"__get__", "size", "dim", "detach", "clamp_", "copy_", "mul_", "normal_", "zero_", "norm"})
"""What may be done to parameters without gradients on purpose: reading them, and keeping them within bounds."""
