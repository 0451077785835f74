"""Copies of models and losses, of those too that keep what their last forward pass computed.

`copy.deepcopy` refuses tensors that are part of a graph: features kept in an attribute for later, the weight that an
old `weight_norm` has computed. Such tensors have no life of their own, so in the copy they stand without their graph.
"""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure


def copy_of(*parts: Any) -> tuple[Any, ...]:
    """Return deep copies of models, losses or functions; what they share is shared by the copies too."""
    memo: dict[int, Any] = {}
    for part in parts:
        for tensor in _computed(part):
            memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    return copy.deepcopy(parts, memo)


def _computed(part: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors among the attributes of a module that a graph hangs on."""
    for module in part.modules() if isinstance(part, nn.Module) else ():
        for name, kept in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                yield from (tensor for _, tensor in structure.tensors(kept) if not tensor.is_leaf)
