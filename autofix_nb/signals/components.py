"""The parts of a model, by which it is said where something is."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

MOST_COMPONENTS = 24


def components_of(model: nn.Module, parameters: Sequence[torch.Tensor]) -> tuple[list[str], list[int]]:
    """Return the names of the model's parts, and for each parameter the part that it belongs to.

    Parts are the top-level children; a lone child (`model.net`) is looked into.
    """
    prefix = ""
    part: nn.Module = model
    while True:
        children = [(name, child) for name, child in part.named_children() if any(True for _ in child.parameters())]
        own = any(True for _ in part.parameters(recurse=False))
        if len(children) != 1 or own or not list(children[0][1].named_children()):
            break
        prefix, part = f"{prefix}{children[0][0]}.", children[0][1]
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    components: list[str] = []
    belongs = []
    for parameter in parameters:
        name = name_of.get(id(parameter))
        component = "outside the model" if name is None else prefix + name.removeprefix(prefix).split(".")[0]
        if component not in components:
            if len(components) >= MOST_COMPONENTS - 1:
                component = "the rest"
            if component not in components:
                components.append(component)
        belongs.append(components.index(component))
    return components, belongs


def parameter_names(model: nn.Module, parameters: Iterable[torch.Tensor]) -> list[str]:
    """Return the names of parameters as the model knows them; those outside of it are numbered."""
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    return [name_of.get(id(parameter), f"parameter {place}") for place, parameter in enumerate(parameters)]
