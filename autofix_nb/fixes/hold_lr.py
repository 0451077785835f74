"""Hold the learning rate against a schedule that brings it to nothing while much of the run is left.

A schedule made for epochs and stepped every step, or one far too steep, ends the training long before its time; the
rate that learnt before it fell is known to be a good one.
"""

from typing import ClassVar

import numpy as np

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

SHARES = (1.0, 0.3, 0.1)
"""Shares of the height of the schedule at which the rate is held; the one that has been at work already comes first."""


class HoldLr(SettingFix):
    """Let the rate of each parameter group fall no lower than to a share of its height."""

    name: ClassVar = "hold_lr"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        heights = _heights(run)
        before = run.controls.lr_floor
        if before is not None or not heights or not heights[0] > 0:
            return []
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"the learning rate falls no lower than to {share * heights[0]:.3g}, "
                f"{'the height' if share == 1 else f'{share:g} of the height'} of its schedule",
                before={"lr_floor": before},
                after={"lr_floor": [share * height for height in heights]},
                permanent="scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=planned_steps)"
                "  # scheduler.step() after each step",
            )
            for share in SHARES
        ]


def _heights(run: Trainee) -> list[float]:
    """Return how high the schedule of each of the user's parameter groups goes, before `lr_scale`; empty if unknown."""
    users = getattr(getattr(run, "stepper", None), "users_optimizer", None) or getattr(run, "optimizer", None)
    if users is None:
        return []
    # A schedule writes the height down in the groups; one of the user's own making shows it in what was recorded.
    rates = run.history.now("lr")
    rates = rates[np.isfinite(rates)]
    ours = run.controls.optimizer is not None
    highest = 0.0 if ours or not len(rates) else float(rates.max()) / run.controls.lr_scale
    return [float(group.get("max_lr") or group.get("initial_lr") or highest) for group in users.param_groups]
