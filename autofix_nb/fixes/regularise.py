"""Hold the weights down when a model learns its samples by heart, and let go of them when it cannot learn at all.

Weight decay of AdamW and its like is multiplied by the rate and stands beside the gradient (Loshchilov and Hutter
2019); that of SGD and Adam is part of the gradient, where the same number does more.
"""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

DECOUPLED = frozenset({"AdamW", "NAdamW", "Lion", "SGDW", "LAMB", "Lamb"})
"""Optimizers whose weight decay stands beside the gradient."""

FROM_NOTHING = {True: 1e-2, False: 1e-3}
"""Weight decay to begin with, where it is decoupled and where it is not."""

FACTOR = 10.0
"""What a weight decay that is there already is multiplied by."""

MOST = {True: 1.0, False: 0.1}
"""Weight decay that is never exceeded, where it is decoupled and where it is not."""

HIGH = {True: 0.1, False: 1e-3}
"""Weight decay from which it may be what keeps a model from fitting; at the usual ones it is not."""


class Regularise(SettingFix):
    """Raise the weight decay of all groups; against underfitting, take it away."""

    name: ClassVar = "regularise"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        decoupled = is_decoupled(run.optimizer)
        groups = run.optimizer.param_groups
        if not all("weight_decay" in group for group in groups):
            return []
        set_by_us = run.controls.weight_decay
        now = max(float(group["weight_decay"]) for group in groups) if set_by_us is None else set_by_us
        if finding.code == "L05":
            return [self._change(run, now, 0.0)] if now >= HIGH[decoupled] else []
        # A decay that is there, and next to nothing, does not set the pace.
        gentlest = max(now * FACTOR, FROM_NOTHING[decoupled])
        wanted = [gentlest, gentlest * FACTOR]
        return [self._change(run, now, one) for one in wanted if now < one <= MOST[decoupled]]

    def _change(self, run: Trainee, now: float, wanted: float) -> Change:
        kind = type(run.optimizer).__name__
        what = f"grows from {now:.3g} to {wanted:.3g}" if wanted > now else f"is taken away (before: {now:.3g})"
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the weight decay {what}",
            before={"weight_decay": run.controls.weight_decay},
            after={"weight_decay": wanted},
            permanent=f"optimizer = torch.optim.{kind}(model.parameters(), lr=lr, weight_decay={wanted:.3g})",
        )


def is_decoupled(optimizer: object) -> bool:
    """Tell whether the weight decay of an optimizer stands beside the gradient, and is not part of it."""
    groups = getattr(optimizer, "param_groups", [])
    said = [group["decoupled_weight_decay"] for group in groups if "decoupled_weight_decay" in group]
    return bool(said and all(said)) or any(kind.__name__ in DECOUPLED for kind in type(optimizer).__mro__)
