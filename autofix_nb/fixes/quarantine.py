"""Set samples aside: they take no part in later batches. The rate and the weights stay as they are."""

from typing import Any, ClassVar

from autofix_nb.data import Fault
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix, Trainee


class QuarantineSamples(Fix):
    """Set aside the samples that a finding blames."""

    name: ClassVar = "quarantine"
    touches: ClassVar = "data"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        suspects = [fault for fault in run.suspects if fault.index not in run.quarantine]
        if not suspects:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"{_samples(suspects)} set aside; the rest of the batch went on",
            before={"samples": []},
            after={"samples": [fault.index for fault in suspects]},
            permanent=f"train = torch.utils.data.Subset(train, [i for i in range(len(train)) "
            f"if i not in {sorted((fault.index for fault in suspects), key=str)}])",
        )

    def apply(self, change: Change, run: Trainee) -> None:
        for fault in run.suspects:
            run.set_aside(fault)

    def undo(self, change: Change, run: Trainee) -> None:
        """Let the samples back in."""
        for index in change.after["samples"]:
            run.quarantine.release(index)


def _samples(suspects: list[Fault]) -> str:
    indices: list[Any] = [fault.index for fault in suspects]
    if len(indices) == 1:
        return f"sample {indices[0]}"
    shown = ", ".join(map(str, indices[:5]))
    return f"{len(indices)} samples ({shown}{', ...' if len(indices) > 5 else ''})"
