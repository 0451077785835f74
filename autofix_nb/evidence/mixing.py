"""What a row's output depends on: run twice, with other random numbers, and with all other rows replaced.

In eval mode the output of a row should depend on that row and on nothing else. Each row looked at is run in a batch of
the same size that holds nothing but copies of it, so that the arithmetic is the same and only the company differs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.evidence.drawing import Drawing
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import forward, hookable

OTHER_SEED = 0x0DD5EED
"""Seed of the second run; the first has the trial's."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far outputs lie apart that should be the same."""

    share: float
    """Largest difference, as a share of the largest output; 0 where they agree."""

    row: int
    """The row of the batch looked at; -1 where all rows were."""

    first_module: str
    """Name of the first module, in the order of the calls, whose output differs; empty where none does."""

    first_kind: str
    """Its class."""

    samples: bool
    """Whether the model draws numbers as one does that samples on purpose, and no dropout is on; seen with a share."""


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """What came of the runs."""

    rows: int
    again: Difference
    """The same rows with other random numbers."""

    company: tuple[Difference, ...]
    """The first and the last row, each among copies of itself; empty where the rows are alike or cannot be told."""


def look_at_mixing(subject: Subject, most_rows: int, tolerance: float) -> Mixing:
    """Run the model on a few rows, four times.

    Raises:
        NotApplicable: when its outputs are not seen, or are not one a row.
    """
    if subject.step is not None:
        raise NotApplicable("`step` calls the model itself, so its outputs are not seen")
    rows = min(most_rows, subject.trial_rows)
    inputs, _ = subject.parts
    size = subject.batch_rows
    inputs = structure.to_device(_take(inputs, list(range(rows)), size), subject.device)
    looks = _Looks(subject, inputs, rows, tolerance)
    if not _by_row(looks.first[""], rows):
        raise NotApplicable("the model returns nothing that has one entry a row")
    again = looks.compare(inputs, row=-1, seed=OTHER_SEED)
    company = []
    for row in (0, rows - 1) if rows > 1 else ():
        alone = _take(inputs, [row] * rows, rows)
        if not _same(alone, inputs):
            company.append(looks.compare(alone, row=row))
    return Mixing(rows=rows, again=again, company=tuple(company))


class _Looks:
    """The first run, with which others are compared."""

    def __init__(self, subject: Subject, inputs: Any, rows: int, tolerance: float) -> None:
        self._subject, self._inputs = subject, inputs
        self._rows, self._tolerance = rows, tolerance
        self.first = _run(subject, inputs)

    def compare(self, inputs: Any, *, row: int, **options: Any) -> Difference:
        """Run the model on `inputs`; where a row's output differs, find out where that begins."""
        share = _apart(self.first[""], _run(self._subject, inputs, **options)[""], self._rows, row)
        first, drawing = "", Drawing()
        if share > self._tolerance:
            # Only now, since what all modules return takes memory.
            with drawing:
                before = _run(self._subject, self._inputs, listen=True)
            after = _run(self._subject, inputs, listen=True, **options)
            differing = (
                name
                for name, returned in before.items()
                if name and name in after and _apart(returned, after[name], self._rows, row) > self._tolerance
            )
            first = next(differing, "")
        kind = type(self._subject.model.get_submodule(first)).__name__ if first else ""
        return Difference(share=share, row=row, first_module=first, first_kind=kind, samples=drawing.samples)


def _take(inputs: Any, chosen: list[int], size: int) -> Any:
    try:
        return structure.take(inputs, chosen, size)
    except structure.NotSliceable as error:
        raise NotApplicable(f"the rows of the inputs cannot be told apart ({error})") from error


def _same(left: Any, right: Any) -> bool:
    pairs = zip(structure.tensors(left), structure.tensors(right), strict=True)
    return all(torch.equal(one, other) for (_, one), (_, other) in pairs)


def _run(subject: Subject, inputs: Any, *, listen: bool = False, **options: Any) -> dict[str, Any]:
    """Return what the model returned, under an empty name; with `listen` each module too, in the order of the calls."""
    returned: dict[str, Any] = {}
    try:
        with subject.borrowed(training=False, **options) as model, _listening(model if listen else None, returned):
            returned[""] = structure.map_tensors(torch.Tensor.clone, forward(model, inputs))
    except Exception as error:
        rows = next((len(tensor) for _, tensor in structure.tensors(inputs) if tensor.dim()), 0)
        raise NotApplicable(f"the model in eval mode {subject.raises(error, rows)}") from error
    return returned


@contextmanager
def _listening(model: nn.Module | None, returned: dict[str, Any]) -> Iterator[None]:
    def listen(name: str) -> Any:
        def hook(_module: nn.Module, _arguments: Any, result: Any) -> None:
            # Cloned, since the next module may work in place.
            returned.setdefault(name, structure.map_tensors(torch.Tensor.clone, result))

        return hook

    named = [] if model is None else [(name, part) for name, part in hookable(model) if name]
    handles = [part.register_forward_hook(listen(name)) for name, part in named]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _by_row(returned: Any, rows: int) -> dict[str, torch.Tensor]:
    return {path: tensor for path, tensor in structure.tensors(returned) if tensor.dim() and tensor.shape[0] == rows}


def _apart(before: Any, after: Any, rows: int, row: int) -> float:
    worst = 0.0
    others = _by_row(after, rows)
    for path, tensor in _by_row(before, rows).items():
        if path not in others or others[path].dim() != tensor.dim():
            continue
        chosen = slice(None) if row < 0 else slice(row, row + 1)
        left, right = tensor[chosen].double(), others[path][chosen].double()
        # Sequences are cut to the longest of a batch by some models.
        common = tuple(slice(0, min(sizes)) for sizes in zip(left.shape, right.shape, strict=True))
        left, right = left[common], right[common]
        if not left.numel() or not bool(torch.isfinite(left).all()):
            continue
        scale = max(float(tensor.double().abs().max()), 1e-12)
        apart = (left - right).abs()
        worst = max(worst, float(torch.nan_to_num(apart, nan=scale, posinf=scale).max()) / scale)
    return worst
