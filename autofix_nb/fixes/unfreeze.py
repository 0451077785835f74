"""Let frozen weights learn: those that a finding names, or all."""

import copy
from typing import ClassVar

import torch
from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.surgery import ModelFix, WayBack, listed


class Unfreeze(ModelFix):
    """Ask for gradients of frozen parameters, and let them join the optimizer, at the end of its first group."""

    name: ClassVar = "unfreeze"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        frozen = [name for name, one in run.model.named_parameters() if not one.requires_grad and _can_learn(one)]
        named = [name for name in frozen if any(_is_in(name, where) for where in finding.where)]
        choices = [named, frozen] if 0 < len(named) < len(frozen) else [frozen]
        return [_change(names) for names in choices if names]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        parameters = [run.model.get_parameter(name) for name in change.after["parameters"]]
        frozen = [one for one in parameters if not one.requires_grad]
        for one in frozen:
            one.requires_grad_(True)
        optimizer = getattr(run, "optimizer", None)
        groups = [] if optimizer is None else optimizer.param_groups
        held = {id(one) for group in groups for one in group["params"]}
        joined = [one for one in frozen if id(one) not in held]
        known = {one: copy.deepcopy(optimizer.state.get(one)) for one in frozen if id(one) in held}
        run.rewire(joined=joined)

        def freeze() -> None:
            for one in frozen:
                one.requires_grad_(False)
                one.grad = None
            for one, state in known.items():
                run.optimizer.state.pop(one, None)
                if state is not None:
                    run.optimizer.state[one] = state
            run.rewire(left=joined)

        return [freeze]


def _change(names: list[str]) -> Change:
    lines = [f"model.get_parameter({name!r}).requires_grad_(True)" for name in names]
    typed = lines if len(lines) <= LINES else ["model.requires_grad_(True)"]
    return Change(
        fix=Unfreeze.name,
        touches="model",
        says=f"{listed(names)} {'learns' if len(names) == 1 else 'learn'}, too, and {_joins(names)} the optimizer",
        before={"parameters": []},
        after={"parameters": names},
        permanent="\n".join([*typed, "# and make the optimizer after that"]),
    )


LINES = 6
"""Parameters in the code to type; where there are more, all learn."""


def _joins(names: list[str]) -> str:
    return "joins" if len(names) == 1 else "join"


def _can_learn(parameter: nn.Parameter) -> bool:
    lazy = isinstance(parameter, nn.parameter.UninitializedParameter)
    return not lazy and (parameter.is_floating_point() or parameter.is_complex()) and parameter.layout == torch.strided


def _is_in(name: str, where: str) -> bool:
    return name == where or name.startswith(f"{where}.")
