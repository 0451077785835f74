"""Let layers and tensors that a model keeps in plain lists, dicts and attributes be part of it, and be trained.

A layer in a Python list is not among `model.parameters()`: no optimizer made from it moves it, and it is not saved
(PyTorch documentation, `torch.nn.ModuleList`).
"""

from typing import Any, ClassVar

import torch
from torch import nn

from autofix_nb.evidence.parameters import hidden_parameters
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.surgery import ModelFix, WayBack, in_code, listed

SEVERAL = 2
"""Layers of one list from which they are surely meant to be trained; one alone may be hidden on purpose, as is a
pretrained net that only measures."""


class RegisterLayers(ModelFix):
    """Put a `ModuleList`, `ModuleDict` or `Parameter` in the place of what hides them; they join the optimizer."""

    name: ClassVar = "register_layers"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        places = []
        for hidden in hidden_parameters(run.model):
            attribute = hidden.place.removeprefix("self.")
            value = vars(run.model.get_submodule(hidden.owner))[attribute]
            if registered(value) is not None:
                places.append(
                    (hidden.owner, attribute, len(value) if isinstance(value, list | tuple | dict) else SEVERAL)
                )
        if not places:
            return []
        names = [".".join(part for part in place[:2] if part) for place in places]
        kinds = [_kind(vars(run.model.get_submodule(owner))[name]) for owner, name, _ in places]
        sure = {"sure": True} if all(count >= SEVERAL for *_, count in places) else {}
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"{listed(names)} {'becomes' if len(names) == 1 else 'become'} part of the model, and what is in "
                "it joins the optimizer",
                after={"places": [list(place[:2]) for place in places]} | sure,
                permanent="\n".join(
                    f"{in_code(name)} = nn.{kind}({in_code(name)})  # in `__init__`"
                    for name, kind in zip(names, kinds, strict=True)
                ),
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back: list[WayBack] = []
        joined: list[torch.Tensor] = []
        for owner, attribute in change.after["places"]:
            module = run.model.get_submodule(owner)
            before = vars(module)[attribute]
            own = registered(before)
            if own is None:
                continue
            del vars(module)[attribute]
            setattr(module, attribute, own.train(module.training) if isinstance(own, nn.Module) else own)
            ways_back.append(lambda module=module, attribute=attribute, before=before: _hide(module, attribute, before))
            joined += own.parameters() if isinstance(own, nn.Module) else [own]
        run.rewire(joined=joined)
        return [lambda: run.rewire(left=joined), *ways_back]


def registered(value: Any) -> nn.Module | nn.Parameter | None:
    """Return what may stand in the place of a list, tuple or dict of layers, or of a tensor; None where nothing may."""
    if isinstance(value, torch.Tensor):
        return nn.Parameter(value) if value.is_leaf and value.requires_grad else None
    if isinstance(value, list | tuple) and value:
        if all(isinstance(one, nn.Module) for one in value):
            return nn.ModuleList(value)
        return nn.ParameterList(value) if all(isinstance(one, nn.Parameter) for one in value) else None
    if isinstance(value, dict) and value and all(isinstance(one, nn.Module) for one in value.values()):
        named = all(isinstance(name, str) and name and "." not in name for name in value)
        return nn.ModuleDict(value) if named else None
    return None


def _kind(value: Any) -> str:
    return type(registered(value)).__name__


def _hide(module: nn.Module, attribute: str, value: Any) -> None:
    delattr(module, attribute)
    vars(module)[attribute] = value
