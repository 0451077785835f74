"""Makes sure that a look leaves nothing behind: weights, gradients, buffers, modes, optimizer, random streams."""

import copy
from typing import Any

import torch
from torch import nn

from autofix_nb.data.seeding import set_streams, streams
from autofix_nb.evidence.attributes import Attributes, of_loaders


class Untouched:
    """Context that puts a model, an optimizer, what the loaders hold and all random streams back, bit for bit.

    The looks themselves run on copies wherever the model can be copied; this is for what cannot: a `step` of the
    user's that calls the model by its global name, random numbers, samplers that count, data sets that keep samples or
    have a random generator of their own. What hooks, `step` and a loss write elsewhere is out of reach.
    """

    def __init__(self, *modules: Any, optimizer: Any = None, loaders: tuple[Any, ...] = ()) -> None:
        self._modules = [module for module in modules if isinstance(module, nn.Module)]
        self._optimizer = optimizer if isinstance(optimizer, torch.optim.Optimizer) else None
        self._loaders = loaders

    def __enter__(self) -> "Untouched":
        self._streams = streams()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and _cuda_is_up() else None
        self._tensors = [
            (tensor, tensor.detach().clone())
            for module in self._modules
            for tensor in (*module.parameters(), *module.buffers())
            if not isinstance(tensor, nn.parameter.UninitializedParameter | nn.parameter.UninitializedBuffer)
        ]
        self._gradients = [
            (parameter, parameter.grad, None if parameter.grad is None else parameter.grad.detach().clone())
            for module in self._modules
            for parameter in module.parameters()
        ]
        self._wanted = [
            (parameter, parameter.requires_grad) for module in self._modules for parameter in module.parameters()
        ]
        self._modes = [(part, part.training) for module in self._modules for part in module.modules()]
        self._state = None if self._optimizer is None else _optimizer_state(self._optimizer)
        parts = [part for module in self._modules for part in module.modules()]
        self._attributes = Attributes((*parts, *of_loaders(self._loaders)))
        self._grad_enabled = torch.is_grad_enabled()
        return self

    @torch.no_grad()
    def __exit__(self, *_: object) -> None:
        self._attributes.restore()
        for tensor, kept in self._tensors:
            if tensor.shape == kept.shape and not _same_bits(tensor, kept):
                tensor.copy_(kept)
        for parameter, gradient, kept in self._gradients:
            parameter.grad = gradient
            if gradient is not None and not _same_bits(gradient, kept):
                gradient.copy_(kept)
        for parameter, wanted in self._wanted:
            if parameter.requires_grad != wanted:
                parameter.requires_grad_(wanted)
        for part, training in self._modes:
            part.training = training
        if self._optimizer is not None:
            _restore_optimizer(self._optimizer, self._state)
        set_streams(self._streams)
        if self._cuda is not None:
            torch.cuda.set_rng_state_all(self._cuda)
        torch.set_grad_enabled(self._grad_enabled)


def _cuda_is_up() -> bool:
    return torch.cuda.is_initialized()


def _same_bits(left: torch.Tensor, right: torch.Tensor) -> bool:
    # NaN equals nothing, itself included: as bytes it does.
    if left.dtype.is_floating_point and left.is_contiguous() and right.is_contiguous() and left.numel():
        return (
            torch.equal(left.detach().view(torch.uint8), right.view(torch.uint8)) if left.dim() else bool(left == right)
        )
    return torch.equal(left, right)


def _optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict, list[dict]]:
    state = {
        parameter: {
            name: (part, part.detach().clone()) if isinstance(part, torch.Tensor) else (part, copy.copy(part))
            for name, part in parts.items()
        }
        for parameter, parts in optimizer.state.items()
    }
    return state, [dict(group) | {"params": list(group["params"])} for group in optimizer.param_groups]


def _restore_optimizer(optimizer: torch.optim.Optimizer, kept: Any) -> None:
    state, groups = kept
    for parameter in list(optimizer.state):
        if parameter not in state:
            del optimizer.state[parameter]
    for parameter, parts in state.items():
        now = optimizer.state[parameter]
        now.clear()
        for name, (live, copied) in parts.items():
            if isinstance(live, torch.Tensor):
                live.copy_(copied)
                now[name] = live
            else:
                now[name] = copied
    del optimizer.param_groups[len(groups) :]
    for group, before in zip(optimizer.param_groups, groups, strict=True):
        group.clear()
        group.update(before)
