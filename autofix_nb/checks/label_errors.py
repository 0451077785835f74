"""Labels that look wrong: contradicted with confidence by a model that has not seen the row.

Confident learning on predictions for unseen rows (`evidence.folds`): plain models on the features, in five folds. A
hard problem contradicts its labels too, but among the rows of which the model is unsure; wrong labels are contradicted
as often among the surest rows as among all. So the share of wrong labels is told by the surest third, and the check
answers only where the models are good enough to judge.

Reference: Northcutt, Jiang & Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import class_of_rows, task_or_none
from autofix_nb.evidence.folds import Doubts, doubts
from autofix_nb.evidence.neighbours import filled, some_rows
from autofix_nb.finding import Finding, NotApplicable, Severity

MOST_NAMED = 50
"""Samples named in a finding."""

THUMBNAIL = 16
"""Side of the small pictures that stand for images."""

SECONDS_A_ROW = 1.5e-3
"""What a row costs, roughly, on a slow machine."""


@dataclass(frozen=True, kw_only=True)
class LabelErrors(Check):
    """Do the labels fit the samples?"""

    code: ClassVar = "D10"
    title: ClassVar = "Labels that look wrong"
    needs: ClassVar = frozenset({"train"})
    deep: ClassVar = True
    takes_time: ClassVar = True

    share: float = 0.02
    """Share of the surest rows contradicted from which the labels need a look."""

    skill: float = 0.6
    """How far between always the commonest class (0) and always right (1) the models must be to judge."""

    evenness: float = 0.35
    """Contradicted among the surest rows against among all, below which the classes overlap rather than labels err."""

    poor_skill: float = 0.4
    """Skill that is enough where the labels are contradicted nearly as often among the surest rows as among all."""

    even: float = 0.75
    """What nearly as often means there."""

    chance: float = 1e-3
    """Chance of as many contradicted among the surest rows, were 1 in 200 wrong, below which it is no chance."""

    fewest: int = 50
    """Rows below which nothing is judged."""

    folds: int = 5
    """Parts of the data that predictions are made for in turn; a class needs as many rows."""

    rows: int = 5_000
    """Rows that are judged at most."""

    def look(self, subject: Subject) -> Answer:
        # scipy.stats takes half a second to import: only those who look pay.
        from scipy.stats import binom

        scan = subject.scan("train")
        features, labels, numbers = self._judged(scan, class_of_rows(scan, task_or_none(subject)))
        subject.clock.need(SECONDS_A_ROW * len(labels) + 1, "asking models about labels they have not seen")
        found = doubts(features, labels, folds=self.folds)
        wrong, asked = found.sure_errors
        share = wrong / max(1, asked)
        evenness = share / max(1e-9, 1 - found.accuracy)
        good = found.skill >= self.skill or (found.skill >= self.poor_skill and evenness >= self.even)
        if not good:
            raise NotApplicable(
                f"cannot judge: plain models are right about {found.accuracy:.1%} of the rows they have not seen, "
                "always the "
                f"commonest class is right about {found.majority:.1%}"
            )
        evidence = [
            f"{len(labels):,} of {len(scan.indices):,} rows judged; looked at {scan.share}",
            f"contradicted: {wrong} of the {asked} surest rows ({share:.1%}), {1 - found.accuracy:.1%} of all rows",
        ]
        many = share >= self.share and binom.sf(wrong - 1, asked, 0.005) <= self.chance
        if many and evenness >= self.evenness and len(found.suspected):
            return self._wrong(scan, found, numbers, share, Severity.WARNING, evidence)
        if wrong and 1 - found.accuracy < 0.1:
            return self._few(scan, found, numbers, evidence)
        overlap = ", as where classes overlap" if wrong else ""
        return self.fine(
            f"{len(labels):,} labels judged by models that are right about {found.accuracy:.1%} of the rows they have "
            "not "
            f"seen: {wrong} of the {asked:,} surest rows contradicted{overlap}",
            evidence=evidence,
        )

    def _wrong(
        self, scan: Scan, found: Doubts, numbers: np.ndarray, share: float, severity: Severity, evidence: list[str]
    ) -> Answer:
        listed = found.suspected
        finding = self.found(
            f"{len(listed)} of {len(numbers):,} labels ({len(listed) / len(numbers):.1%}) look wrong, most of all "
            "sample "
            f"{numbers[listed[0]]}, labelled {_given(found, listed[0])} and taken for {_predicted(found, listed[0])}; "
            f"even where models are surest, {share:.1%} of the labels contradict them (limit {self.share:.0%})",
            severity=severity,
            measured=share,
            limit=self.share,
            where=[f"sample {number}" for number in numbers[listed[:MOST_NAMED]]],
            evidence=[*evidence, *_lines(found, listed, numbers)],
            to_type=_look(numbers[listed]),
        )
        return self._shown(scan, finding, found, listed, numbers, evidence)

    def _few(self, scan: Scan, found: Doubts, numbers: np.ndarray, evidence: list[str]) -> Answer:
        order = np.argsort(found.confidence, kind="stable")
        listed = order[(found.surest & (found.given != found.predicted))[order]]
        finding = self.found(
            f"{len(listed)} of {len(numbers):,} labels {'looks' if len(listed) == 1 else 'look'} wrong, most of all "
            "sample "
            f"{numbers[listed[0]]}, labelled {_given(found, listed[0])} and taken for {_predicted(found, listed[0])} "
            "with "
            f"a probability of {found.confidence[listed[0]]:.2g} for its label; from {self.share:.0%} of the surest "
            "rows on "
            "it is a warning",
            severity=Severity.NOTE,
            measured=len(listed) / max(1, int(found.surest.sum())),
            limit=self.share,
            where=[f"sample {number}" for number in numbers[listed[:MOST_NAMED]]],
            evidence=[*evidence, *_lines(found, listed, numbers)],
            to_type=_look(numbers[listed]),
        )
        return self._shown(scan, finding, found, listed, numbers, evidence)

    def _shown(
        self, scan: Scan, finding: Finding, found: Doubts, listed: np.ndarray, numbers: np.ndarray, evidence: list[str]
    ) -> Answer:
        pictures = []
        if scan.kind == "image":
            captions = tuple(f"{_given(found, row)}, or {_predicted(found, row)}?" for row in listed[:24])
            pictures = [
                Shown(title="Labels that look wrong", indices=tuple(numbers[listed[:24]].tolist()), captions=captions)
            ]
        return self.bad(finding, evidence=evidence, pictures=pictures)

    def _judged(self, scan: Scan, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, labels and sample numbers of the rows that can be judged."""
        if scan.features is None or not scan.features.size:
            raise NotApplicable(f"the samples are no rows of numbers (kind `{scan.kind}`)")
        counts = np.bincount(given[given >= 0], minlength=1)
        usable = np.flatnonzero((given >= 0) & (counts[given] >= self.folds))
        usable = usable[some_rows(len(usable), self.rows, np.random.default_rng(0))]
        counts = np.bincount(given[usable], minlength=1)
        usable = usable[counts[given[usable]] >= self.folds]
        kinds = len(np.unique(given[usable]))
        if len(usable) < self.fewest or kinds < 2:
            raise NotApplicable(
                f"{len(usable)} rows in {kinds} classes of at least {self.folds}, wanted {self.fewest} rows in 2 or "
                "more"
            )
        features = filled(scan.features[usable])
        if scan.thumbnails is not None:
            features = np.column_stack([features, _small(scan.thumbnails[usable])])
        return features, given[usable], scan.indices[scan.rows[usable]]


def _small(thumbnails: np.ndarray) -> np.ndarray:
    count, height, width = thumbnails.shape[:3]
    parts = thumbnails.reshape(count, THUMBNAIL, height // THUMBNAIL, THUMBNAIL, width // THUMBNAIL, -1)
    return parts.mean((2, 4), dtype=np.float32).reshape(count, -1).astype(np.float64)


def _given(found: Doubts, row: int) -> str:
    return f"{found.classes[found.given[row]]}"


def _predicted(found: Doubts, row: int) -> str:
    return f"{found.classes[found.predicted[row]]}"


def _lines(found: Doubts, listed: np.ndarray, numbers: np.ndarray) -> list[str]:
    return [
        f"sample {numbers[row]}: labelled {_given(found, row)} (probability {found.confidence[row]:.2g}), taken for "
        f"{_predicted(found, row)}"
        for row in listed[:20]
    ]


def _look(numbers: np.ndarray) -> str:
    return (
        f"doubtful = {[int(number) for number in numbers[:MOST_NAMED]]}\n"
        "for index in doubtful:\n"
        "    print(index, dataset[index][1])  # look at each, and mend the label or leave the sample out"
    )
