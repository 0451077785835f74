"""Ordered and not shuffled: batches that hold one class only pull the model to and fro.

Measured on the targets of an epoch's batches as the sampler gives them: of the pairs of samples within a batch, how
many share their class, between what shuffling gives (0) and batches of one class (1); for numbers, how alike neighbours
are (autocorrelation at lag 1). Compared with the same targets shuffled, so that chance is no finding. Why it matters:
Bottou (2012), Stochastic Gradient Descent Tricks, section 4.2: shuffle the examples.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, SubsetRandomSampler
from torch.utils.data import WeightedRandomSampler as Weighted

from autofix_nb.checks.base import Answer, Check
from autofix_nb.data import GuardedLoader
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import Classes, classes_of, task_or_none
from autofix_nb.finding import NotApplicable, Severity

SHUFFLES = 40
"""Times that the targets are shuffled to see what chance gives."""

SPREADS = 5
"""Standard deviations above the mean of the shuffles that chance is granted."""

MOST = 50_000
"""Samples of which the order is judged."""

USUAL_BATCH = 32
"""Samples of a batch where the loader does not tell."""


@dataclass(frozen=True, kw_only=True)
class SampleOrder(Check):
    """Does each batch hold a mixture?"""

    code: ClassVar = "D09"
    title: ClassVar = "Ordered and not shuffled"
    needs: ClassVar = frozenset({"train"})
    fixes: ClassVar = ("shuffle",)

    sorted_share: float = 0.3
    """How far batches may be on the way from a mixture (0) to one class only (1)."""

    sorted_numbers: float = 0.99
    """Rank correlation of a numeric target with its place, above which the data is sorted by it."""

    neighbours: float = 0.5
    """Autocorrelation of a numeric target above which the samples are a series in time, or in blocks."""

    fewest: int = 20
    """Samples needed to speak of an order."""

    def look(self, subject: Subject) -> Answer:
        source = subject.source
        loader = subject.train if isinstance(source, GuardedLoader) else None
        sampler = _sampler(loader)
        if isinstance(sampler, RandomSampler | SubsetRandomSampler | Weighted):
            return self.fine(f"each epoch is drawn in a new order (`{type(sampler).__name__}`)")
        scan = subject.scan("train")
        if len(scan.indices) < self.fewest:
            raise NotApplicable(f"{len(scan.indices)} samples were seen, of {self.fewest} needed to speak of an order")
        places = _in_order(source, scan)
        if loader is not None and _batch_size(loader) >= len(scan.indices):
            return self.fine(f"one batch holds all {len(scan.indices):,} samples, so their order does not matter")
        how = "the loader does not shuffle" if isinstance(sampler, SequentialSampler) else "the order is the data's own"
        how = how if sampler is None or isinstance(sampler, SequentialSampler) else f"`{type(sampler).__name__}` orders"
        to_type, fixes = self._way_out(loader, sampler)
        try:
            classes = classes_of(scan, task_or_none(subject))
        except NotApplicable:
            return self._numbers(scan, places, sampler, how, to_type, fixes)
        if classes.kind != "classes" or len(classes.present) < 2:
            return self._unordered(sampler, scan, f"{how}, and there are no two classes to be mixed", to_type, fixes)
        labels = _labels_in(classes, places, len(scan.indices))
        size = USUAL_BATCH if loader is None else _batch_size(loader)
        purity, chance, alone = _purity(labels, size)
        says = (
            f"{how}, and {alone:.0%} of the batches of {size} samples hold one class only (between a mixture, 0%, and "
            f"one class a batch, 100%, they are at {max(0.0, purity):.0%}"
        )
        if purity > self.sorted_share and purity > chance:
            finding = self.found(
                f"{says}, limit {self.sorted_share:.0%}): the samples are ordered by class",
                severity=Severity.WARNING,
                measured=purity,
                limit=self.sorted_share,
                where=[f"class {number}" for number in dict.fromkeys(labels[: 20 * size].tolist())][:10],
                evidence=[f"first labels: {', '.join(map(str, labels[:40].tolist()))}", f"looked at {scan.share}"],
                to_type=to_type,
                fixes=fixes,
            )
            return self.bad(finding)
        mixed = f"{how}; its batches of {size} samples are mixed already ({alone:.0%} hold one class only)"
        return self._unordered(sampler, scan, mixed, to_type, fixes)

    def _numbers(
        self, scan: Scan, places: np.ndarray, sampler: object, how: str, to_type: str, fixes: tuple[str, ...]
    ) -> Answer:
        labels = scan.labels
        if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iuf":
            return self._unordered(
                sampler, scan, f"{how}; the targets do not tell whether that is an order", to_type, ()
            )
        values = labels[places].astype(np.float64)
        values = values[np.isfinite(values)]
        if len(values) < self.fewest or values.std() == 0:
            return self._unordered(
                sampler, scan, f"{how}; the targets do not tell whether that is an order", to_type, ()
            )
        ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
        rank = abs(float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]))
        series = float(np.corrcoef(values[:-1], values[1:])[0, 1]) if values[:-1].std() and values[1:].std() else 0.0
        if rank > self.sorted_numbers:
            finding = self.found(
                f"{how}, and the samples are sorted by their target (rank correlation with the place {rank:.3f}, limit "
                f"{self.sorted_numbers:g}): each batch holds one size of target only",
                severity=Severity.WARNING,
                measured=rank,
                limit=self.sorted_numbers,
                to_type=to_type,
                fixes=fixes,
            )
            return self.bad(finding)
        if series > self.neighbours:
            finding = self.found(
                f"{how}, and neighbours have similar targets (autocorrelation {series:.2f}, limit "
                f"{self.neighbours:g}), as in a series in time: shuffle the windows, unless the model carries "
                "its state from batch to batch",
                severity=Severity.NOTE,
                measured=series,
                limit=self.neighbours,
                to_type=to_type,
                fixes=(),
            )
            return self.bad(finding)
        says = f"{how}, and neighbours have unlike targets (autocorrelation {series:.2f})"
        return self._unordered(sampler, scan, says, to_type, fixes)

    def _unordered(self, sampler: object, scan: Scan, says: str, to_type: str, fixes: tuple[str, ...]) -> Answer:
        if not isinstance(sampler, SequentialSampler):
            return self.fine(says)
        finding = self.found(
            f"{says}; still, every epoch brings the same batches, and a new order each time usually learns better",
            severity=Severity.NOTE,
            to_type=to_type,
            fixes=fixes if scan.kind != "sequence" else (),
        )
        return self.bad(finding)

    def _way_out(self, loader: DataLoader | None, sampler: object) -> tuple[str, tuple[str, ...]]:
        if loader is None:
            return "random.shuffle(samples)  # before they are made into batches, anew each epoch", ()
        line = f"train = DataLoader(train_set, batch_size={_batch_size(loader)}, shuffle=True)"
        return line, self.fixes if isinstance(sampler, SequentialSampler) else ()


def _sampler(loader: DataLoader | None) -> object:
    """Return what orders the samples: the sampler, or a batch sampler of the user's own; None for other sources."""
    if loader is None:
        return None
    return loader.sampler if type(loader.batch_sampler) in (BatchSampler, type(None)) else loader.batch_sampler


def _batch_size(loader: DataLoader) -> int:
    return int(loader.batch_size or getattr(loader.batch_sampler, "batch_size", 0) or USUAL_BATCH)


def _in_order(source: object, scan: Scan) -> np.ndarray:
    """Return the places of the samples seen, in the order in which they come."""
    if not isinstance(source, GuardedLoader):
        return np.arange(len(scan.indices))[:MOST]
    known = {int(index): place for place, index in enumerate(scan.indices)}
    keys = (key for batch in source.order(0) for key in batch)
    return np.array(
        [known[key] for key in keys if isinstance(key, int | np.integer) and key in known][:MOST], dtype=np.int64
    )


def _labels_in(classes: Classes, places: np.ndarray, samples: int) -> np.ndarray:
    labels = np.full(samples, -1, dtype=np.int64)
    labels[classes.places] = classes.labels
    return labels[places][labels[places] >= 0]


def _purity(labels: np.ndarray, size: int) -> tuple[float, float, float]:
    """Return how pure batches are, the most that chance gave, and the share of batches with one class only."""
    _, numbers = np.unique(labels, return_inverse=True)
    random = np.random.default_rng(0)
    measured = _excess(numbers, size)
    shuffled = [_excess(random.permutation(numbers), size) for _ in range(SHUFFLES)]
    chance = float(np.mean(shuffled) + SPREADS * np.std(shuffled))
    whole = np.split(numbers, range(size, len(numbers), size))
    return measured, chance, float(np.mean([len(np.unique(batch)) == 1 for batch in whole]))


def _excess(numbers: np.ndarray, size: int) -> float:
    """Return how many pairs within a batch share their class, from as many as in a mixture (0) to all of them (1)."""
    classes = int(numbers.max()) + 1
    batch = np.arange(len(numbers)) // size
    counts = np.unique(batch * classes + numbers, return_counts=True)[1]
    sizes = np.bincount(batch)
    pairs = float(np.sum(sizes * (sizes - 1)))
    shares = np.bincount(numbers) / len(numbers)
    usual = float(np.sum(np.square(shares)))
    if not pairs or usual >= 1:
        return 0.0
    return (float(np.sum(counts * (counts - 1))) / pairs - usual) / (1 - usual)
