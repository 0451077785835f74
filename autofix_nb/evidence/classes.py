"""What the targets of a data set are: classes, several labels each, or numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autofix_nb.errors import AutofixError
from autofix_nb.evidence.scan import Scan
from autofix_nb.finding import NotApplicable

if TYPE_CHECKING:
    from autofix_nb.evidence.subject import Subject
    from autofix_nb.objective import Task

MOST_CLASSES = 20
"""With more distinct whole numbers than this, and few samples of each, they are taken for quantities."""

FEWEST_OF_A_CLASS = 5
"""Classes with fewer rows are left out where a target is to be told from the features."""

UNEVEN = 0.3
"""Share of an equal share (1/K) below which a class is rare."""

EVEN = 1.1
"""Times an equal share (1/K) above which a class is frequent."""

IGNORED = -100
"""The class number that torch's losses leave out (`ignore_index`)."""


MOST_IGNORED = 0.05
"""Share of the labels up to which those below 0 are taken for marks of what is not to be learnt."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Targets of the samples seen, as classes."""

    kind: Literal["classes", "multi-label"]
    labels: np.ndarray
    """Class number of each sample counted, shape (n,); yes or no for each label, shape (n, K), if multi-label."""

    places: np.ndarray
    """Places of these samples in the scan's `indices`; shape (n,)."""

    counts: np.ndarray
    """Samples of each class, or samples with each label; shape (K,)."""

    @property
    def present(self) -> np.ndarray:
        """Class numbers that have samples."""
        return np.flatnonzero(self.counts)


def task_or_none(subject: "Subject") -> "Task | None":
    """Return what is being learnt; None where that cannot be told."""
    try:
        return subject.task
    except (NotApplicable, AutofixError):
        return None


def classes_of(scan: Scan, task: "Task | None" = None) -> Classes:
    """Return the targets as classes; `task` decides where the numbers alone do not tell.

    Raises:
        NotApplicable: when there are no targets, or they are no classes, with the reason.
    """
    labels = scan.labels
    if labels is None or not len(labels):
        raise NotApplicable("the data set has no targets that can be read")
    if task is not None and task.kind == "regression":
        raise NotApplicable("the targets are numbers to be predicted, not classes")
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iufb":
        raise NotApplicable(f"the targets are of type `{labels.dtype}`, not class numbers")
    if labels.ndim > 1 and labels[0].size == 1:
        labels = labels.reshape(len(labels))
    if labels.ndim == 1:
        return _of_numbers(labels, task)
    if labels.ndim == 2 and _yes_or_no(labels):
        if np.all(labels.sum(1) == 1) and (task is None or task.kind != "multi-label"):
            return _counted(labels.argmax(1), np.arange(len(labels)), labels.shape[1])
        yes = labels.astype(bool)
        return Classes(kind="multi-label", labels=yes, places=np.arange(len(yes)), counts=yes.sum(0))
    raise NotApplicable(f"the targets have {labels[0].size:,} numbers a sample, and are no classes")


def are_turned_round(counts: np.ndarray, weights: np.ndarray) -> bool:
    """Tell whether class weights make the classes less even than they are, and one of them hardly count.

    `counts` and `weights` have shape (K,); classes without samples are left out.
    """
    there = counts > 0
    if there.sum() < 2 or not np.isfinite(weights).all() or (weights[there] < 0).any():
        return False
    plain, weighed = counts[there] / counts[there].sum(), counts[there] * weights[there]
    least = int(weighed.argmin())
    share = float(weighed[least]) / max(float(weighed.sum()), 1e-300)
    # A frequent class that counts too little was meant to, only by less: another threshold makes up for it.
    frequent = plain[least] > EVEN / there.sum()
    return bool(share < UNEVEN / there.sum() and share < plain.min() and not frequent)


def class_of_rows(scan: Scan, task: "Task | None" = None) -> np.ndarray:
    """Return the class of each row of the scan's features, -1 where it has none that counts; shape (M,).

    Raises:
        NotApplicable: when the targets are no classes, or several labels each.
    """
    classes = classes_of(scan, task)
    if classes.kind != "classes":
        raise NotApplicable("the targets are several labels each")
    of_all = np.full(len(scan.indices), -1)
    of_all[classes.places] = classes.labels
    return of_all[scan.rows]


def with_targets(
    scan: Scan, task: "Task | None", rows: np.ndarray, *, fewest: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return values, targets, and whether these are classes, of the rows that have one.

    Raises:
        NotApplicable: when there is no single target, or too few rows.
    """
    labels = scan.labels
    try:
        given = class_of_rows(scan, task)[rows]
    except NotApplicable:
        if labels is None or labels.dtype.kind not in "iuf" or labels.reshape(len(labels), -1).shape[1] != 1:
            raise
        numbers = labels.reshape(len(labels))[scan.rows[rows]].astype(np.float64)
        usable = np.isfinite(numbers)
        if usable.sum() < fewest:
            raise NotApplicable(f"{usable.sum()} rows have a target") from None
        return scan.features[rows[usable]], numbers[usable], False
    counts = np.bincount(given[given >= 0], minlength=1)
    usable = (given >= 0) & (counts[given] >= FEWEST_OF_A_CLASS)
    if usable.sum() < fewest or len(np.unique(given[usable])) < 2:
        raise NotApplicable(
            f"{usable.sum()} rows in classes of at least {FEWEST_OF_A_CLASS}, wanted {fewest} in 2 or more"
        )
    return scan.features[rows[usable]], given[usable], True


def ranges(numbers: Any, most: int = 12) -> str:
    """Return whole numbers in words, neighbours joined: `3, 1000–1009 and 40 more`."""
    ordered = sorted({int(number) for number in numbers})
    parts: list[list[int]] = []
    for number in ordered:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    told = [f"{low}" if low == high else f"{low}{'–' if high > low + 1 else ', '}{high}" for low, high in parts[:most]]
    left = sum(high - low + 1 for low, high in parts[most:])
    return ", ".join(told) + (f" and {left:,} more" if left else "")


def _of_numbers(labels: np.ndarray, task: "Task | None") -> Classes:
    known = task is not None and task.kind in ("classification", "binary")
    finite = np.isfinite(labels)
    if labels.dtype.kind == "f" and not _yes_or_no(labels[finite]) and not known:
        raise NotApplicable("the targets are numbers to be predicted, not classes")
    ignored = getattr(getattr(task, "loss", None), "ignore_index", IGNORED)
    counted = finite & (labels != IGNORED) & (labels != ignored)
    below = counted & (labels < 0)
    signed = below.sum() > MOST_IGNORED * counted.sum() and labels[below].min() >= -MOST_CLASSES
    places = np.flatnonzero(counted if signed else counted & ~below)
    if not len(places):
        raise NotApplicable("no sample has a class")
    numbers = labels[places].astype(np.int64)
    if signed:  # such as -1 and 1: classes all the same, counted from 0 on
        numbers = np.unique(numbers, return_inverse=True)[1]
    distinct = len(np.unique(numbers))
    if not known and distinct > MOST_CLASSES and 4 * distinct > len(numbers):
        raise NotApplicable(f"the targets hold {distinct:,} different numbers in {len(numbers):,} samples: no classes")
    if numbers.max() > max(10_000, 10 * len(numbers)):
        raise NotApplicable(f"the targets hold numbers up to {numbers.max():,}, which are no class numbers")
    return _counted(numbers, places, 0)


def _counted(numbers: np.ndarray, places: np.ndarray, least: int) -> Classes:
    return Classes(kind="classes", labels=numbers, places=places, counts=np.bincount(numbers, minlength=least))


def _yes_or_no(labels: np.ndarray) -> bool:
    return bool(len(labels)) and bool(np.all((labels == 0) | (labels == 1)))
