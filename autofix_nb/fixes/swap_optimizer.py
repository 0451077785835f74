"""Put another optimizer in the place of one that does not get anywhere.

Adam divides each gradient by its usual size, so one rate fits gradients of all sizes (Kingma and Ba 2015); with decay
beside the gradient it is AdamW, whose usual rate is 0.001 (Loshchilov and Hutter 2019). Momentum 0.9 is what SGD is
taught with (Sutskever et al. 2013).
"""

from typing import Any, ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

WANTED: tuple[dict[str, Any], ...] = (
    {"kind": "AdamW", "lr": 3e-3},
    {"kind": "AdamW", "lr": 1e-3},
    {"kind": "SGD", "lr": 1e-2, "momentum": 0.9},
)
"""What is tried, in this order: in the few steps of a race the higher rate shows sooner whether it is right."""

SAME_WITHIN = 2.0
"""An optimizer of the same kind whose rate lies within this factor is the same remedy."""

GROUPS_APART = 1000.0
"""How many times that of another group a rate may be in an optimizer that is a usual one: bodies that were trained
before learn at a tenth or a hundredth, and the rest is a slip."""

FAR_OFF = 10.0
"""How many times a usual rate another of the same sort must be, or it that one, to be none that anybody means."""

USUAL_DECAY = 0.1
"""Weight decay up to which it is a usual one."""


class SwapOptimizer(SettingFix):
    """Train on with AdamW, or with SGD and momentum, at a rate that is usual for it."""

    name: ClassVar = "swap_optimizer"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        return [self._change(run, wanted) for wanted in WANTED if not _is_in_use(wanted, run)]

    def usual(self, run: Trainee, within: float = SAME_WITHIN) -> Change | None:
        """Return the change to what is tried first; None where that is in use, or a rate `within` this factor of it."""
        return None if _is_in_use(WANTED[0], run, within) else self._change(run, WANTED[0])

    def _change(self, run: Trainee, wanted: dict[str, Any]) -> Change:
        controls = run.controls
        before: dict[str, Any] = {"optimizer": controls.optimizer}
        after: dict[str, Any] = {"optimizer": dict(wanted)}
        if controls.lr_scale != 1.0:  # it was found for the optimizer that goes
            before["lr_scale"], after["lr_scale"] = controls.lr_scale, 1.0
        said = ", ".join(f"{name}={value:g}" for name, value in wanted.items() if name != "kind")
        now = f"{type(run.optimizer).__name__}, lr={_rate(run):.3g}"
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the optimizer is {wanted['kind']} ({said}) from here on (before: {now})",
            before=before,
            after=after,
            permanent=f"optimizer = torch.optim.{wanted['kind']}(model.parameters(), {said})",
        )


def is_far_off(run: Trainee) -> bool:
    """Tell whether the rate of any group is far from what is usual, of those that divide by the size of the gradients.

    Those of others have a unit, and cannot be compared.
    """
    own = [group for group in run.optimizer.param_groups if {"betas", "alpha"} & set(group) and group.get("lr")]
    rates = [float(group["lr"]) * run.controls.lr_scale for group in own]
    usual = WANTED[0]["lr"]
    return any(max(rate, usual) >= FAR_OFF * min(rate, usual) for rate in rates)


def _rate(run: Trainee) -> float:
    return float(run.optimizer.param_groups[0].get("lr", float("nan"))) * run.controls.lr_scale


def _is_in_use(wanted: dict[str, Any], run: Trainee, within: float = SAME_WITHIN) -> bool:
    # Adam and AdamW differ by their weight decay alone, which is another fix's affair.
    family = "Adam" if wanted["kind"] == "AdamW" else wanted["kind"]
    kinds = {kind.__name__ for kind in type(run.optimizer).__mro__}
    momentum = run.optimizer.param_groups[0].get("momentum", 0.0)
    # A group whose rate lies far above the first one's is what throws the weights about.
    rates = [float(group.get("lr", float("nan"))) * run.controls.lr_scale for group in run.optimizer.param_groups]
    rate = max(rates)
    near = max(rate, wanted["lr"]) <= within * min(rate, wanted["lr"])
    near &= min((one for one in rates if one > 0), default=rate) * GROUPS_APART > rate  # at 0 it is frozen on purpose
    # A new optimizer begins with its usual weight decay, which a strong one is not.
    decay = run.optimizer.param_groups[0].get("weight_decay", 0.0)
    return family in kinds and near and decay <= USUAL_DECAY and momentum == wanted.get("momentum", 0.0)
