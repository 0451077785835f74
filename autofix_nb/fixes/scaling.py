"""Numbers that live with a model: what goes into it, or comes out of it, is brought to another scale on the way.

They are buffers of the model itself (a child would take part in the pass through an `nn.Sequential`), so that
validation, inference and `state_dict` have them. They are stored in a shape that fits the last dimensions of what they
scale: (F,) for tables, (C, 1, 1) for pictures, () where one number does for all.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

SAME = 1e-3
"""Share of its distance from the median within which a value is taken for the mark: all others lie far from it."""


def input_names(model: nn.Module, inputs: Any) -> dict[str, torch.Tensor]:
    """Return the tensors among the inputs of a model by the name of the parameter of `forward` that takes them."""
    if isinstance(inputs, Mapping):
        args, kwargs = (), {str(name): part for name, part in inputs.items()}
    else:
        args, kwargs = (inputs if isinstance(inputs, tuple) and not hasattr(inputs, "_fields") else (inputs,)), {}
    return {name: part for name, part in _named(model, args, kwargs) if isinstance(part, torch.Tensor)}


def places(name: str) -> tuple[str, str]:
    """Return the names of the buffers for the mean and the standard deviation of one input."""
    return f"input_{name}_mean", f"input_{name}_std"


OF_INPUTS = ("columns", "gaps", "inputs")
"""The tricks that change what goes into a model; the one learnt last sees the inputs first."""

ANSWER = ("answer_mean", "answer_std")
"""The buffers for those of the targets."""


def is_scaled(model: nn.Module) -> bool:
    """Tell whether the inputs of a model are brought to another scale inside it already."""
    return any(name.startswith("input_") and name.endswith("_mean") for name in model._buffers)


def gap_places(name: str) -> tuple[str, str]:
    """Return the names of the buffers for what fills the gaps of one input, and for the features never read (1)."""
    return f"gap_{name}_value", f"gap_{name}_always"


def mark_place(name: str) -> str:
    """Return the name of the buffer for the marks of one input that stand for gaps; NaN where a feature has none."""
    return f"gap_{name}_mark"


def end_places(name: str) -> tuple[str, str]:
    """Return the names of the buffers for what stands for minus and plus infinity in each feature of one input."""
    return f"gap_{name}_low", f"gap_{name}_high"


def is_filled(model: nn.Module) -> bool:
    """Tell whether missing inputs of a model are filled in inside it already."""
    return any(name.startswith("gap_") for name in model._buffers)


def kind_place(name: str) -> str:
    """Return the name of the buffer that has the type which one input is to have."""
    return f"kind_{name}"


def cast_inputs(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `forward` with inputs of the types that the model computes with."""
    changed = {name: _cast(self._buffers.get(kind_place(name)), part) for name, part in _named(self, args, kwargs)}
    values = list(changed.values())
    return inner(self, *values[: len(args)], **{name: changed[name] for name in kwargs})


def held_places(name: str) -> tuple[str, str]:
    """Return the names of the buffers for the values that columns of one input are held at, and for which are (1)."""
    return f"held_{name}_value", f"held_{name}_always"


def holds_columns(model: nn.Module) -> bool:
    """Tell whether columns of the inputs of a model are held at one value inside it already."""
    return any(name.startswith("held_") for name in model._buffers)


def held_inputs(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `forward` with inputs of which some columns are held at one value."""
    changed = {name: _held(self, "columns", name, part) for name, part in _named(self, args, kwargs)}
    values = list(changed.values())
    return inner(self, *values[: len(args)], **{name: changed[name] for name in kwargs})


def filled_inputs(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `forward` with inputs whose gaps are filled in."""
    changed = {name: _filled(self, name, _held(self, "gaps", name, part)) for name, part in _named(self, args, kwargs)}
    values = list(changed.values())
    return inner(self, *values[: len(args)], **{name: changed[name] for name in kwargs})


def scaled_inputs(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `forward` with inputs less their mean, divided by their standard deviation."""
    changed = {
        name: _scaled(self, name, _held(self, "inputs", name, part)) for name, part in _named(self, args, kwargs)
    }
    values = list(changed.values())
    return inner(self, *values[: len(args)], **{name: changed[name] for name in kwargs})


def scaled_answer(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `forward`, and give its answer the spread and the mean of the targets."""
    answer = inner(self, *args, **kwargs)
    mean, std = (self._buffers.get(name) for name in ANSWER)
    if mean is None or std is None or not isinstance(answer, torch.Tensor):
        return answer
    return answer.to(torch.promote_types(answer.dtype, std.dtype)) * std + mean


def _named(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    names = _parameters(getattr(model, "_plain", type(model)))
    for place, part in enumerate(args):
        yield (names[place] if place < len(names) else str(place)), part
    yield from kwargs.items()


@cache
def _parameters(kind: type[nn.Module]) -> tuple[str, ...]:
    """Return the names of what `forward` takes by position."""
    try:
        found = list(inspect.signature(kind.forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return ()
    return tuple(one.name for one in found if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD))


def _cast(like: torch.Tensor | None, part: Any) -> Any:
    return part if like is None or not isinstance(part, torch.Tensor) else part.to(like.dtype)


def _held(model: nn.Module, trick: str, name: str, part: Any) -> Any:
    """Return an input with its columns held, in the units of the user's: by the first to see it alone."""
    first = next((one for one in reversed(getattr(model, "_tricks", ())) if one in OF_INPUTS), "")
    value, always = (model._buffers.get(place) for place in held_places(name))
    if trick != first or value is None or always is None or not isinstance(part, torch.Tensor):
        return part
    if not part.is_floating_point() or not _fits(part, value):
        return part
    return torch.where(always == 0, part, value.to(part.dtype))


def _filled(model: nn.Module, name: str, part: Any) -> Any:
    value, always = (model._buffers.get(place) for place in gap_places(name))
    if value is None or always is None or not isinstance(part, torch.Tensor) or not part.is_floating_point():
        return part
    if not _fits(part, value):
        return part
    there = torch.isfinite(part) & (always == 0)
    mark = model._buffers.get(mark_place(name))
    if mark is not None:  # a scaler elsewhere may have brought it to a number that differs in its last digits
        there &= ~((part - mark).abs() <= SAME * (mark - value).abs())
    fillings = value.to(part.dtype)
    low, high = (model._buffers.get(place) for place in end_places(name))
    if low is not None and high is not None:
        ends = torch.where(part < 0, low, high).to(part.dtype)
        fillings = torch.where(torch.isinf(part) & (always == 0), ends, fillings)
    return torch.where(there, part, fillings)


def _fits(part: torch.Tensor, numbers: torch.Tensor) -> bool:
    """Tell whether the last dimensions of an input are those of its numbers, or 1 there."""
    sizes = part.shape[part.dim() - numbers.dim() :]
    pairs = zip(numbers.shape, sizes, strict=True) if part.dim() >= numbers.dim() else [(0, -1)]
    return all(own in (1, size) for own, size in pairs)


def _scaled(model: nn.Module, name: str, part: Any) -> Any:
    part = _filled(model, name, part)  # in units of the user's, whichever was learnt first
    mean, std = (model._buffers.get(place) for place in places(name))
    if mean is None or std is None or not isinstance(part, torch.Tensor):
        return part
    if not part.is_floating_point() and part.dtype != torch.uint8:
        return part
    if not _fits(part, mean):
        return part
    kind = torch.promote_types(part.dtype, mean.dtype)
    scaled = (part.to(kind) - mean) / std
    return scaled.to(part.dtype) if part.is_floating_point() else scaled
