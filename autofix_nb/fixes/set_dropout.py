"""Drop more of the hidden units, or none (Srivastava 2014): against overfitting up, against underfitting down."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.mend_forward import functional_shares, recall
from autofix_nb.fixes.surgery import ModelFix, WayBack, adopt, can_adopt, in_code, listed
from autofix_nb.fixes.tracing import anatomy_of
from autofix_nb.objective import hookable

LEVELS = (0.1, 0.3, 0.5)
"""Shares that are dropped, from gentle to the most that is usual."""

TRIED = 2
"""How many of the levels above the present one are tried."""

LINES = 6
"""Modules in the code to type."""


class SetDropout(ModelFix):
    """Set the share of all dropout there is, or put dropout before the last linear layer where there is none."""

    name: ClassVar = "set_dropout"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        shares = {name: share for name, (_, _, share) in _dropouts(run.model).items()}
        if finding.code == "L05":
            working = {name: share for name, share in shares.items() if share > 0}
            called = functional_shares(run)
            return [_change(run.model, working, 0.0, called)] if working or called else []
        if not shares:
            return self._inserting(run)
        levels = [level for level in LEVELS if level > max(shares.values()) + 0.01][:TRIED]
        return [_change(run.model, shares, level) for level in levels]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        after, ways_back = change.after, []
        there = _dropouts(run.model)
        for name, share in after["dropouts"].items():
            module, attribute, before = there[name]
            setattr(module, attribute, share)
            ways_back.append(
                lambda module=module, attribute=attribute, before=before: setattr(module, attribute, before)
            )
        for name, share in after["before"].items():
            ways_back += adopt(run.model.get_submodule(name), "dropout", nn.Dropout(share))
        if "called" in after:
            ways_back += recall(run.model, {"dropped": after["called"]})
        run.rewire()
        return [run.rewire, *ways_back]

    def _inserting(self, run: Trainee) -> list[Change]:
        last = anatomy_of(run).last
        if last is None or not can_adopt(run.model, last.name, "dropout"):
            return []
        if not isinstance(run.model.get_submodule(last.name), nn.Linear):
            return []
        there = in_code(last.name)
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"{share:.0%} of what goes into {listed([last.name])} is dropped at random while it trains",
                after={"dropouts": {}, "before": {last.name: share}},
                permanent=f"{there} = nn.Sequential(nn.Dropout({share}), {there})",
            )
            for share in LEVELS[1:]
        ]


def _dropouts(model: nn.Module) -> dict[str, tuple[nn.Module, str, float]]:
    """Return by name what drops: the module, its attribute, and the share."""
    found: dict[str, tuple[nn.Module, str, float]] = {}
    for name, module in hookable(model):
        attribute = ""
        if isinstance(module, nn.modules.dropout._DropoutNd):
            attribute = "p"
        elif (isinstance(module, nn.RNNBase) and module.num_layers > 1) or isinstance(module, nn.MultiheadAttention):
            attribute = "dropout"
        if attribute:
            found[name] = (module, attribute, float(getattr(module, attribute)))
    return found


def _change(model: nn.Module, before: dict[str, float], share: float, called: Sequence[float] = ()) -> Change:
    """Return the change of layers, and of what `forward` drops by calling a function (0 alone can be put there)."""
    names = list(before)
    shares = sorted({*before.values(), *called})
    where = " and ".join(part for part in (listed(names), "`forward`" if called else "") if part)
    was = f"{shares[0]:.0%}" + (f" to {shares[-1]:.0%}" if len(shares) > 1 else "")
    what = "nothing" if share == 0 else f"{share:.0%}"
    return Change(
        fix=SetDropout.name,
        touches="model",
        says=f"dropout in {where} drops {what}, before it was {was}",
        before={"dropouts": before},
        after={"dropouts": dict.fromkeys(names, share), "before": {}} | ({"called": share} if called else {}),
        permanent="\n".join([_typed(model, names, share), *(["# in `forward`: no dropout"] if called else [])]).strip(),
    )


def _typed(model: nn.Module, names: list[str], share: Any) -> str:
    there = _dropouts(model)
    lines = [f"{in_code(name)}.{there[name][1]} = {share}" for name in names[:LINES]]
    if len(names) > LINES:
        lines.append(f"# and so on, {len(names)} in all")
    return "\n".join(lines)
