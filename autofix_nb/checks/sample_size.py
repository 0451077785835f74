"""Too few samples for the model: what so few samples can teach, and how far the validation score can be trusted.

Only gross cases are told. Networks with more parameters than samples generalise well (Zhang et al., 2017, Understanding
deep learning requires rethinking generalization), so the number of parameters alone never is a warning: a note from
10,000 trainable parameters a sample on. The accuracy measured on m samples has a 95 % interval of ± 1.96 √(p(1-p)/m),
at most ± 0.98 / √m (the normal approximation, at p = 1/2).
"""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import numpy as np
from torch.nn.parameter import UninitializedParameter
from torch.utils.data import DataLoader

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.typed import only_the_head
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.batches import length_of
from autofix_nb.evidence.classes import classes_of, task_or_none
from autofix_nb.finding import Finding, NotApplicable, Severity

DECAY = "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)"


@dataclass(frozen=True, kw_only=True)
class SampleSize(Check):
    """Are there enough samples to learn from, and to judge by?"""

    code: ClassVar = "D05"
    title: ClassVar = "Too few samples"
    needs: ClassVar = frozenset({"train"})

    fewest: int = 20
    """Training samples below which nothing general can be learnt."""

    per_class: float = 5.0
    """Training samples a class, on average, below which the classes cannot be learnt."""

    parameters_per_sample: float = 10_000.0
    """Trainable parameters a training sample above which it is worth a note."""

    per_column: float = 5.0
    """Rows a column below which a table with numbers for targets is worth a note (Harrell 2015, Regression Modeling
    Strategies, section 4.4: 10 to 20 to predict as well on new rows)."""

    points: float = 10.0
    """Half width of the accuracy's 95 % interval on the validation data, in points, above which it is worth a note."""

    def look(self, subject: Subject) -> Answer:
        empty = self._empty(subject)
        if empty:
            return self.bad(*empty)
        scan = subject.scan("train")
        samples = scan.seen if scan.samples is None else scan.samples
        if not samples:
            raise NotApplicable("no sample was seen")
        sure = scan.samples is not None or scan.complete
        findings = []
        told = [f"{samples:,} training samples"]
        classes = _number_of_classes(scan, subject)
        if sure and samples < self.fewest:
            findings.append(
                self._short(f"there are {samples} training samples, fewer than {self.fewest}", samples, self.fewest)
            )
        elif sure and classes and samples / classes < self.per_class:
            each = samples / classes
            findings.append(
                self._short(
                    f"{samples:,} training samples for {classes} classes are {each:.1f} each, fewer than "
                    f"{self.per_class:g}",
                    each,
                    self.per_class,
                )
            )
        trainable = _trainable(subject)
        if subject.original is not None and trainable:
            told.append(f"{trainable:,} trainable parameters")
            each = trainable / samples
            if sure and each > self.parameters_per_sample:
                findings.append(
                    self.found(
                        f"the model trains {trainable:,} parameters on {samples:,} samples, {each:,.0f} a sample "
                        f"(worth a note from {self.parameters_per_sample:,.0f} on): expect to need pretrained weights, "
                        "frozen layers or augmentation",
                        severity=Severity.NOTE,
                        measured=each,
                        limit=self.parameters_per_sample,
                        to_type=only_the_head(subject.original) or DECAY,
                    )
                )
        columns = scan.features.shape[1] if scan.kind == "table" and scan.features is not None else 0
        if sure and columns > samples:
            findings.append(
                self.found(
                    f"the table has more columns ({columns:,}) than rows ({samples:,}): some columns will fit the "
                    "targets by chance, so trust the validation score alone",
                    severity=Severity.NOTE,
                    measured=columns / samples,
                    limit=1,
                    to_type=DECAY,
                )
            )
        elif sure and _are_numbers(scan) and columns * self.per_column > samples:
            findings.append(
                self.found(
                    f"{samples:,} rows for {columns:,} columns are {samples / columns:.1f} each (worth a note below "
                    f"{self.per_column:g}): a net can learn them by heart, so trust the validation score alone",
                    severity=Severity.NOTE,
                    measured=samples / columns,
                    limit=self.per_column,
                    to_type=DECAY,
                )
            )
        findings += self._validation(subject, classes, told)
        if findings:
            return self.bad(*findings, evidence=told)
        return self.fine(", ".join(told))

    def _empty(self, subject: Subject) -> list[Finding]:
        found = []
        for side, source in (("train", subject.train), ("val", subject.val)):
            if not isinstance(source, DataLoader) or length_of(source.dataset) is None:
                continue
            samples, batches = length_of(source.dataset), length_of(source)
            severity = Severity.CRITICAL if side == "train" else Severity.WARNING
            if not samples:
                found.append(
                    self.found(
                        f"`{side}` holds 0 samples, wanted 1 at least: the data set is empty",
                        severity=severity,
                        measured=0,
                        limit=1,
                        to_type="len(dataset)  # check the path, the filter or the split that made it",
                    )
                )
            elif batches == 0 and source.drop_last:
                found.append(
                    self.found(
                        f"`{side}` gives no batch: its {samples:,} samples do not fill one of {source.batch_size}, and "
                        "`drop_last=True` drops the rest",
                        severity=severity,
                        measured=samples,
                        limit=source.batch_size or 1,
                        to_type=f"DataLoader(dataset, batch_size={source.batch_size}, shuffle=True, drop_last=False)",
                    )
                )
        return found

    def _short(self, says: str, measured: float, limit: float) -> Finding:
        return self.found(
            f"{says}: the model will know them by heart and little else",
            severity=Severity.WARNING,
            measured=measured,
            limit=limit,
            to_type="# collect more samples, or train only the head of a pretrained model",
        )

    def _validation(self, subject: Subject, classes: int, told: list[str]) -> list[Finding]:
        if subject.val is None:
            return []
        try:
            scan = subject.scan("val")
        except NotApplicable:
            return []
        samples = scan.seen if scan.samples is None else scan.samples
        if not samples:
            return []
        told.append(f"{samples:,} validation samples")
        half = 98 / sqrt(samples)
        if not classes:
            return []
        told[-1] += f" (an accuracy measured on them is known to ±{half:.1f} points at worst)"
        if half <= self.points or not (scan.complete or scan.samples is not None):
            return []
        return [
            self.found(
                f"an accuracy measured on {samples:,} validation samples is known to ±{half:.0f} points at worst (95% "
                f"interval, worth a note above ±{self.points:g}), so smaller differences mean nothing",
                severity=Severity.NOTE,
                measured=half,
                limit=self.points,
                to_type="from sklearn.model_selection import StratifiedKFold  # average over 5 splits instead of one",
            )
        ]


def _number_of_classes(scan: Scan, subject: Subject) -> int:
    try:
        classes = classes_of(scan, task_or_none(subject))
    except NotApplicable:
        return 0
    return len(classes.present) if classes.kind == "classes" and len(classes.present) > 1 else 0


def _are_numbers(scan: Scan) -> bool:
    """Tell whether the targets are numbers, and no classes or yes and no."""
    if scan.labels is None or scan.labels.dtype.kind != "f":
        return False
    finite = scan.labels[np.isfinite(scan.labels)]
    return bool((finite != np.round(finite)).any())


def _trainable(subject: Subject) -> int:
    if subject.original is None:
        return 0
    return sum(
        parameter.numel()
        for parameter in subject.original.parameters()
        if parameter.requires_grad and not isinstance(parameter, UninitializedParameter)
    )
