"""Conversions of a batch's inputs, put behind a loader's own collate function, and taken away again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import torch
from torch.utils.data import DataLoader, IterableDataset

from autofix_nb.data import Batch, GuardedLoader, Plan, guard_loader
from autofix_nb.data.structure import map_tensors, tensors
from autofix_nb.errors import AutofixError
from autofix_nb.objective import split_batch
from autofix_nb.objective.objective import TARGET_NAMES

CHANNELS = (1, 3, 4)
"""Numbers of channels by which pictures are known: grey, colours, colours and transparency."""


class Conversion(ABC):
    """What is done to the parts of a batch's inputs, named by their paths. Workers get a copy of it."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths

    @abstractmethod
    def convert(self, path: str, part: torch.Tensor) -> torch.Tensor:
        """Return the part as the model should get it; what has another shape than expected stays as it is."""

    def __call__(self, batch: Any) -> Any:
        # Both go over the parts in the same order.
        names = iter([path for path, _ in tensors(batch)])

        def one(part: torch.Tensor) -> torch.Tensor:
            path = next(names)
            return self.convert(path, part) if path in self.paths else part

        return map_tensors(one, batch)


class Scaling(Conversion):
    """One that brings numbers to another scale; a loader gets one of them at most."""


class Converted:
    """A collate function with a conversion behind it."""

    draws_no_random_numbers = True
    """What lets data sets of tensors be read whole batches at a time."""

    def __init__(self, collate: Callable[[list[Any]], Any], conversion: Conversion) -> None:
        self.collate = collate
        self.conversion = conversion

    def __call__(self, samples: list[Any]) -> Any:
        return self.conversion(self.collate(samples))

    @classmethod
    def put_behind(cls, loader: DataLoader, conversion: Conversion) -> Self:
        """Let a loader convert its batches."""
        loader.collate_fn = made = cls(loader.collate_fn, conversion)
        return made

    def take_away(self, loader: DataLoader) -> None:
        """Leave this conversion out; those that came later stay. Workers that run with it are let go."""
        if getattr(loader, "_iterator", None) is not None:
            loader._iterator = None
        if loader.collate_fn is self:
            loader.collate_fn = self.collate
            return
        outer = loader.collate_fn
        while isinstance(outer, Converted):
            if outer.collate is self:
                outer.collate = self.collate
                return
            outer = outer.collate


def can_convert(loader: Any) -> bool:
    """Tell whether a loader's collate function can be changed: workers that run already keep the old one."""
    if not isinstance(loader, DataLoader) or getattr(loader, "_iterator", None) is not None:
        return False
    # Looking at a batch of a stream would start workers that stay.
    return not (isinstance(loader.dataset, IterableDataset) and loader.persistent_workers)


def converts(loader: Any, kind: type[Conversion]) -> bool:
    """Tell whether a loader has a conversion of this kind already."""
    collate = getattr(loader, "collate_fn", None)
    while isinstance(collate, Converted):
        if isinstance(collate.conversion, kind):
            return True
        collate = collate.collate
    return False


def loaders_to_convert(train: Any, val: Any, kind: type[Conversion]) -> list[DataLoader]:
    """Return the loaders that must be converted together, each once.

    None at all where one of them cannot be: a model trained on one kind of numbers must not be judged on another.
    """
    loaders = list({id(loader): loader for loader in (train, val) if loader is not None}.values())
    fit = train is not None and all(can_convert(loader) and not converts(loader, kind) for loader in loaders)
    return loaders if fit else []


def input_parts(batch: Any) -> dict[str, torch.Tensor]:
    """Return the tensors among a batch's inputs by path, such as `[0]["mask"]`; none where no targets can be told."""
    try:
        split_batch(batch)
    except AutofixError:
        return {}
    if isinstance(batch, Mapping):
        target = f"[{next(name for name in TARGET_NAMES if name in batch)!r}]"
    else:
        target = f"[{len(batch) - 1}]"
    return {path: part for path, part in tensors(batch) if not path.startswith(target)}


def is_taken_apart_by_the_user(owned: Any) -> bool:
    """Tell whether a `step` of the user's decides what of a batch is input: then nobody else can."""
    return getattr(owned.evidence, "step", None) is not None


def batches_spread(source: Any, samples: int) -> Iterator[Batch]:
    """Yield batches spread over a loader's data, about so many samples; those that cannot be had are passed over.

    No random stream and no worker of the loader's is moved on.
    """
    guarded = guard_loader(source, 0)
    seen = 0
    if not isinstance(guarded, GuardedLoader):
        for batch in guarded.epoch(0):
            if batch.data is not None:
                yield batch
                seen += _rows(batch)
            if seen >= samples:
                return
        return
    order = guarded.order(0)
    rows = max(1, len(order[0])) if order else 1
    count = min(len(order), max(1, -(-samples // rows)))
    for place in sorted({number * len(order) // count for number in range(count)}) if order else ():
        loaded = guarded.fetch(Plan(0, place, order[place]))
        if loaded.data is not None:
            yield Batch(loaded.data, loaded.indices, 0, place, loaded.faults, source=guarded)


def first_parts(source: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """Return one batch of a loader and the tensors among its inputs; (None, {}) where there is none."""
    for batch in batches_spread(source, 1):
        return batch.data, input_parts(batch.data)
    return None, {}


def channel_axis(part: torch.Tensor) -> int | None:
    """Return which dimension of a batch of pictures (N, C, H, W) or (N, H, W, C) is the channels; None for others."""
    if part.dim() != 4:
        return None
    if part.shape[1] in CHANNELS:
        return 1
    return 3 if part.shape[3] in CHANNELS else None


def _rows(batch: Batch) -> int:
    return max((part.shape[0] for _, part in tensors(batch.data) if part.dim()), default=1)
