"""Class imbalance: some classes are so rare that a model does well without ever naming them.

Measured on the targets of all training samples, as the sampler draws them. The limit for the rarest class is
cleanlab's: a tenth of an equal share (Datalab's `class_imbalance` issue, cleanlab 2.9). The weights offered are
n / (K n_k), scikit-learn's `class_weight="balanced"` (King and Zeng, 2001, Logistic Regression in Rare Events Data).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch.utils.data import RandomSampler, SequentialSampler

from autofix_nb.checks.base import Answer, Check
from autofix_nb.data import GuardedLoader
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import (
    Classes,
    are_turned_round,
    classes_of,
    ranges,
    task_or_none,
)
from autofix_nb.evidence.dense_labels import dense_counts
from autofix_nb.finding import Finding, Severity
from autofix_nb.objective.treatment import form_of

MOST_WEIGHTS = 12
"""With more classes than this the code to type computes the weights instead of listing them."""


@dataclass(frozen=True, kw_only=True)
class ClassImbalance(Check):
    """Are there enough samples of each class?"""

    code: ClassVar = "D01"
    title: ClassVar = "Class imbalance"
    needs: ClassVar = frozenset({"train"})
    fixes: ClassVar = ("class_weights",)

    rare: float = 0.1
    """Share of an equal share (1/K) below which the rarest class is far too rare."""

    uneven: float = 0.3
    """Share of an equal share (1/K) below which the rarest class is worth a note."""

    majority: float = 0.95
    """Share of all samples above which one class drowns the others."""

    fewest: int = 3
    """Samples that a class should have at least, whatever its share."""

    def look(self, subject: Subject) -> Answer:
        dense = dense_counts(subject)
        if dense is not None:
            return self._places(subject, *dense)
        scan = subject.scan("train")
        task = task_or_none(subject)
        classes = classes_of(scan, task)
        if classes.kind == "multi-label":
            return self._several_labels(classes, scan, subject)
        drawn, how = _as_drawn(subject, scan, classes)
        present = drawn.present
        table = [f"class {number}: {drawn.counts[number]:,} samples" for number in present[:50]]
        if len(present) == 1:
            return self.bad(self._one_class(subject, scan, int(present[0])), evidence=table)
        counts, total = drawn.counts[present], drawn.counts.sum()
        rarest, largest = present[counts.argmin()], present[counts.argmax()]
        share, top = counts.min() / total, counts.max() / total
        limit = self.rare / len(present)
        where = [f"class {number}" for number in present[np.argsort(counts, kind="stable")][:10]]
        says = (
            f"class {rarest} has {counts.min():,} of {total:,} samples ({share:.2%}), an equal share would be "
            f"{1 / len(present):.1%}{how}"
        )
        weighted = _weighted(subject.original_loss)
        given = _weights_of(subject.original_loss, drawn.counts)
        if given is not None and are_turned_round(drawn.counts, given):
            return self.bad(self._turned_round(drawn, given, weighted, task), evidence=table)
        if weighted:
            return self.fine(f"{says}; the loss weighs the classes (`{weighted}`)", evidence=table)
        few = [int(number) for number in classes.present if classes.counts[number] < self.fewest]
        findings = []
        if share < limit or top > self.majority:
            text = f"{says}, limit {limit:.2%}" if share < limit else f"{says}, and class {largest} has {top:.1%}"
            findings.append(
                self.found(
                    f"{text}: always answering class {largest} would be right {top:.1%} of the time",
                    severity=Severity.WARNING,
                    measured=float(share),
                    limit=limit,
                    where=where,
                    to_type=_weights_to_type(drawn, task),
                )
            )
        elif share < self.uneven / len(present):
            findings.append(
                self.found(
                    f"{says}: always answering class {largest} would already be right {top:.1%} of the time",
                    severity=Severity.NOTE,
                    measured=float(share),
                    limit=self.uneven / len(present),
                    where=where,
                    fixes=(),
                )
            )
        if few:
            findings.append(self._few(few, classes))
        if findings:
            return self.bad(*findings, evidence=[*table, f"looked at {scan.share}"])
        return self.fine(f"{len(present)} classes, {says}", evidence=[*table, f"looked at {scan.share}"])

    def _places(self, subject: Subject, counts: np.ndarray, samples: int) -> Answer:
        """Answer for masks and the like, of which each sample has many labels."""
        present = np.flatnonzero(counts)
        share, top = counts[present].min() / counts.sum(), counts.max() / counts.sum()
        rarest, limit = int(present[counts[present].argmin()]), self.rare / max(2, len(present))
        table = [f"class {number}: {counts[number]:,} places" for number in present[:50]]
        says = f"class {rarest} has {share:.2%} of the places in the first {samples} samples"
        weighted = _weighted(subject.original_loss)
        if len(present) < 2 or share >= limit or weighted:
            return self.fine(
                says + (f"; the loss weighs the classes (`{weighted}`)" if weighted else ""), evidence=table
            )
        finding = self.found(
            f"{says}, limit {limit:.2%}: always answering class {int(counts.argmax())} would be right in {top:.1%} of "
            "all places",
            # A loss of the user's own, such as Dice, may be there for the rare ones.
            severity=Severity.WARNING if form_of(subject.original_loss) else Severity.NOTE,
            measured=float(share),
            limit=limit,
            where=[f"class {rarest}"],
            to_type="loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([...]))  # or a Dice loss, for masks",
        )
        return self.bad(finding, evidence=table)

    def _turned_round(self, drawn: Classes, given: np.ndarray, name: str, task: object) -> Finding:
        weighed = drawn.counts * given / max(1e-300, float((drawn.counts * given).sum()))
        least = drawn.present[weighed[drawn.present].argmin()]
        return self.found(
            f"class {least} has {drawn.counts[least] / drawn.counts.sum():.2%} of the samples, and with `{name}` of "
            f"the loss it makes only {weighed[least]:.2%} of it, limit {self.uneven / len(drawn.present):.2%}: the "
            "weights make the classes less even than they are",
            severity=Severity.WARNING,
            measured=float(weighed[least]),
            limit=self.uneven / len(drawn.present),
            where=[f"class {least}"],
            to_type=_weights_to_type(drawn, task),
        )

    def _one_class(self, subject: Subject, scan: Scan, number: int) -> Finding:
        severity = Severity.CRITICAL if scan.complete else Severity.WARNING
        return self.found(
            f"{'all' if scan.complete else 'the'} {len(scan.indices):,} samples looked at are of class {number}, and "
            "with fewer than 2 classes there is nothing to learn",
            # A step of the user's may have no use for the targets, such as an autoencoder's.
            severity=Severity.NOTE if subject.step is not None else severity,
            measured=1,
            limit=2,
            where=[f"class {number}"],
            fixes=(),
        )

    def _few(self, few: list[int], classes: Classes) -> Finding:
        least = int(classes.counts[few].min())
        return self.found(
            f"{len(few)} of {len(classes.present)} classes {'has' if len(few) == 1 else 'have'} fewer than "
            f"{self.fewest} samples (class {ranges(few, 6)}), too few to learn from and to test on",
            severity=Severity.WARNING,
            measured=least,
            limit=self.fewest,
            where=[f"class {number}" for number in sorted(few, key=lambda number: classes.counts[number])],
            to_type="# collect more samples of these classes, join them with a similar class, or leave them out",
            fixes=(),
        )

    def _several_labels(self, classes: Classes, scan: Scan, subject: Subject) -> Answer:
        total, counts = len(classes.labels), classes.counts
        table = [f"label {place}: {count:,} of {total:,} samples" for place, count in enumerate(counts[:50])]
        says = (
            f"{len(counts)} labels, each sample may have several; the rarest has {counts.min():,} of {total:,} samples"
        )
        short = np.flatnonzero(np.minimum(counts, total - counts) < self.fewest)
        weighted = _weighted(subject.original_loss)
        turned = self._turned_labels(subject.original_loss, counts, total)
        if turned is not None:
            return self.bad(turned, evidence=table)
        if not len(short) or (total < 10 * self.fewest):
            return self.fine(says + (f"; the loss weighs them (`{weighted}`)" if weighted else ""), evidence=table)
        finding = self.found(
            f"{len(short)} of {len(counts)} labels {'is' if len(short) == 1 else 'are'} the same in all but fewer than "
            f"{self.fewest} of {total:,} samples (label {ranges(short, 6)}), too few to learn from",
            severity=Severity.WARNING,
            measured=float(np.minimum(counts, total - counts).min()),
            limit=self.fewest,
            where=[f"label {place}" for place in short],
            to_type="# collect more samples with these labels, or leave the labels out of the targets and the outputs",
            fixes=(),
        )
        return self.bad(finding, evidence=[*table, f"looked at {scan.share}"])

    def _turned_labels(self, loss: object, counts: np.ndarray, total: int) -> Finding | None:
        """Return what a `pos_weight` does that makes a rare yes of some labels rarer; None where it does not."""
        given = getattr(loss, "pos_weight", None)
        if not isinstance(given, torch.Tensor) or given.numel() not in (1, len(counts)):
            return None
        weights = np.broadcast_to(given.detach().double().cpu().numpy().reshape(-1), counts.shape)
        turned = [
            place
            for place, (yes, weight) in enumerate(zip(counts, weights, strict=True))
            if are_turned_round(np.array([total - yes, yes]), np.array([1.0, weight]))
        ]
        if not turned:
            return None
        first = turned[0]
        return self.found(
            f"label {first} is yes in {counts[first] / total:.1%} of the samples, and `pos_weight` lets such a yes "
            f"count {weights[first]:.3g} times as much as a no, limit 1: it makes {len(turned)} of {len(counts)} "
            "labels rarer than they are",
            severity=Severity.WARNING,
            measured=float(weights[first]),
            limit=1.0,
            where=[f"label {place}" for place in turned],
            to_type="loss = nn.BCEWithLogitsLoss()  # or pos_weight=(1 - targets.mean(0)) / targets.mean(0)",
        )


def _as_drawn(subject: Subject, scan: Scan, classes: Classes) -> tuple[Classes, str]:
    """Return the classes as often as the sampler draws them in an epoch: it may balance them already."""
    sampler = getattr(subject.train, "sampler", None)
    batch_sampler = getattr(subject.train, "batch_sampler", None)
    plain = isinstance(sampler, RandomSampler | SequentialSampler) and type(batch_sampler) in (
        torch.utils.data.BatchSampler,
        type(None),
    )
    if sampler is None or plain or not isinstance(subject.source, GuardedLoader):
        return classes, ""
    known = dict(zip(scan.indices[classes.places].tolist(), classes.labels.tolist(), strict=True))
    keys = [key for batch in subject.source.order(0) for key in batch if isinstance(key, int | np.integer)]
    drawn = np.array([known[key] for key in keys if key in known], dtype=np.int64)
    if not len(drawn):
        return classes, ""
    counts = np.bincount(drawn, minlength=len(classes.counts))
    name = type(sampler if type(batch_sampler) is torch.utils.data.BatchSampler else batch_sampler).__name__
    return replace(classes, counts=counts), f", as `{name}` draws them"


def _weighted(loss: object) -> str:
    for name in ("pos_weight", "weight", "alpha"):
        weight = getattr(loss, name, None)
        if isinstance(weight, torch.Tensor | Sequence) and not isinstance(weight, str):
            return f"{name}="
    return ""


def _weights_of(loss: object, counts: np.ndarray) -> np.ndarray | None:
    """Return what each class counts in the loss, shape (K,); None where no weights fit the classes."""
    weight, yes = getattr(loss, "weight", None), getattr(loss, "pos_weight", None)
    if isinstance(yes, torch.Tensor) and yes.numel() == 1 and len(counts) == 2 and weight is None:
        return np.array([1.0, float(yes)])
    if isinstance(weight, torch.Tensor) and weight.dim() == 1 and len(counts) <= len(weight) and yes is None:
        return weight.detach().double().cpu().numpy()[: len(counts)]
    return None


def _weights_to_type(classes: Classes, task: object) -> str:
    counts = classes.counts
    if getattr(task, "kind", "") == "binary" and len(counts) == 2:
        ratio = counts[0] / max(1, counts[1])
        return f"loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([{ratio:.3g}]))"
    size = max(len(counts), int(getattr(task, "classes", 0)))
    if size > MOST_WEIGHTS:
        return (
            f"counts = torch.bincount(torch.as_tensor(labels), minlength={size}).clamp_min(1)  # labels of the "
            "training samples\nloss = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))"
        )
    weights = np.ones(size)
    present = classes.present
    weights[present] = counts.sum() / (len(present) * counts[present])
    return f"loss = nn.CrossEntropyLoss(weight=torch.tensor([{', '.join(f'{weight:.3g}' for weight in weights)}]))"
