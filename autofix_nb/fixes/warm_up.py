"""Begin gently: the learning rate grows in a line from nothing to its full height (Goyal et al. 2017, section 2.2)."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

FEWEST_STEPS = 20
"""A shorter warm-up is over before the first moments are known."""

SHARE = 0.05
"""Share of the planned steps that it takes."""


class WarmUp(SettingFix):
    """Let the rate grow from 0 to its full height over the next steps."""

    name: ClassVar = "warm_up"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        before = run.controls.warm_up
        if before is not None and finding.step < before["from"] + before["steps"]:
            return None  # it is under way
        planned = run.history.facts.get("planned_steps") or 0
        steps = max(FEWEST_STEPS, round(SHARE * planned))
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the learning rate grows from 0 to its full height over the next {steps} steps",
            before={"warm_up": before},
            after={"warm_up": {"from": finding.step, "steps": steps}},
            permanent="scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1e-3, "
            f"total_iters={steps})  # scheduler.step() after each step",
        )
