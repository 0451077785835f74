"""Let hard rows speak up: easy ones count less (focal loss, Lin et al. 2017) or nothing.

With many easy rows their small losses add up to more than those of the few hard ones. The focal exponent 2 is the one
that its authors found best; it takes a row whose target has a probability of 0.9 down to a hundredth.
"""

from typing import Any, ClassVar

from autofix_nb.finding import Finding, NotApplicable
from autofix_nb.fixes.answers import weighable_loss
from autofix_nb.fixes.base import Change, SettingFix, Trainee

FOCAL = 2.0
"""Exponent of the focal loss."""

EASY = 0.95
"""Probability of its target from which a row counts nothing."""


class MaskEasy(SettingFix):
    """Weigh rows down by how sure the model is of their targets; then leave the surest out."""

    name: ClassVar = "mask_easy"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        try:
            loss = weighable_loss(run)
        except NotApplicable:
            return []
        changes = []
        if run.controls.focal is None:
            changes.append(
                self._change(
                    run,
                    loss,
                    {"focal": FOCAL},
                    f"rows that the model is sure of count less (focal loss with exponent {FOCAL:g})",
                    f"chance = torch.exp(-losses)  # of each row's target\nloss = ((1 - chance) ** {FOCAL:g} * losses)"
                    ".mean()",
                )
            )
        if run.controls.mask_easy is None:
            changes.append(
                self._change(
                    run,
                    loss,
                    {"mask_easy": EASY},
                    f"rows whose target has a probability of at least {EASY:g} already count nothing in the loss",
                    f"hard = torch.exp(-losses) < {EASY:g}\nloss = losses[hard].sum() / hard.sum().clamp(min=1)",
                )
            )
        return changes

    def _change(self, run: Trainee, loss: str, after: dict[str, Any], says: str, lines: str) -> Change:
        after = after | ({"loss": loss} if loss != run.controls.loss else {})
        return Change(
            fix=self.name,
            touches=self.touches,
            says=says,
            before={name: getattr(run.controls, name) for name in after},
            after=after,
            permanent=f'losses = functional.cross_entropy(outputs, targets, reduction="none")\n{lines}',
        )
