"""A data set without its random transforms: what lies on the disk or in memory, so that a copy looks like a copy."""

import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.evidence.clone import SEED, Clone
from autofix_nb.evidence.digests import digest_of
from autofix_nb.evidence.parts import split_sample
from autofix_nb.evidence.paths import Paths

FILES = "the bytes of the files"
UNTRANSFORMED = "the untransformed samples"
SAME_NUMBERS = "the samples, each loaded with the same random numbers"

TRIES = 3
"""Samples by which it is told whether a data set still works without its transforms."""


class Raw:
    """The samples of a data set as they are before transforms, each loaded with the same random numbers."""

    def __init__(self, dataset: Any) -> None:
        self._given = dataset
        self._leaves: dict[int, _Leaf] = {}
        self._randomness: LoadingRandomness | None = None

    def __len__(self) -> int:
        return len(self._given)

    def sample(self, index: Any) -> Any:
        """Return what the data set would give for `index` without its transforms; a target's transform is kept.

        Raises whatever the data set raises.
        """
        leaf, inner = self._find(index)
        if self._randomness is not None:
            self._randomness.reseed()
            return leaf.load(inner)
        with LoadingRandomness(SEED):
            return leaf.load(inner)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Context for many samples: the random streams are put aside once, and put back at its end."""
        with LoadingRandomness(SEED) as self._randomness:
            try:
                yield
            finally:
                self._randomness = None

    def drawn_anew(self, indices: Any) -> bool:
        """Tell whether one of some samples is another one with other random numbers: augmented by its own data set."""
        for number, index in enumerate(indices):
            leaf, inner = self._find(index)
            digests = set()
            for seed in (SEED, SEED + 1 + number):
                with LoadingRandomness(seed):
                    try:
                        digests.add(digest_of(split_sample(leaf.load(inner))[0]))
                    except Exception:  # noqa: BLE001, S112 - such a sample is a fault, named elsewhere
                        continue
            if len(digests) > 1:
                return True
        return False

    def path(self, index: Any) -> Path | None:
        """Return the file that a sample comes from, or None where the data set does not tell."""
        leaf, inner = self._find(index)
        return leaf.paths.of(inner)

    def label(self, index: Any) -> Any:
        """Return the target where a list of them tells it without loading the sample, else None."""
        leaf, inner = self._find(index)
        return leaf.label(inner)

    def reads_its_file(self, index: Any) -> bool:
        """Tell whether nothing but a readable file and a known label is needed for a sample to be had."""
        return self._find(index)[0].only_reads_files

    @property
    def how(self) -> str:
        """What a sample is here: the bytes of its file, untransformed, or loaded with the same random numbers."""
        said = {leaf.how for leaf in self._all()}
        for answer in (SAME_NUMBERS, UNTRANSFORMED):
            if answer in said:
                return answer
        return FILES if said else UNTRANSFORMED

    @property
    def stripped(self) -> bool:
        """Whether transforms were taken out, or could have been there."""
        return any(leaf.stripped for leaf in self._all())

    def _all(self) -> list["_Leaf"]:
        return [self._leaf(dataset) for dataset in _innermost(self._given)]

    def _leaf(self, dataset: Any) -> "_Leaf":
        if id(dataset) not in self._leaves:
            self._leaves[id(dataset)] = _Leaf(dataset)
        return self._leaves[id(dataset)]

    def _find(self, index: Any) -> tuple["_Leaf", Any]:
        dataset, index = locate(self._given, index)
        return self._leaf(dataset), index


def locate(dataset: Any, index: Any) -> tuple[Any, Any]:
    """Return the innermost data set that a sample comes from, and its index there."""
    while True:
        if _gives(dataset, Subset):
            dataset, index = dataset.dataset, dataset.indices[index]
        elif _gives(dataset, ConcatDataset):
            place = bisect.bisect_right(dataset.cumulative_sizes, index)
            index -= dataset.cumulative_sizes[place - 1] if place else 0
            dataset = dataset.datasets[place]
        else:
            return dataset, index


def _gives(dataset: Any, kind: type) -> bool:
    """Tell whether a data set gives its samples as `kind` does: a subclass may do more on the way."""
    return isinstance(dataset, kind) and type(dataset).__getitem__ is kind.__getitem__


def _innermost(dataset: Any) -> list[Any]:
    if _gives(dataset, Subset):
        return _innermost(dataset.dataset)
    if _gives(dataset, ConcatDataset):
        return [inner for part in dataset.datasets for inner in _innermost(part)]
    return [dataset]


class _Leaf:
    """One innermost data set: its copy without transforms, its files and its labels."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.paths = Paths(dataset)
        plain, self._bare = Clone(dataset, bare=False), Clone(dataset, bare=True)
        found = self._bare.found
        if not (found and self._gives_as_much_as(plain)):
            self._bare, found = plain, False
            if not self._gives_as_much_as(dataset):
                self._bare = Clone(dataset, copied=False)
        self.stripped = found
        if self.paths:
            self.how = FILES
        else:
            self.how = UNTRANSFORMED if found or isinstance(dataset, TensorDataset) else SAME_NUMBERS
        self.only_reads_files = bool(self.paths) and found and _is_plain_folder(dataset)

    def load(self, index: Any) -> Any:
        return self._bare[index]

    def label(self, index: Any) -> Any:
        dataset = self._dataset
        if isinstance(dataset, TensorDataset):
            return dataset.tensors[-1][index] if len(dataset.tensors) > 1 else None
        for name in ("targets", "labels", "samples", "imgs"):
            known = getattr(dataset, name, None)
            known = known.to_numpy() if hasattr(known, "to_numpy") else known
            try:
                if isinstance(known, list | tuple | np.ndarray | torch.Tensor) and len(known) == len(dataset):
                    label = known[int(index)][1] if name in ("samples", "imgs") else known[int(index)]
                    change = getattr(dataset, "target_transform", None)
                    return change(label) if callable(change) else label
            except Exception:  # noqa: BLE001, S112 - then the sample itself will tell
                continue
        return None

    def _gives_as_much_as(self, other: Any) -> bool:
        """Tell whether the copy gives samples wherever `other` does, tried on a few."""
        try:
            count = len(self._dataset)
        except Exception:  # noqa: BLE001 - no length: the first sample decides
            count = 1
        for index in sorted({place * (count - 1) // max(1, TRIES - 1) for place in range(TRIES)} if count else ()):
            with LoadingRandomness(SEED):
                try:
                    self.load(index)
                except Exception:  # noqa: BLE001 - is it the missing transform, or the sample itself?
                    try:
                        other[index]
                    except Exception:  # noqa: BLE001, S112 - the sample itself
                        continue
                    return False
        return True


def _is_plain_folder(dataset: Any) -> bool:
    """Tell whether torchvision's own image folder reads the files, with its own loader."""
    kind = type(dataset)
    loader = getattr(dataset, "loader", None)
    return (
        getattr(kind.__getitem__, "__module__", "") == "torchvision.datasets.folder"
        and getattr(loader, "__module__", "") == "torchvision.datasets.folder"
    )
