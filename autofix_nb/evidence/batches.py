"""The first batches of a loader, fetched without worker processes and without moving the loader on."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader

from autofix_nb.data import Batch, Plan, guard_loader


def length_of(given: Any) -> int | None:
    """Return the length of a loader or data set; None where it has none, or raises."""
    try:
        return len(given)
    except Exception:  # noqa: BLE001 - a length of the user's own may raise anything, and is then not known
        return None


def first_batches(source: Any, most: int, name: str = "train") -> Iterator[Batch]:
    """Yield the first batches that training with seed 0 would see; samples that cannot be had are in `faults`."""
    guarded = guard_loader(source, 0, name=name)
    if not isinstance(source, DataLoader) or not hasattr(guarded, "order"):
        yield from islice(guarded.epoch(0), most)
        return
    for place, keys in enumerate(guarded.order(0)[:most]):
        loaded = guarded.fetch(Plan(0, place, keys))
        yield Batch(loaded.data, loaded.indices, 0, place, loaded.faults, source=guarded)
