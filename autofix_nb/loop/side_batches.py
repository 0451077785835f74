"""Batches for what is done beside the training: those it would train on from here, and the rows that judge."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from autofix_nb.data import GuardedLoader, Plan, structure
from autofix_nb.loop.deaths import left_out
from autofix_nb.loop.judging import BATCHES, ROWS
from autofix_nb.objective import free_memory, is_out_of_memory

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

PIECES = 8
"""Pieces that the rows that judge are cut into where they are fewer batches."""

LEAST_ROWS = 8
"""Rows of a piece, at least."""


def training_batches(guard: "Guard", count: int, *, with_gaps: bool = False) -> Iterator[Any]:
    """Yield up to `count` training batches from here on, as they lie in the coming epochs; on the CPU.

    Rows that hold NaN are left out, unless `with_gaps`. Nothing of the training's own iteration is touched. Streams
    begin anew.
    """
    source = guard.train_source
    if source is None:
        return
    if not isinstance(source, GuardedLoader):
        if not _can_be_read_beside(source.source):
            return
        for batch in itertools.islice(_stream(source, guard.epoch), count):
            if batch.data is not None:
                yield batch.data if with_gaps else _sound(batch.data)
        return
    left, epoch, start = count, guard.epoch, guard.position
    while left > 0 and epoch < guard.epoch + 1000:
        came, kills = 0, left_out(guard, epoch)
        for position, keys in enumerate(source.order(epoch)):
            if position < start or left <= 0 or position in kills:
                continue
            loaded = source.fetch(Plan(epoch, position, keys))
            if loaded.data is not None:
                yield loaded.data if with_gaps else _sound(loaded.data)
                came, left = came + 1, left - 1
        if not came and not start:
            return
        epoch, start = epoch + 1, 0


def _sound(data: Any) -> Any:
    """Return a batch without the rows that hold NaN or infinities, as they will be set aside when their turn comes.

    All of them where none would be left: then the model may know what to do with them.
    """
    bad = [~torch.isfinite(part) for _, part in structure.tensors(data) if part.is_floating_point() and part.dim()]
    if not any(bool(part.any()) for part in bad):
        return data
    try:
        count = structure.rows(data)
        spoilt = [part.reshape(count, -1).any(dim=1) for part in bad if len(part) == count]
        good = torch.nonzero(~torch.stack(spoilt).any(dim=0)).flatten().tolist() if spoilt else []
        return structure.take(data, good, count) if good else data
    except structure.NotSliceable:
        return data


def _can_be_read_beside(stream: Any) -> bool:
    """Tell whether a stream can be read from its beginning while it is being read: not if it is its own iterator."""
    if not isinstance(stream, DataLoader):
        return True
    return not (stream.persistent_workers or isinstance(stream.dataset, Iterator))


def judging_batches(guard: "Guard") -> list[Any]:
    """Return the rows that judge, on the device: of the validation data, else of the training data.

    Empty where there is no memory for them: nothing is tried then.
    """
    source = guard.val_source if guard.val_source is not None else None
    rows, kept = 0, []
    arriving: Iterator[Any]
    if source is not None:
        arriving = (batch.data for batch in source.epoch(0) if batch.data is not None)
    else:
        arriving = training_batches(guard, BATCHES)
    try:
        for data in itertools.islice(arriving, BATCHES):
            guard.heed()
            kept.append(structure.to_device(data, guard.stepper.device))
            rows += _rows(data)
            if rows >= ROWS:
                break
        return _in_pairs(kept)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        kept.clear()
        free_memory(error)
        return []


def _in_pairs(batches: list[Any]) -> list[Any]:
    """Return few batches cut into more pieces: what is compared in pairs wants a number of pairs."""
    if not batches or len(batches) >= PIECES:
        return batches
    most = -(-PIECES // len(batches))
    try:
        cut = []
        for data in batches:
            rows = structure.rows(data)
            pieces = min(most, max(1, rows // LEAST_ROWS))
            cut += [
                structure.take(data, list(range(rows * at // pieces, rows * (at + 1) // pieces)), rows)
                for at in range(pieces)
            ]
        return cut
    except structure.NotSliceable:
        return batches


def _rows(data: Any) -> int:
    try:
        return structure.rows(data)
    except structure.NotSliceable:
        return 1


def _stream(source: Any, epoch: int) -> Iterator[Any]:
    for number in itertools.count(epoch):
        came = False
        for batch in source.epoch(number):
            came = True
            yield batch
        if not came:
            return
