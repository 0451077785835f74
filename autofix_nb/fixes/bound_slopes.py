"""Take slopes that are not finite for 0 where they arise: a root, a norm or a division at 0 in the user's own code.

Only where the loss is finite and its gradients are not: then the numbers are sound, and it is the slope that is missing
at some points. What is raced, not assumed: the training must come out better than it can without.
"""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee


class BoundSlopes(SettingFix):
    """Let backward passes go on from 0 where an operation has no finite slope."""

    name: ClassVar = "bound_slopes"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        if run.controls.bound_slopes:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says="a slope that is not finite is taken for 0 where it arises, as of a root or a norm at 0",
            before={"bound_slopes": False},
            after={"bound_slopes": True},
            permanent="root = (squares + 1e-12).sqrt()  # no root, norm or division at 0 itself; before `torch.where`, "
            "too",
        )
