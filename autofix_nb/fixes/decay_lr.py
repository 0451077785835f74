"""Go on with a smaller learning rate when the steps have become too large for what is left to learn."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

FACTOR = 0.3
"""What the rate is multiplied by: half a power of ten, between the halves and tenths of plateau schedules."""

LOWEST = 2.0**-20
"""Below this share of the user's rate nothing is learnt any more."""


class DecayLr(SettingFix):
    """Multiply the learning rate by 0.3 from here on."""

    name: ClassVar = "decay_lr"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        now = run.controls.lr_scale
        if now * FACTOR < LOWEST:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the learning rate falls to {FACTOR:g} of what it was, for the fine work that is left",
            before={"lr_scale": now},
            after={"lr_scale": now * FACTOR},
            permanent=f"scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [{finding.step}], gamma={FACTOR:g})"
            "  # scheduler.step() after each step",
        )

    def undo(self, change: Change, run: Trainee) -> None:
        """Divide the rate by what it was multiplied by."""
        before, after = change.before["lr_scale"], change.after["lr_scale"]
        # The rate may have been changed again since, for another illness: that stays.
        run.controls.lr_scale = before if run.controls.lr_scale == after else run.controls.lr_scale * (before / after)
