"""Slips in a model's own `forward` that shapes prove: a `view` where axes were to be exchanged, a softmax over the rows
of a batch or over a single number, dropout that evaluation does not switch off, a layer that takes the rows for time.

Each is found by running a few rows, and one row fewer, in eval mode: what changes its size with them is the batch. Such
slips raise no error, and most of them leave something to be learnt, only less.

References: PyTorch documentation of `nn.LSTM` (`batch_first=False`), `torch.nn.functional.dropout` (`training=True`),
and of `Tensor.view`, which keeps the order of the numbers, where `permute` exchanges axes
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, default_collate

from autofix_nb.data import structure
from autofix_nb.evidence.forward_calls import Call, Kind, watched
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import forward

ROWS = 4
"""Rows that are run; then one fewer."""


@dataclass(frozen=True, kw_only=True)
class Slip:
    """One call, or layer, that does something else than what was meant."""

    kind: Kind
    number: int = 0
    """Which call of its kind in one forward pass, from 0; of dropout, all are meant."""

    name: str = ""
    """Name of the layer that takes the rows for time."""

    before: tuple[int, ...] = ()
    """Shape of what went in, with `ROWS` rows at most."""

    after: tuple[int, ...] = ()
    """Shape of what came out; of a softmax, the dimension that it took and the one to take."""

    order: tuple[int, ...] = ()
    """Order of the axes in which a `view` would do what is meant."""

    rows_mixed: bool = False
    """Whether numbers of different rows of the batch are mixed."""

    share: float = 0.0
    """Share that dropout drops."""


def slips_in(
    model: nn.Module, call: Callable[[Any], Any], inputs: Any, rows: int, *, rows_first: bool = True
) -> list[Slip]:
    """Return what a forward pass of the first rows shows; the model is in eval mode, and is left as it was by others.

    `call` calls the model with inputs of `rows` rows; `rows_first` says that these surely are the first axis, so
    that a layer that takes it for time is wrong. Empty where the batch has too few rows, or the model raises.
    """
    first = min(rows, ROWS)
    if first < 2:
        return []
    try:
        more, layers, outputs = watched(model, call, structure.take(inputs, list(range(first)), rows))
        fewer, others, _ = watched(model, call, structure.take(inputs, list(range(first - 1)), rows))
    except Exception:  # noqa: BLE001 - what fails is told by the trial step
        return []
    if [one.kind for one in more] != [one.kind for one in fewer]:
        return []  # another number of rows takes another way
    found = [_layer(name, shape, others.get(name)) for name, shape in layers.items() if rows_first]
    counts: Counter[str] = Counter()
    for one, other in zip(more, fewer, strict=True):
        number = counts[one.kind]
        counts[one.kind] += 1
        if one.kind == "shape":
            found.append(_shape(one, other, number, first))
        elif one.kind == "softmax":
            found.append(None if _is_answer(one.result, outputs) else _softmax(one, other, number))
        elif one.on and one.share > 0:
            found.append(Slip(kind="dropout", number=number, share=one.share))
    return [slip for slip in found if slip is not None]


def slips_of(subject: Subject) -> list[Slip]:
    """Return the slips of a model that is looked at before training; none where only the user's `step` can call it."""
    if subject.step is not None or subject.original is None:
        return []
    try:
        inputs, rows = subject.parts[0], subject.batch_rows
    except NotApplicable:
        return []
    few = structure.to_device(structure.take(inputs, list(range(min(rows, ROWS))), rows), subject.device)
    first = rows_come_first(subject.train)
    with subject.borrowed(training=False) as model:
        return slips_in(model, lambda given: forward(model, given), few, min(rows, ROWS), rows_first=first)


def in_words(slip: Slip) -> str:
    """Return one slip as part of a sentence."""
    if slip.kind == "layer":
        return f"`{slip.name}` gets {slip.before} and takes the first axis, the rows of the batch, for time"
    if slip.kind == "shape":
        return (
            f"a `view` or `reshape` makes {slip.after} of {slip.before}: it keeps the order of the numbers, so they "
            "land on axes that they do not belong to"
        )
    if slip.kind == "softmax":
        over = "all rows of the batch" if slip.rows_mixed else "a single number, and is always 1"
        return f"a softmax takes dimension {slip.after[0]} of {slip.before}, and so goes over {over}"
    return f"dropout of {slip.share:.0%} is called without `training=self.training`"


def as_typed(slip: Slip) -> str:
    """Return what to write in the place of one slip."""
    if slip.kind == "layer":
        return f"# where `{slip.name}` is made: batch_first=True"
    if slip.kind == "shape":
        return f"# in `forward`: x.permute{slip.order}.reshape(...) in the place of the `view` as {slip.after}"
    if slip.kind == "softmax":
        return f"# in `forward`: torch.softmax(x, dim={slip.after[1]})"
    return "# in `forward`: torch.nn.functional.dropout(x, p, training=self.training)"


def rows_come_first(loader: Any) -> bool:
    """Tell whether the first axis of a loader's batches surely is that of their rows, as torch puts them together."""
    return isinstance(loader, DataLoader) and loader.batch_size is not None and loader.collate_fn is default_collate


def permuted(order: Sequence[int]) -> bool:
    """Tell whether an order of axes is another one than theirs."""
    return list(order) != sorted(order)


def _layer(name: str, shape: tuple[int, ...], other: tuple[int, ...] | None) -> Slip | None:
    if other is None or len(shape) != 3 or shape[0] == other[0] or shape[1:] != other[1:] or shape[1] == 1:
        return None
    return Slip(kind="layer", name=name, before=shape, rows_mixed=True)


def _shape(one: Call, other: Call, number: int, rows: int) -> Slip | None:
    """Return what a `view` scrambles: it keeps the order of the numbers, whatever the axes are called."""
    before, after = _changing(one.before, other.before), _changing(one.after, other.after)
    if len(before) != 1 or len(after) != 1:
        return None
    here, there = before[0], after[0]
    if one.before[here] != rows or one.after[there] != rows:
        return None  # the rows are one axis with another
    mixed = prod(one.before[:here]) != prod(one.after[:there])
    order = _matching(one.before, one.after, here, there)
    if not order and mixed and there == 0:
        order = (here, *(axis for axis in range(len(one.before)) if axis != here))
    told = [axis for axis in order if one.before[axis] > 1 or axis == here]
    if not permuted(told):
        return None
    return Slip(kind="shape", number=number, before=one.before, after=one.after, order=order, rows_mixed=mixed)


def _softmax(one: Call, other: Call, number: int) -> Slip | None:
    batch = _changing(one.before, other.before)
    if len(batch) != 1 or len(one.before) < 2:
        return None
    wide = [axis for axis, size in enumerate(one.before) if size > 1 and axis != batch[0]]
    if not wide or not (one.dim == batch[0] or one.before[one.dim] == 1):
        return None
    mixed = one.dim == batch[0]
    return Slip(kind="softmax", number=number, before=one.before, after=(one.dim, wide[-1]), rows_mixed=mixed)


def _changing(shape: tuple[int, ...], other: tuple[int, ...]) -> list[int]:
    """Return the axes whose size hangs on the rows."""
    return [axis for axis, (a, b) in enumerate(zip(shape, other, strict=False)) if a != b]


def _matching(before: tuple[int, ...], after: tuple[int, ...], here: int, there: int) -> tuple[int, ...]:
    """Return the order in which the axes of one shape make the other, the rows' to the rows'; empty where none does."""
    left = [axis for axis in range(len(before)) if axis != here]
    order = []
    for axis, size in enumerate(after):
        fitting = here if axis == there else next((one for one in left if before[one] == size), None)
        if fitting is None:
            return ()
        order.append(fitting)
        left = [one for one in left if one != fitting]
    return () if left else tuple(order)


def _is_answer(result: Any, outputs: Any) -> bool:
    tensors = [tensor for _, tensor in structure.tensors(outputs)]
    return any(one.numel() == result.numel() and torch.equal(one.flatten(), result.flatten()) for one in tensors)
