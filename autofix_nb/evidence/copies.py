"""Samples that are there more than once: within a data set, in both data sets, and how many chance alone would give."""

from typing import Any

import numpy as np
from torch.utils.data import IterableDataset, Subset

from autofix_nb.data import GuardedLoader, IterableGuard, Plan
from autofix_nb.evidence.classes import classes_of
from autofix_nb.evidence.digests import digest_of, digest_rows
from autofix_nb.evidence.parts import leaves, split_sample
from autofix_nb.evidence.scan import Scan
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import Task

MOST_ROWS = 5000
"""Rows by which the values of a column are counted."""

NEVER = 1e-3
"""Expected pairs below which chance explains nothing, and the rest of the columns is not looked at."""


def groups(scan: Scan) -> list[np.ndarray]:
    """Return the places of equal samples, ascending, for each input that occurs more than once."""
    if scan.digests is None or len(scan.digests) < 2:
        return []
    numbers = _numbered(scan.digests)
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    equal = sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0]))
    blank = _blank(scan, np.array([part[0] for part in equal], dtype=np.int64))
    return [part for part, is_blank in zip(equal, blank, strict=True) if not is_blank]


def _blank(scan: Scan, places: np.ndarray) -> np.ndarray:
    """Tell of each place whether its sample holds no finite value; such samples are missing rather than copied."""
    blank = np.zeros(len(places), dtype=bool)
    if not scan.non_finite or scan.features is None or scan.rows is None or not len(scan.rows):
        return blank
    rows = np.minimum(np.searchsorted(scan.rows, places), len(scan.rows) - 1)
    known = scan.rows[rows] == places
    blank[known] = ~np.isfinite(scan.features[rows[known]]).any(axis=1)
    return blank


def shared(train: Scan, val: Scan) -> np.ndarray:
    """Return (place in train, place in val) of each validation sample whose input is in train too; shape (S, 2)."""
    nothing = np.zeros((0, 2), dtype=np.int64)
    if train.digests is None or val.digests is None or not len(train.digests) or not len(val.digests):
        return nothing
    numbers = _numbered(np.concatenate([train.digests, val.digests]))
    of_train, of_val = numbers[: len(train.digests)], numbers[len(train.digests) :]
    known, first = np.unique(of_train, return_index=True)
    at = np.minimum(np.searchsorted(known, of_val), len(known) - 1)
    both = np.flatnonzero(known[at] == of_val)
    both = both[~_blank(val, both)]
    return np.stack([first[at[both]], both], axis=1)


def _numbered(digests: np.ndarray) -> np.ndarray:
    """Return a number for each digest, equal where the digests are."""
    halves = np.ascontiguousarray(digests).view(np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    new = np.ones(len(order), dtype=np.int64)
    new[1:] = (halves[order][1:] != halves[order][:-1]).any(axis=1)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(new)
    return numbers


def commonplace(scan: Scan, equal: list[np.ndarray], pairs: float, share: float) -> bool:
    """Tell whether equal samples are nothing special in this data: chance explains that share of the `pairs` found.

    Where there are no columns to compute it from, such as in texts: when most samples repeat another one, some often
    and some seldom. A data set that was copied as a whole repeats all of them equally often.
    """
    if scan.kind == "image":
        return False
    if scan.features is not None and scan.kind == "table":
        return chance_pairs(scan) >= share * pairs
    sizes = {len(group) for group in equal}
    return 2 * sum(map(len, equal)) > len(scan.indices) and len(sizes) > 1


def made_anew(source: GuardedLoader | IterableGuard, scan: Scan, equal: list[np.ndarray]) -> bool:
    """Tell whether the samples are drawn from random numbers each time, so that equal ones say nothing.

    With the same random numbers all of them are the same. `equal` are the `groups` of the scan.
    """
    try:
        if isinstance(source, IterableGuard):
            return _stream_is_new(source, scan)
        if 2 * sum(map(len, equal)) <= len(scan.indices) or max(map(len, equal), default=0) < 3:
            return False
        key = int(scan.indices[equal[0][0]])
        first, second = (split_sample(source.look_at(Plan(0, position, [key])).data)[0] for position in (0, 1))
        return digest_of(first) != digest_of(second)
    except Exception:  # noqa: BLE001 - data that cannot be loaded again is taken as it was seen
        return False


def _stream_is_new(source: IterableGuard, scan: Scan) -> bool:
    epoch = source.epoch(1)
    try:
        parts = leaves(split_sample(next(epoch).data)[0])
        again = digest_rows([np.asarray(part) for _, part in parts])
    finally:
        epoch.close()
    known = set() if scan.digests is None else {digest.tobytes() for digest in scan.digests}
    return not any(digest.tobytes() in known for digest in again)


def chance_pairs(scan: Scan) -> float:
    """Return how many pairs of equal rows a table would have if its columns were drawn independently.

    The chance that two rows agree is then the product, over the columns, of the sum of the values' squared shares.
    Infinite where the values can be combined in no more ways than there are rows.
    """
    rows = scan.features[np.linspace(0, len(scan.features) - 1, min(len(scan.features), MOST_ROWS)).astype(np.int64)]
    samples = len(scan.indices)
    chance = combinations = 0.0
    for column in rows.T:
        counts = np.unique(column, return_counts=True)[1]
        chance += np.log(np.sum(np.square(counts / len(rows))))
        combinations += np.log(len(counts))
        if chance + 2 * np.log(samples) < np.log(NEVER):
            return 0.0
    if combinations <= np.log(samples):
        return np.inf
    return samples * (samples - 1) / 2 * float(np.exp(chance))


def same_places(train: Any, val: Any, of_train: Scan, of_val: Scan) -> np.ndarray:
    """Return (place in train, place in val) of samples that both loaders take from one place of one data set."""
    left, right = _origin(train, of_train.indices), _origin(val, of_val.indices)
    if left is None or right is None or left[0] is not right[0]:
        return np.zeros((0, 2), dtype=np.int64)
    _, first, second = np.intersect1d(left[1], right[1], return_indices=True)
    order = np.argsort(second, kind="stable")
    return np.stack([first[order], second[order]], axis=1)


def _origin(source: Any, indices: np.ndarray) -> tuple[Any, np.ndarray] | None:
    """Return the data set that the samples come from, past `Subset`, and their indices in it; None where not told."""
    dataset = getattr(source, "dataset", None)
    if dataset is None or isinstance(dataset, IterableDataset):
        return None
    while isinstance(dataset, Subset):
        inner = np.asarray(dataset.indices)
        if inner.dtype.kind not in "iu" or (len(indices) and indices.max() >= len(inner)):
            return None
        indices, dataset = inner[indices], dataset.dataset
    return dataset, indices


def torn_labels(
    scan: Scan, equal: list[np.ndarray], task: Task | None = None
) -> tuple[list[np.ndarray], dict[int, int]]:
    """Return the groups of equal samples whose labels differ, and the class of each place that has one."""
    try:
        classes = classes_of(scan, task)
    except NotApplicable:
        return [], {}
    if classes.kind != "classes":
        return [], {}
    label = dict(zip(classes.places.tolist(), classes.labels.tolist(), strict=True))
    torn = [group for group in equal if len({label[place] for place in group.tolist() if place in label}) > 1]
    return torn, label
