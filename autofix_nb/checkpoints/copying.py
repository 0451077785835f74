"""Copies of state dicts on the CPU: one that lives on, or one that is soon written and made again and again."""

from typing import Any

import torch


def copied(state: Any) -> Any:
    """Return a state dict (or any nest of tensors) copied to the CPU, with the versions that modules put beside it."""
    return _walked(state, lambda tensor: tensor.to("cpu", copy=True))


def same_bits(one: Any, other: Any) -> bool:
    """Tell whether two nests of tensors and plain values on the CPU are the same, to the last bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if (one.dtype, one.shape, one.layout) != (other.dtype, other.shape, other.layout):
            return False
        if one.layout != torch.strided or one.is_quantized or other.is_quantized:
            return False  # rare, and not worth a look inside
        return torch.equal(*(part.detach().contiguous().flatten().view(torch.uint8) for part in (one, other)))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_bits(part, other[name]) for name, part in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_bits, one, other))
    return type(one) is type(other) and one == other


class Copies:
    """Makes copies for writing, one at a time, into the same memory again: the loop waits for as short as can be.

    New memory must be handed out by the system page by page, which takes two thirds of a copy's time (measured for
    300 MB). From a GPU everything goes to pinned memory without waiting in between, and is waited for once. What shares
    memory (tied weights) is copied once, and is one again in the file.
    """

    def __init__(self) -> None:
        self._kept: list[torch.Tensor] = []

    def make(self, state: Any) -> Any:
        """Return a copy of a nest. The copy before is overwritten: it must have been written by now."""
        made: dict[tuple, torch.Tensor] = {}
        order: list[torch.Tensor] = []
        devices: set[torch.device] = set()

        def copy_of(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.layout != torch.strided or tensor.is_quantized or not tensor.numel():
                return tensor.to("cpu", copy=True)
            key = (tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
            if key not in made:
                target = self._place(len(order), tensor)
                order.append(target)
                made[key] = target.copy_(tensor, non_blocking=target.is_pinned() if tensor.is_cuda else False)
                if tensor.is_cuda:
                    devices.add(tensor.device)
            return made[key]

        with torch.no_grad():
            copy_of_all = _walked(state, copy_of)
        for device in devices:
            torch.cuda.synchronize(device)
        self._kept = order
        return copy_of_all

    def release(self) -> None:
        """Give the memory back."""
        self._kept = []

    def _place(self, number: int, tensor: torch.Tensor) -> torch.Tensor:
        """Return where the tensor of this number goes: where the one before was, if it was alike."""
        if number < len(self._kept):
            place = self._kept[number]
            if (place.dtype, place.shape, place.stride()) == (tensor.dtype, tensor.shape, tensor.stride()):
                return place
        if tensor.is_cuda:
            try:
                return torch.empty_like(tensor, device="cpu", pin_memory=True)
            except RuntimeError:  # no memory that could be pinned: the slow way then
                pass
        return torch.empty_like(tensor, device="cpu")


def _walked(state: Any, copy_of: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return copy_of(state.detach())
    if isinstance(state, dict):
        made = type(state)((name, _walked(part, copy_of)) for name, part in state.items())
        if hasattr(state, "_metadata"):  # versions of the modules, by which they load a state dict
            made._metadata = state._metadata
        return made
    if isinstance(state, list | tuple):
        return type(state)(_walked(part, copy_of) for part in state)
    return state
