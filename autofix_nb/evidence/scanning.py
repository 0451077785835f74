"""Makes the one pass over a data set: every sample untransformed, in bounded memory and bounded time."""

import time
from typing import Any, Literal

import numpy as np
from torch import nn
from torch.utils.data import (
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
)
from torch.utils.data import WeightedRandomSampler as Weighted
from torch.utils.data.sampler import BatchSampler

from autofix_nb.data import Batch, Fault, GuardedLoader
from autofix_nb.data.loader import IterableGuard
from autofix_nb.evidence.clock import Clock
from autofix_nb.evidence.digests import to_array
from autofix_nb.evidence.files import Files
from autofix_nb.evidence.frames import Table
from autofix_nb.evidence.gathering import Gathered
from autofix_nb.evidence.parts import leaves, split_sample
from autofix_nb.evidence.raw import TRIES, UNTRANSFORMED, Raw
from autofix_nb.evidence.scan import Scan
from autofix_nb.finding import NotApplicable

SHARE = 0.4
"""Share of the time that is left which one pass may take."""

AT_LEAST = 8
"""Samples that are looked at however little time is left."""

NUMBERS_AT_ONCE = 1 << 21
"""Numbers that are taken out of a data set in memory at once."""

_SEED = 0x5CA7


def scan_data(
    source: GuardedLoader | IterableGuard,
    side: Literal["train", "val"],
    *,
    table: Table | None = None,
    clock: Clock | None = None,
    model: nn.Module | None = None,
) -> Scan:
    """Go over the data once and return what it told. Samples that raise are faults; nothing is let out.

    Raises:
        NotApplicable: when there is no data at all.
    """
    clock = Clock(60.0) if clock is None else clock
    limit = _Limit(clock)
    if isinstance(source, GuardedLoader) and source.loader.batch_sampler is not None:
        keys = reachable(source, side)
        if not keys:
            raise NotApplicable(f"`{side}` holds no samples")
        columns = _columns_of(source.loader.dataset)
        if columns is not None:
            try:
                return _scan_columns(columns, keys, side, table, limit, model)
            except Exception:  # noqa: BLE001, S110 - one by one it will be seen which sample raises
                pass
        return _scan_one_by_one(source, keys, side, table, limit, model)
    return _scan_batches(source, side, table, limit, model)


class _Limit:
    """The end of the time that a pass may take."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.spent + SHARE * clock.left
        self._began = time.perf_counter()

    @property
    def reached(self) -> bool:
        return self._clock.spent >= self._until

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began


def reachable(source: GuardedLoader, side: str = "train") -> list[Any]:
    """Return the index of each sample that the loader's sampler can give, each once.

    Raises:
        NotApplicable: when the sampler cannot tell.
    """
    sampler = source.loader.batch_sampler
    if type(sampler) is BatchSampler:
        sampler = sampler.sampler
    try:
        if type(sampler) in (RandomSampler, SequentialSampler):
            return list(range(len(sampler.data_source)))
        if type(sampler) is Weighted:
            return (sampler.weights > 0).nonzero().flatten().tolist()
        if type(sampler) is SubsetRandomSampler:
            return list(dict.fromkeys(map(_plain, sampler.indices)))
        return list(dict.fromkeys(_plain(key) for batch in source.order(0) for key in batch))
    except Exception as error:
        raise NotApplicable(f"the sampler of `{side}` raises {type(error).__name__}: {error}") from error


def _plain(key: Any) -> Any:
    return key.item() if hasattr(key, "item") else key


# --- data in memory -----------------------------------------------------------------------------------------------


def _columns_of(dataset: Any) -> Any:
    """Return a function that takes rows out of tensors or arrays at once: inputs and targets; None for other data."""
    chosen = None
    while type(dataset) is Subset:
        inner = np.asarray(dataset.indices)
        if inner.dtype.kind not in "iu":
            return None
        chosen, dataset = inner if chosen is None else inner[chosen], dataset.dataset
    if type(dataset) is TensorDataset and all(tensor.dim() for tensor in dataset.tensors):
        tensors = dataset.tensors
        inputs, targets = (tensors[:-1], tensors[-1]) if len(tensors) > 1 else (tensors, None)
    elif _holds_arrays(dataset):
        inputs, targets = [dataset.data], dataset.targets
    else:
        return None
    arrays = [to_array(part) for part in inputs]
    targets = np.asarray(targets) if isinstance(targets, list) else to_array(targets)

    def columns(keys: np.ndarray) -> tuple[list[tuple[str, np.ndarray]], np.ndarray | None]:
        rows = keys if chosen is None else chosen[keys]
        if len(rows) and (rows[-1] - rows[0] == len(rows) - 1) and (np.diff(rows) == 1).all():
            rows = slice(int(rows[0]), int(rows[-1]) + 1)
        taken = [part[rows] for part in arrays]
        names = [""] if len(taken) == 1 else [f"x{place + 1}" for place in range(len(taken))]
        return list(zip(names, taken, strict=True)), None if targets is None else targets[rows]

    columns.numbers = sum(part[0].size for part in arrays) if len(arrays[0]) else 1
    return columns


def _holds_arrays(dataset: Any) -> bool:
    """Tell whether this is one of torchvision's data sets of which each sample is a row of an array of images."""
    kind = type(dataset)
    if not str(getattr(kind.__getitem__, "__module__", "")).startswith("torchvision.datasets."):
        return False
    data, targets = getattr(dataset, "data", None), getattr(dataset, "targets", None)
    if to_array(data) is None or targets is None or getattr(dataset, "target_transform", None) is not None:
        return False
    # As the data set gives them: grey planes, or colours last.
    return len(data) == len(targets) == len(dataset) and (data.ndim == 3 or (data.ndim == 4 and data.shape[-1] == 3))


def _scan_columns(columns: Any, keys: list, side: Any, table: Any, limit: _Limit, model: Any) -> Scan:
    gathered = Gathered(model, table)
    all_keys = np.asarray(keys, dtype=np.int64)
    size = max(1, min(65_536, NUMBERS_AT_ONCE // max(1, columns.numbers)))
    starts = np.arange(0, len(keys), size)
    # What is left out for want of time should be spread over the data, not be its end.
    for done, start in enumerate(np.random.default_rng(_SEED).permutation(starts).tolist()):
        if done and limit.reached:
            break
        block = all_keys[start : start + size]
        parts, targets = columns(block)
        gathered.add_block(block.tolist(), parts, targets)
    return gathered.finish(side, len(keys), UNTRANSFORMED, (), limit.seconds)


# --- samples one by one -------------------------------------------------------------------------------------------


def _scan_one_by_one(source: Any, keys: list, side: Any, table: Any, limit: _Limit, model: Any) -> Scan:
    raw = Raw(source.loader.dataset)
    files = Files(raw, keys)
    # A sampler of the user's own may put samples of one shape together, and a batch of one has nothing to agree with.
    mixed = type(source.loader.batch_sampler) is BatchSampler and source.loader.batch_size != 1
    strict = mixed and source.loader.collate_fn is default_collate and not raw.stripped
    gathered = Gathered(model, table, strict=strict)
    with raw.loading():
        for done, place in enumerate(np.random.default_rng(_SEED).permutation(len(keys)).tolist()):
            if done >= AT_LEAST and limit.reached:
                break
            key = keys[place]
            digest, small, enough = files.read(key)
            try:
                if enough:
                    gathered.add_file(key, raw.label(key), digest, *small)
                else:
                    gathered.add(key, raw.sample(key), digest, small)
            except Exception as error:  # noqa: BLE001 - whatever a data set raises is a fault of that sample
                gathered.fault(key, error)
    scan = gathered.finish(side, len(keys), files.how, files.seen(), limit.seconds)
    scan.drawn_anew = not files.show_the_samples and raw.drawn_anew(keys[:: max(1, len(keys) // TRIES)][:TRIES])
    return scan


# --- batches ------------------------------------------------------------------------------------------------------


def _scan_batches(source: Any, side: Any, table: Any, limit: _Limit, model: Any) -> Scan:
    gathered = Gathered(model, table)
    counted, ended = 0, True
    epoch = source.epoch(0)
    try:
        for batch in _until_it_raises(epoch, gathered):
            gathered.faults += batch.faults
            counted = _add_batch(gathered, batch, counted)
            if limit.reached:
                ended = next(epoch, None) is None
                break
    finally:
        epoch.close()
    if not gathered.keys and not gathered.faults:
        raise NotApplicable(f"`{side}` gives no batches")
    samples = counted + len(gathered.faults) if ended else None
    return gathered.finish(side, samples, UNTRANSFORMED, (), limit.seconds)


def _until_it_raises(epoch: Any, gathered: Gathered) -> Any:
    try:
        yield from epoch
    except Exception as error:  # noqa: BLE001 - the source is given up; what came before it counts
        gathered.fault(f"batch after {len(gathered.keys)} samples", error)


def _add_batch(gathered: Gathered, batch: Batch, counted: int) -> int:
    """Add the rows of a batch, and return how many there are in all."""
    inputs, targets = split_sample(batch.data)
    parts = leaves(inputs)
    lengths = {len(part) for _, part in parts if np.ndim(part) or isinstance(part, list | tuple)}
    count = lengths.pop() if len(lengths) == 1 else 1
    keys = list(range(counted, counted + count))
    try:
        gathered.add_block(keys, parts, targets)
    except Exception as error:  # noqa: BLE001 - a batch of a form of its own
        gathered.faults.append(Fault(f"batch {batch.position}", "raises", f"{type(error).__name__}: {error}"))
    return counted + count
