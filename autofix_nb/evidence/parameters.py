"""Which parameters a model has, which of them an optimizer holds, and which are hidden from both.

A layer kept in a plain Python list is no part of the model: `parameters()` does not give it, `to(device)` does not move
it and `state_dict()` does not save it (PyTorch documentation, `torch.nn.ModuleList`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import nn

DEEPEST = 3
"""Lists within lists that are looked into."""


@dataclass(frozen=True, kw_only=True)
class Membership:
    """Who is in an optimizer. Parameters are compared by identity, not by value."""

    missing: tuple[str, ...]
    """Parameters of the model that want a gradient and are in no group, by name."""

    twice: tuple[str, ...]
    """Parameters of the model that are in the groups more than once."""

    frozen: tuple[str, ...]
    """Parameters of the model that are in a group and want no gradient."""

    strangers: tuple[torch.Tensor, ...]
    """Tensors in the groups that are neither the model's nor the loss's."""

    held: int
    """Parameters of the model that are in a group."""


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """A layer or tensor that a module keeps where `parameters()` does not find it."""

    place: str
    """The attribute, as it is written inside the class: `self.layers`."""

    owner: str
    """Name of the module that has the attribute; empty for the model itself."""

    kind: str
    """`list`, `tuple`, `dict` or `set` of layers, `parameters` in one of these, or a plain `tensor`."""

    tensors: tuple[torch.Tensor, ...]


def size_of(parameter: Any) -> int:
    """Return the number of values; 0 for a lazy parameter that has no shape yet."""
    return 0 if isinstance(parameter, nn.parameter.UninitializedParameter) else parameter.numel()


def membership(
    model: nn.Module, optimizer: Any, others: Iterable[torch.Tensor] = (), without: Iterable[str] = ()
) -> Membership:
    """Compare the parameters of `model` with the groups of `optimizer`; `others` may be in them too.

    `without` names parameters that get no gradient anyway: they are not missed.
    """
    unmissed = set(without)
    members = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    times = Counter(map(id, members))
    named = list(model.named_parameters())
    known = {id(parameter) for _, parameter in named} | {id(tensor) for tensor in others}
    return Membership(
        missing=tuple(
            name for name, part in named if part.requires_grad and not times[id(part)] and name not in unmissed
        ),
        twice=tuple(name for name, part in named if times[id(part)] > 1),
        frozen=tuple(name for name, part in named if not part.requires_grad and times[id(part)]),
        strangers=tuple({id(tensor): tensor for tensor in members if id(tensor) not in known}.values()),
        held=sum(bool(times[id(part)]) for _, part in named),
    )


def by_module(names: Iterable[str], model: nn.Module) -> tuple[str, ...]:
    """Return names joined where a whole module is among them: `encoder.* (12 tensors, 1,200,000 values)`."""
    names = list(names)
    wanted = set(names)
    sizes = {name: size_of(part) for name, part in model.named_parameters()}

    def whole(name: str) -> str:
        parts = name.split(".")
        for depth in range(1, len(parts)):
            prefix = ".".join(parts[:depth]) + "."
            if all(other in wanted for other in sizes if other.startswith(prefix)):
                return prefix
        return name

    lines = []
    for prefix, group in groupby(names, key=whole):
        members = list(group)
        values = sum(sizes[name] for name in members)
        if len(members) == 1:
            lines.append(f"{members[0]} ({values:,} values)")
        else:
            lines.append(f"{prefix}* ({len(members)} tensors, {values:,} values)")
    return tuple(lines)


def owner_of(name: str) -> str:
    """Return the name of the module that a parameter belongs to."""
    return name.rpartition(".")[0]


def hidden_parameters(model: nn.Module) -> tuple[Hidden, ...]:
    """Return what modules keep in plain attributes and want trained: layers in lists and dicts, and plain tensors."""
    known = {id(part) for part in (*model.parameters(), *model.buffers())}
    found = []
    for owner, module in model.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            kind = "tensor" if isinstance(value, torch.Tensor) else type(value).__name__
            if isinstance(value, nn.Module):
                continue  # put there past `__setattr__`: somebody knew what they did
            tensors = {id(one): one for one in _tensors(value, DEEPEST) if id(one) not in known}
            if tensors:
                found.append(Hidden(place=f"self.{name}", owner=owner, kind=kind, tensors=tuple(tensors.values())))
                known |= tensors.keys()
    return tuple(found)


def _tensors(value: Any, depth: int) -> Iterator[torch.Tensor]:
    if isinstance(value, nn.Module):
        yield from (part for part in value.parameters() if part.requires_grad)
    elif isinstance(value, torch.Tensor):
        leaf = _leaf(value)
        if leaf is not None:
            yield leaf
    elif isinstance(value, dict) and depth:
        for part in value.values():
            yield from _tensors(part, depth - 1)
    elif isinstance(value, list | tuple | set) and depth:
        for part in value:
            yield from _tensors(part, depth - 1)


def _leaf(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return what wants the gradient: the tensor, or the parameter that `nn.Parameter(...).to(device)` lost."""
    if tensor.is_leaf:
        return tensor if tensor.requires_grad else None
    behind = [one for one, _ in tensor.grad_fn.next_functions if one is not None] if tensor.grad_fn else []
    return getattr(behind[0], "variable", None) if len(behind) == 1 else None
