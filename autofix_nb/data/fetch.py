"""Fetches one planned batch, in this process or in a worker, and sets aside the samples that cannot be had.

The common case is the plain loader's: get the samples, collate them. Only when that raises is the batch
fetched again, one sample at a time. A sample that raises leaves the random streams as it found them, so that
the batch without it is the same as if it had never been asked for.
"""

import errno
import pickle
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils.data import Subset, TensorDataset, default_collate

from autofix_nb.data.pictures import small_png
from autofix_nb.data.seeding import LoadingRandomness, set_streams, streams
from autofix_nb.data.structure import map_tensors

PASSING_ERRORS = frozenset(
    {
        errno.EIO,  # 5: a Drive mount that lists a large folder
        errno.EAGAIN,
        errno.EBUSY,
        errno.EINTR,
        errno.ENOTCONN,  # 107, "Transport endpoint is not connected": the mount is gone, often for seconds
        errno.ETIMEDOUT,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ESTALE,
        errno.EREMOTEIO if hasattr(errno, "EREMOTEIO") else errno.EIO,
    }
)
"""`OSError` numbers that say nothing about the sample and may pass (colabtools issues 3441, 5231, 3133)."""

PAUSES_SECONDS = (0.2, 1.0, 4.0)
"""Waits between attempts after an error that may pass; then the sample is blamed."""

REFERENCE_SAMPLES = 9
"""Samples looked at, spread over the data set, to know which of two shapes is the odd one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which samples make one batch, and where in the run it stands."""

    epoch: int
    position: int
    indices: list[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One sample that could not be had, or was found to harm the training."""

    index: Any
    kind: str
    """`raises`, `odd shape`, `does not collate`, `non-finite`, `kills its worker`, `outlier`."""

    reason: str
    trace: str = ""
    error: Exception | None = field(default=None, compare=False, repr=False)
    """The exception itself where it could be carried over from a worker."""

    picture: bytes = field(default=b"", compare=False, repr=False)
    """A small PNG of the sample, where it could be had and is a picture."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One collated batch (None when no sample was left), the samples in it, and those set aside."""

    data: Any
    indices: list[Any]
    faults: tuple[Fault, ...] = ()
    retries: int = 0
    """Attempts repeated after an `OSError` that passed."""

    def pin_memory(self) -> "Loaded":
        """Return the same in page-locked memory; the loader's own pinning thread calls this too."""
        if callable(getattr(self.data, "pin_memory", None)):  # a tensor, or a batch class that knows how
            return replace(self, data=self.data.pin_memory())
        return replace(self, data=map_tensors(torch.Tensor.pin_memory, self.data))


class Fetcher:
    """Map-style data set whose keys are plans and whose values are collated batches; workers get a copy."""

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[list[Any]], Any],
        seed: int,
        *,
        whole: bool = False,
        pauses: Sequence[float] = PAUSES_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`whole` says that one key brings a whole batch."""
        self.dataset = dataset
        self.collate = collate
        self.seed = seed
        self._pauses = tuple(pauses)
        self._sleep = sleep
        self._whole = whole
        self._usual: tuple | None = None
        self._find_short_ways()

    def __getitem__(self, plan: Plan) -> Loaded:
        if self._columns is not None:
            try:
                return Loaded(self._columns(plan.indices), plan.indices)
            except Exception:  # noqa: BLE001 - the careful way finds who raised it
                return self._carefully(plan)
        with LoadingRandomness(self.seed, plan.epoch, plan.position):
            try:
                if self._at_once:
                    samples = self._at_once(plan.indices)
                else:
                    dataset = self.dataset
                    samples = [dataset[index] for index in plan.indices]
                return Loaded(self.collate(samples), plan.indices)
            except Exception:  # noqa: BLE001, S110 - whatever it is, the careful way finds who raised it
                pass
        return self._carefully(plan)

    def __getstate__(self) -> dict[str, Any]:
        # A bound method of the data set would be pickled as a second copy of it.
        return self.__dict__ | {"_at_once": None, "_columns": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._find_short_ways()

    def _find_short_ways(self) -> None:
        self._at_once = None if self._whole else getattr(self.dataset, "__getitems__", None)
        self._columns = columns_of(self.dataset, self.collate)

    def _carefully(self, plan: Plan) -> Loaded:
        """Fetch sample by sample; when the rest does not collate, drop the odd ones and begin again."""
        faults: list[Fault] = []
        retries = 0
        indices = list(plan.indices)
        while indices:
            with LoadingRandomness(self.seed, plan.epoch, plan.position) as randomness:
                samples, indices, raised, tries = self._one_by_one(indices)
                faults += raised
                retries += tries
                if not indices:
                    break
                if self._at_once:
                    # It may draw its numbers in another order than sample by sample.
                    randomness.reseed()
                    samples = self._if_at_once(indices) or samples
                try:
                    return Loaded(self.collate(samples), indices, tuple(faults), retries)
                except Exception as caught:  # noqa: BLE001 - told apart below
                    odd = self._odd_ones(indices, samples, caught)
            faults += odd.values()
            indices = [index for row, index in enumerate(indices) if row not in odd]
        return Loaded(None, [], tuple(faults), retries)

    def _one_by_one(self, indices: list[Any]) -> tuple[list[Any], list[Any], list[Fault], int]:
        """Return the samples that could be had, their indices, the faults of the others, and the repeated attempts."""
        samples, had, faults, retries = [], [], [], 0
        pauses = self._pauses
        for index in indices:
            before = streams()
            error: Exception | None = None
            for attempt in range(len(pauses) + 1):
                try:
                    samples.append(self._at_once([index])[0] if self._at_once else self.dataset[index])
                    had.append(index)
                    error = None
                    break
                except Exception as caught:  # noqa: BLE001 - the user's data set may raise anything
                    error = caught
                set_streams(before)
                if not may_pass(error) or attempt == len(pauses):
                    break
                retries += 1
                self._sleep(pauses[attempt])
            if error is not None:
                faults.append(_fault(index, "raises", error))
                # The medium had its time. The rest of this batch need not wait as long for each sample.
                pauses = () if may_pass(error) else pauses
        return samples, had, faults, retries

    def _if_at_once(self, indices: list[Any]) -> list[Any] | None:
        try:
            samples = self._at_once(indices)
        except Exception:  # noqa: BLE001 - each of them alone could be had
            return None
        return samples if len(samples) == len(indices) else None

    def _odd_ones(self, indices: list[Any], samples: list[Any], error: Exception) -> dict[int, Fault]:
        """Return the rows that keep the batch from being collated; all of them when none can be told apart.

        The collate function is asked, not the shapes: one that pads takes many shapes, one that minds values not all
        of one shape.
        """
        signatures = [signature_of(sample) for sample in samples]
        usual = self._usual_signature()
        if usual not in signatures:
            usual = Counter(signatures).most_common(1)[0][0]
        fitting = samples[signatures.index(usual)]
        errors: dict[int, Exception] = {}
        for company in ([], [fitting]):
            asked = {row: self._collate_error([*company, sample]) for row, sample in enumerate(samples)}
            errors = {row: said for row, said in asked.items() if said is not None}
            if 0 < len(errors) < len(samples):
                break
        else:
            odd = [row for row, signature in enumerate(signatures) if signature != usual]
            errors = dict.fromkeys(odd or range(len(samples)), error)
        faults = {}
        for row, said in errors.items():
            if signatures[row] == usual:
                faults[row] = _fault(indices[row], "does not collate", said, sample=samples[row])
            else:
                reason = f"is {_describe(signatures[row])}, usual is {_describe(usual)}"
                faults[row] = _fault(indices[row], "odd shape", said, reason, sample=samples[row])
        return faults

    def _collate_error(self, samples: list[Any]) -> Exception | None:
        try:
            self.collate(samples)
        except Exception as error:  # noqa: BLE001 - the answer is no
            return error
        return None

    def _usual_signature(self) -> tuple | None:
        """Return the shape most samples have, from a few spread over the data set."""
        if self._usual is None and hasattr(self.dataset, "__len__"):
            length = len(self.dataset)
            places = sorted({place * length // REFERENCE_SAMPLES for place in range(REFERENCE_SAMPLES)})
            samples, *_ = self._one_by_one([place for place in places if place < length])
            common = Counter(signature_of(sample) for sample in samples).most_common(1)
            self._usual = common[0][0] if common else None
        return self._usual


def columns_of(dataset: Any, collate: Any) -> Callable[[list[int]], list[torch.Tensor]] | None:
    """Return a function that takes whole batches out of a data set of tensors, or None for any other data set.

    Stacking rows one by one gives the same bits and costs about 150 µs more for a batch of 32. No random number
    is drawn on the way, so no random stream has to be kept safe either. A `conversion` behind torch's own function
    that draws none either keeps this way open.
    """
    if getattr(collate, "draws_no_random_numbers", False):
        inner, conversion = columns_of(dataset, collate.collate), collate.conversion
        return None if inner is None else lambda indices: conversion(inner(indices))
    if collate is not default_collate:
        return None
    chosen = None
    if type(dataset) is Subset:
        chosen, dataset = dataset.indices, dataset.dataset
    if type(dataset) is not TensorDataset or any(tensor.dim() == 0 for tensor in dataset.tensors):
        return None
    tensors = dataset.tensors

    def columns(indices: list[int]) -> list[torch.Tensor]:
        rows = torch.tensor(indices if chosen is None else [chosen[index] for index in indices])
        return [tensor[rows.to(tensor.device)] for tensor in tensors]

    return columns


def may_pass(error: BaseException) -> bool:
    """Tell whether an error is one of the medium that may be gone in a second, not one of the sample."""
    if isinstance(error, OSError):
        return isinstance(error, TimeoutError) or error.errno in PASSING_ERRORS
    return is_worker_death(error)


def is_worker_death(error: BaseException) -> bool:
    """Tell whether `error` says that a worker is gone. torch raises it wherever the main thread happens to be."""
    return isinstance(error, RuntimeError) and "DataLoader worker (pid" in str(error)


def signature_of(sample: Any) -> tuple:
    """Return what must agree for samples to be stacked: types, shapes and element types, nested."""
    if isinstance(sample, dict):
        return ("dict", *((str(name), signature_of(part)) for name, part in sample.items()))
    if isinstance(sample, list | tuple):
        return (type(sample).__name__, *(signature_of(part) for part in sample))
    if hasattr(sample, "shape") and hasattr(sample, "dtype"):
        return (type(sample).__name__, tuple(sample.shape), str(sample.dtype).removeprefix("torch."))
    return (type(sample).__name__,)


def _describe(signature: tuple) -> str:
    """Say a signature in few words: `(1, 8, 8) float32, int`."""
    name, *parts = signature
    if len(parts) == 2 and isinstance(parts[0], tuple) and isinstance(parts[1], str):
        return f"{parts[0]} {parts[1]}"
    if name == "dict":
        return ", ".join(f"{key}: {_describe(part)}" for key, part in parts)
    return ", ".join(_describe(part) for part in parts) if parts else name


def describe_error(error: BaseException) -> tuple[str, str]:
    """Return an error in one line of at most 500 characters, and its whole traceback."""
    try:
        said = str(error).strip()
    except Exception:  # noqa: BLE001 - an exception whose own text raises must not get past the guard
        said = "(its text cannot be made)"
    line = f"{type(error).__name__}: {said}".splitlines()[0]
    return line[:500], "".join(traceback.format_exception(error))


def _fault(index: Any, kind: str, error: Exception | None, reason: str | None = None, *, sample: Any = None) -> Fault:
    said, trace = describe_error(error) if error is not None else ("", "")
    return Fault(index, kind, reason or said, trace, _portable(error), small_png(sample))


def _portable(error: Exception | None) -> Exception | None:
    """Return the exception without the frames it holds, or None where it would not survive the way from a worker."""
    if error is None:
        return None
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes, made on this line
    except Exception:  # noqa: BLE001 - exceptions with unusual constructors cannot be pickled
        return None
    return copy if type(copy) is type(error) else None
