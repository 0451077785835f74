"""Lower the learning rate: the user's or the scheduler's is multiplied, never replaced."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

FACTOR = 0.5
"""What the rate is multiplied by each time."""

LOWEST = 2.0**-10
"""Below this share of the user's rate it is not lowered any further."""


class ScaleLr(SettingFix):
    """Halve the learning rate of every step from here on."""

    name: ClassVar = "scale_lr"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        now = run.controls.lr_scale
        if now * FACTOR < LOWEST:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the learning rate is multiplied by {now * FACTOR:g} from here on (before: {now:g})",
            before={"lr_scale": now},
            after={"lr_scale": now * FACTOR},
            permanent=f"optimizer = type(optimizer)(model.parameters(), lr={now * FACTOR:g} * lr)",
        )

    def undo(self, change: Change, run: Trainee) -> None:
        # The rate may have been lowered again since, for another illness: that stays.
        run.controls.lr_scale *= change.before["lr_scale"] / change.after["lr_scale"]
