"""Batches as people build them: tensors in tuples, lists, dicts, named tuples, dataclasses, and objects with `.to`."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch


class NotSliceable(Exception):
    """The rows of this batch cannot be told apart; the message says why."""


def map_tensors(function: Callable[[torch.Tensor], Any], data: Any) -> Any:
    """Return `data` with `function` applied to each tensor in it."""
    if isinstance(data, torch.Tensor):
        return function(data)
    return _rebuild(lambda part: map_tensors(function, part), data)


def tensors(data: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (path, tensor) for each tensor in `data`; the path reads like code, such as `[0]["mask"]`."""
    if isinstance(data, torch.Tensor):
        yield "", data
        return
    for path, part in _parts(data):
        for deeper, tensor in tensors(part):
            yield path + deeper, tensor


def to_device(data: Any, device: torch.device) -> Any:
    """Return `data` with every tensor, and every object that knows `.to(device)`, on `device`."""
    if device.type == "cpu" and type(data) in (list, tuple) and all(_is_on_cpu(part) for part in data):
        return data  # the common case on a CPU, once a step
    if isinstance(data, torch.Tensor):
        return data if data.device == device else data.to(device, non_blocking=True)
    if callable(getattr(data, "to", None)):
        return data.to(device)
    return _rebuild(lambda part: to_device(part, device), data)


def _is_on_cpu(part: Any) -> bool:
    return type(part) is torch.Tensor and part.device.type == "cpu"


def rows(data: Any) -> int:
    """Return the number of rows of a batch: the first dimension that its tensors share, or the samples kept apart.

    Raises:
        NotSliceable: when there is no tensor, or the tensors disagree.
    """
    samples = _kept_apart(data)
    if samples:
        return samples
    sizes = {tensor.shape[0] if tensor.dim() else None for _, tensor in tensors(data)}
    if len(sizes) != 1 or None in sizes:
        raise NotSliceable(f"its tensors have first dimensions {sorted(map(str, sizes))}")
    return int(sizes.pop() or 0)


def take(data: Any, chosen: list[int], size: int) -> Any:
    """Return the batch made of the `chosen` rows of `data`, which has `size` rows; a row may be chosen twice.

    Raises:
        NotSliceable: when some part of the batch does not have one entry a row.
    """
    if isinstance(data, torch.Tensor):
        if data.dim() == 0 or data.shape[0] != size:
            raise NotSliceable(f"a tensor of shape {tuple(data.shape)} in a batch of {size}")
        return data[torch.tensor(chosen, dtype=torch.long, device=data.device)]
    if isinstance(data, list | tuple) and _is_column(data):
        if len(data) != size:
            raise NotSliceable(f"a list of {len(data)} in a batch of {size}")
        return type(data)([data[row] for row in chosen])
    if size == _kept_apart(data):
        if isinstance(data[0], Mapping):
            return type(data)([data[row] for row in chosen])
        return type(data)([type(column)([column[row] for row in chosen]) for column in data])
    if data is None or isinstance(data, bool | int | float | str | bytes):
        raise NotSliceable(f"a {type(data).__name__} that belongs to the whole batch")
    return _rebuild(lambda part: take(part, chosen, size), data, strict=True)


def _kept_apart(data: Any) -> int:
    """Return the samples of a batch that were not stacked, as for detection; 0 where they were.

    Such batches are lists of images beside lists of dicts, as `tuple(zip(*samples))` gives them, or lists of dicts
    whose tensors differ in size. Lists of dicts may be batches of several loaders too, whose tensors then agree.
    """
    if type(data) not in (list, tuple) or not data:
        return 0
    if all(isinstance(part, Mapping) for part in data):
        sizes = {tensor.shape[:1] for _, tensor in tensors(data)}
        return len(data) if len(sizes) > 1 else 0
    columns = all(type(part) in (list, tuple) for part in data)
    if not columns or len({len(part) for part in data}) != 1:
        return 0
    return len(data[0]) if any(part and all(isinstance(one, Mapping) for one in part) for part in data) else 0


def _is_column(data: list | tuple) -> bool:
    """Text and bytes are collated into a list with one entry a row; tensors are stacked."""
    return type(data) in (list, tuple) and len(data) > 0 and all(isinstance(part, str | bytes) for part in data)


def _parts(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        yield from ((f"[{name!r}]", part) for name, part in data.items())
    elif isinstance(data, list | tuple):
        yield from ((f"[{place}]", part) for place, part in enumerate(data))
    elif dataclasses.is_dataclass(data) and not isinstance(data, type):
        yield from ((f".{field.name}", getattr(data, field.name)) for field in dataclasses.fields(data))


def _rebuild(function: Callable[[Any], Any], data: Any, *, strict: bool = False) -> Any:
    if isinstance(data, Mapping):
        mapped = {name: function(part) for name, part in data.items()}
        try:
            clone = copy.copy(data)  # keeps its kind: a `defaultdict`, a `UserDict` such as a tokenizer's batch
            clone.update(mapped)
        except (TypeError, AttributeError):
            return mapped
        return clone
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(function(part) for part in data))
    if isinstance(data, list | tuple):
        return type(data)([function(part) for part in data])
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        clone = copy.copy(data)
        for field in dataclasses.fields(data):  # past `frozen` and `init=False`
            object.__setattr__(clone, field.name, function(getattr(data, field.name)))
        return clone
    if strict:
        raise NotSliceable(f"a {type(data).__name__} is no tensor, list, dict or dataclass")
    return data
