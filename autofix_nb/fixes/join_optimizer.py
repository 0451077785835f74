"""Let parameters that want gradients, and are in no group of the optimizer, take part in its steps."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change
from autofix_nb.fixes.preparing import Owned, PreparingFix, WayBack

NAMED = 3
"""Parameters named in the sentence."""

LISTS = ("params", "param_names")
"""What a group lists of its parameters; their names only where it was made from `named_parameters()`."""


class JoinOptimizer(PreparingFix):
    """Add them to the first group, whose settings they take over; parameters listed twice are listed once.

    They do not get a group of their own: a scheduler made already knows how many groups there were. While it trains,
    they join the optimizer at work, and the user's own; what is listed twice is left as it is then. Where each takes
    the place of a tensor that no model has any more, a race need only show that joining does no harm.
    """

    name: ClassVar = "join_optimizer"
    touches: ClassVar = "loop"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        if not _fits(owned):
            return None
        missing = [name for name, _ in _missing(owned)]
        twice = _copies(owned.optimizer)
        if not missing and not twice:
            return None
        said = []
        if missing:
            said.append(_joining(missing, owned.optimizer))
        if twice:
            said.append(f"{twice} {'entry' if twice == 1 else 'entries'} that it lists twice are taken out of it")
        return Change(
            fix=self.name,
            touches=self.touches,
            says=", and ".join(said),
            before={"parameters": _count(owned.optimizer)},
            after={"parameters": _count(owned.optimizer) + len(missing) - twice, "joined": missing},
            permanent=_line(owned.optimizer),
        )

    def plan(self, finding: Finding, run: Any) -> Change | None:
        if not finding.step:
            return super().plan(finding, run)
        owned = Owned.of(run)
        fits = _fits(owned) or _is_stale(owned)
        missing = [name for name, _ in _missing(owned)] if fits and hasattr(run, "rewire") else []
        if not missing:
            return None
        proven = {"sure": True} if _were_replaced(missing, owned, run) else {}
        return Change(
            fix=self.name,
            touches=self.touches,
            says=_joining(missing, owned.optimizer),
            before={"joined": []},
            after={"joined": missing} | proven,
            permanent=_line(owned.optimizer),
        )

    def apply(self, change: Change, run: Any) -> None:
        if not self.is_built_in(change):
            super().apply(change, run)
        elif not self._ways_back:
            joined = [run.model.get_parameter(name) for name in change.after["joined"]]
            run.rewire(joined=joined)
            self._ways_back = [lambda: run.rewire(left=joined)]

    def is_built_in(self, change: Change) -> bool:
        """Tell whether it was done while it trained: then a resumed run must do it before its optimizer fits."""
        return "joined" in change.after and "parameters" not in change.after

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        optimizer = owned.optimizer
        joining = list(_missing(owned)) if _fits(owned) else []
        if not joining and not _copies(optimizer):
            return []
        groups = optimizer.param_groups
        kept = [(group, {name: list(group[name]) for name in LISTS if name in group}) for group in groups]
        seen: set[int] = set()
        for group in groups:
            first = [place for place, one in enumerate(group["params"]) if not (id(one) in seen or seen.add(id(one)))]
            for name in LISTS:
                if name in group:
                    group[name][:] = [group[name][place] for place in first]
        groups[0]["params"] += [parameter for _, parameter in joining]
        if "param_names" in groups[0]:
            groups[0]["param_names"] += [name for name, _ in joining]

        def go_back() -> None:
            for group, lists in kept:
                for name, entries in lists.items():
                    group[name][:] = entries
            for _, parameter in joining:
                optimizer.state.pop(parameter, None)

        return [go_back]

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return (owned.optimizer,)


def _joining(missing: list[str], optimizer: torch.optim.Optimizer) -> str:
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    return (
        f"{', '.join(missing[:NAMED])}{more} {'joins' if len(missing) == 1 else 'join'} the optimizer "
        f"(lr {_rate(optimizer):.3g}, as its first group)"
    )


def _line(optimizer: torch.optim.Optimizer) -> str:
    kind = type(optimizer)
    name = f"torch.optim.{kind.__name__}" if kind.__module__.startswith("torch.optim") else kind.__name__
    return f"optimizer = {name}(model.parameters(), lr={_rate(optimizer):g})  # after the last change to the model"


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0].get("lr", float("nan")))


def _fits(owned: Owned) -> bool:
    """Tell whether the optimizer is the model's: one of another model should be made anew, not mended."""
    optimizer = owned.optimizer
    if not isinstance(owned.model, nn.Module) or not isinstance(optimizer, torch.optim.Optimizer):
        return False
    if isinstance(optimizer, torch.optim.LBFGS):  # keeps a list of its own
        return False
    own = {id(parameter) for parameter in owned.model.parameters()}
    return any(id(parameter) in own for parameter in _held(optimizer))


def _is_stale(owned: Owned) -> bool:
    """Tell whether all that the optimizer holds, in its one group, are tensors of a model that is gone."""
    optimizer = owned.optimizer
    if not isinstance(owned.model, nn.Module) or not isinstance(optimizer, torch.optim.Optimizer):
        return False
    return can_be_joined_anew(owned.model, optimizer)


def can_be_joined_anew(model: nn.Module, optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether an optimizer holds nothing of the model, and may hold all of it by the settings of its one group.

    The cell that makes the model was run again, and the one that makes the optimizer was not. Of several groups nobody
    could tell which parameters are meant.
    """
    own = {id(parameter) for parameter in model.parameters()}
    none = not any(id(parameter) in own for parameter in _held(optimizer))
    return none and len(optimizer.param_groups) == 1 and not isinstance(optimizer, torch.optim.LBFGS)


def _were_replaced(missing: list[str], owned: Owned, run: Any) -> bool:
    """Tell whether each of these takes the place of a tensor of its shape that no model has any more.

    Then it was replaced after the optimizer was made, and nobody leaves it out on purpose.
    """
    loss = getattr(getattr(run, "task", None), "loss", None)
    homes = [one for one in (owned.model, loss) if isinstance(one, nn.Module)]
    known = {id(parameter) for home in homes for parameter in home.parameters()}
    gone = Counter(tuple(one.shape) for one in _held(owned.optimizer) if id(one) not in known)
    return not Counter(tuple(owned.model.get_parameter(name).shape) for name in missing) - gone


def _missing(owned: Owned) -> Iterator[tuple[str, nn.Parameter]]:
    held = {id(parameter) for parameter in _held(owned.optimizer)}
    for name, parameter in owned.model.named_parameters():
        lazy = isinstance(parameter, nn.parameter.UninitializedParameter)
        if parameter.requires_grad and not lazy and id(parameter) not in held:
            yield name, parameter


def _held(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def _count(optimizer: torch.optim.Optimizer) -> int:
    return sum(len(group["params"]) for group in optimizer.param_groups)


def _copies(optimizer: torch.optim.Optimizer) -> int:
    return _count(optimizer) - len({id(parameter) for parameter in _held(optimizer)})
