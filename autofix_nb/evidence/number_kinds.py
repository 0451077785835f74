"""Whether inputs are numbers that a model can compute with: of its own type, finite, within its tables."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.evidence.entrance import LOOKUPS
from autofix_nb.evidence.raised import raised_in

_TYPE_SIGNS = ("dtype", "scalar type", "should be the same", "not implemented for", "'indices'")


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """The type that the inputs are of, and the one that the model wants."""

    got: str
    wanted: str
    lookup: bool
    """Whether it is an embedding that wants it."""


@dataclass(frozen=True, kw_only=True)
class BeyondTheTable:
    """A number in the inputs for which an embedding has no row."""

    name: str
    layer: nn.Embedding
    largest: int


@dataclass(frozen=True, kw_only=True)
class NonFinite:
    """NaN and infinities in one tensor of the inputs."""

    path: str
    count: int
    values: int
    rows: list[int]
    of_rows: int


def kinds_apart(model: nn.Module, inputs: Any, error: BaseException) -> Kinds | None:
    """Return the types of inputs and model where the model raised `error` because they differ; else None."""
    text = str(error)
    if not any(sign in text for sign in _TYPE_SIGNS):
        return None
    lookup = "indices" in text
    weights = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    odd = [
        tensor.dtype
        for _, tensor in structure.tensors(inputs)
        if (tensor.is_floating_point() if lookup else tensor.dtype != weights)
    ]
    if not odd:
        return None
    got, wanted = (str(kind).removeprefix("torch.") for kind in (odd[0], torch.int64 if lookup else weights))
    return Kinds(got=got, wanted=wanted, lookup=lookup)


def beyond_the_table(model: nn.Module, inputs: Any, error: BaseException) -> BeyondTheTable | None:
    """Return the embedding that raised `error` for a number it has no row for, and that number; else None."""
    if "index out of range in self" not in str(error):
        return None
    found = raised_in(error, model)
    whole = [t for _, t in structure.tensors(inputs) if t.numel() and not t.is_floating_point()]
    if found is None or not isinstance(found[1], LOOKUPS) or not whole:
        return None
    return BeyondTheTable(name=found[0], layer=found[1], largest=max(int(tensor.max()) for tensor in whole))


def non_finite_parts(inputs: Any) -> list[NonFinite]:
    """Return where the inputs hold NaN or infinities, tensor by tensor."""
    found = []
    for path, tensor in structure.tensors(inputs):
        if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
            continue
        odd = ~torch.isfinite(tensor).reshape(len(tensor) if tensor.dim() else 1, -1)
        rows = odd.any(1).nonzero().flatten().tolist()
        found.append(NonFinite(path=path, count=int(odd.sum()), values=tensor.numel(), rows=rows, of_rows=len(odd)))
    return found
