"""How many bytes a training asks for: its checkpoints, its gradients and optimizer state, its batches.

Adam keeps two numbers for each weight, so a checkpoint that can be resumed is about three times the weights; in memory
the gradients come on top.
"""

from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from autofix_nb.data import structure

STATES = 2
"""Numbers that Adam and its kin keep for each weight that trains."""


def parameter_count(model: nn.Module) -> int:
    """Weights of a model; layers that take their size from the first batch count as none."""
    return sum(parameter.numel() for parameter in _parameters(model))


def weight_bytes(model: nn.Module) -> int:
    """Bytes of all weights and buffers."""
    tensors = [*_parameters(model), *(buffer for buffer in model.buffers() if _has_size(buffer))]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def trained_bytes(model: nn.Module) -> int:
    """Bytes of the weights that train."""
    return sum(part.numel() * part.element_size() for part in _parameters(model) if part.requires_grad)


def checkpoint_bytes(model: nn.Module) -> int:
    """Bytes of one checkpoint: weights, and Adam's state of those that train."""
    return weight_bytes(model) + STATES * trained_bytes(model)


def training_bytes(model: nn.Module) -> int:
    """Bytes that training adds to the model: gradients and Adam's state. What a step computes comes on top."""
    return (1 + STATES) * trained_bytes(model)


def batch_bytes(data: Any) -> int:
    """Bytes of the tensors of a batch."""
    return sum(tensor.numel() * tensor.element_size() for _, tensor in structure.tensors(data))


def _parameters(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if _has_size(parameter)]


def _has_size(tensor: Any) -> bool:
    return not isinstance(tensor, UninitializedBuffer | UninitializedParameter)
