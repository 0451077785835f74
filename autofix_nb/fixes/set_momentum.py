"""Let the statistics that batch norms use in eval mode follow those of the batches, as they do by default."""

from typing import ClassVar

from autofix_nb.evidence.norm_statistics import odd_momenta
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.surgery import ModelFix, WayBack, listed

USUAL = 0.1
"""PyTorch's default."""


class SetMomentum(ModelFix):
    """Set the momentum of batch norms whose running statistics stay as they were made, or are the last batch's."""

    name: ClassVar = "set_momentum"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        odd = odd_momenta(run.model)
        if not odd:
            return []
        was = sorted(set(odd.values()))
        before = f"{was[0]:g}" + (f" to {was[-1]:g}" if len(was) > 1 else "")
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"the momentum of {listed(list(odd))} is {USUAL:g}, before it was {before}",
                before={"momenta": odd},
                after={"momenta": dict.fromkeys(odd, USUAL), "sure": True},
                permanent="for module in model.modules():\n"
                "    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):\n"
                f"        module.momentum = {USUAL:g}",
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back: list[WayBack] = []
        for name, momentum in change.after["momenta"].items():
            module = run.model.get_submodule(name)
            ways_back.append(lambda module=module, before=module.momentum: setattr(module, "momentum", before))
            module.momentum = momentum
        return ways_back
