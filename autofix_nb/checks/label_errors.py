"""Labels that look wrong: contradicted with confidence by a model that has not seen the row.

Confident learning on predictions for unseen rows (`evidence.folds`): plain models on the features, in five folds. A
hard problem contradicts its labels too, but among the rows of which the model is unsure; wrong labels are contradicted
as often among the surest rows as among all. So the share of wrong labels is told by the surest third, and the check
answers only where the models are good enough to judge.

The quick look asks the nearest rows instead (`evidence.votes`), of small sets: a few milliseconds, and blunt. It speaks
where many labels are wrong, in all classes alike: with overlapping classes at most half as many labels are contradicted
among the surest rows as among all, and by chance as many as it wants in 1 of 50 such sets.

Where the validation rows agree with their neighbours and the training rows do not at all, the labels are those of other
rows (`evidence.kin`): that is asked first, and of numbers, too.

References: Northcutt, Jiang & Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels; Wilson
(1972), Asymptotic Properties of Nearest Neighbor Rules Using Edited Data.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.doubtful import MOST_NAMED, both_classes, judged_rows, lines_of, shown, to_look_at
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import class_of_rows, task_or_none
from autofix_nb.evidence.folds import Doubts, doubts
from autofix_nb.evidence.kin import in_parts, kin_of
from autofix_nb.evidence.neighbours import filled, some_rows
from autofix_nb.evidence.votes import NEIGHBOURS, contradicted_classes, neighbours_doubts
from autofix_nb.finding import Finding, NotApplicable, Severity

THUMBNAIL = 16
"""Side of the small pictures that stand for images."""

QUICK_THUMBNAIL = 8
"""The same for the quick look."""

SECONDS_A_ROW = 1.5e-3
"""What a row costs, roughly, on a slow machine."""


@dataclass(frozen=True, kw_only=True)
class LabelErrors(Check):
    """Do the labels fit the samples?"""

    code: ClassVar = "D10"
    title: ClassVar = "Labels that look wrong"
    needs: ClassVar = frozenset({"train"})
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

    quick_rows: int = 2_000
    """Rows that the quick look judges at most."""

    quick_columns: int = 256
    """Features up to which it looks."""

    quick_fewest: int = 100
    """Rows below which it says nothing."""

    quick_skill: float = 0.5
    """Skill of the nearest rows that is enough for it to speak."""

    all_classes: float = 0.75
    """Share of the classes that must have their part of the contradicted labels; both of two."""

    overlap: float = 0.5
    """Contradicted among the surest rows against among all, up to which it takes them for classes that overlap."""

    quick_chance: float = 0.02
    """Chance, with such classes, of as many contradicted among the surest rows, below which it warns."""

    quick_chance_note: float = 0.05
    """The same for a note."""

    kin: float = 0.25
    """How far neighbours among the validation rows must agree, from as by chance (0) to always (1)."""

    kin_errors: float = 8.0
    """Standard errors that this must be above chance."""

    no_kin: float = 0.05
    """The same of the training rows, up to which their labels are those of others."""

    def look(self, subject: Subject) -> Answer:
        apart = self._apart(subject)
        if apart is not None:
            return self.bad(apart)
        if not subject.deep:
            return self._quick(subject)
        # scipy.stats takes half a second to import: only those who look pay.
        from scipy.stats import binom

        scan = subject.scan("train")
        features, labels, numbers = self._rows(subject, self.rows, THUMBNAIL)
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

    def _quick(self, subject: Subject) -> Answer:
        """Ask the nearest rows: blunter, and quick."""
        scan = subject.scan("train")
        features, labels, numbers = self._rows(subject, self.quick_rows, QUICK_THUMBNAIL)
        if len(labels) < max(self.quick_fewest, 2 * NEIGHBOURS) or features.shape[1] > self.quick_columns:
            raise NotApplicable(
                f"{len(labels):,} rows of {features.shape[1]:,} features, wanted {self.quick_fewest} rows of up to "
                f"{self.quick_columns} features for a quick look"
            )
        from scipy.stats import binom

        found = neighbours_doubts(features, labels)
        wrong, asked = found.sure_errors
        share, errors = wrong / max(1, asked), 1 - found.accuracy
        evidence = [
            f"{len(labels):,} of {len(scan.indices):,} rows judged by their {NEIGHBOURS} nearest; of {scan.share}",
            f"contradicted: {wrong} of the {asked} surest rows ({share:.1%}), {errors:.1%} of all rows",
        ]
        if found.skill < self.quick_skill:
            raise NotApplicable(
                f"cannot judge quickly: the nearest rows are right about {found.accuracy:.1%} of the labels, always "
                f"the commonest class about {found.majority:.1%}"
            )
        there, judged = contradicted_classes(found)
        chance = float(binom.sf(wrong - 1, asked, self.overlap * errors))
        everywhere = there >= max(2, self.all_classes * judged)
        if share >= self.share and everywhere and chance <= self.quick_chance_note and len(found.suspected):
            severity = Severity.WARNING if chance <= self.quick_chance else Severity.NOTE
            return self._wrong(scan, found, numbers, share, severity, evidence)
        return self.fine(
            f"{len(labels):,} labels compared with those of the nearest rows: {wrong} of the {asked:,} surest are "
            "contradicted; `deep=True` looks closer",
            evidence=evidence,
        )

    def _apart(self, subject: Subject) -> Finding | None:
        """Return what is said where the labels of the training rows are those of other rows; None where they are not.

        Asked are the validation rows: their neighbours agree, so that these could.
        """
        if subject.val is None:
            return None
        try:
            sides = [self._side(subject, side) for side in ("train", "val")]
        except NotApplicable:
            return None
        (rows, labels), (val_rows, val_labels) = sides
        fits = rows.shape[1] == val_rows.shape[1] <= self.quick_columns
        if not fits or min(len(labels), len(val_labels)) < self.fewest:
            return None
        if labels.dtype.kind == "f":
            labels, val_labels = in_parts(labels, val_labels)
        found = kin_of((rows, labels), (val_rows, val_labels))
        agree = found.val >= self.kin and found.errors >= self.kin_errors
        if not agree or max(abs(found.train), found.across) > self.no_kin:
            return None
        return self.found(
            f"rows that lie near each other agree in their labels no more than by chance among {len(labels):,} "
            f"training samples ({found.train:.0%} of the way from chance to always, limit {self.no_kin:.0%}), and do "
            f"among the validation samples ({found.val:.0%}): inputs and labels of the training data are out of step, "
            "as where one of them was shuffled, sorted or shifted alone",
            severity=Severity.WARNING,
            measured=found.train,
            limit=self.no_kin,
            to_type="inputs, labels = inputs[order], labels[order]  # one order for both, wherever rows are reordered",
            fixes=(),
        )

    def _side(self, subject: Subject, side: Literal["train", "val"]) -> tuple[np.ndarray, np.ndarray]:
        """Return features and labels of some rows of a side: class numbers, or one number each."""
        scan, task = subject.scan(side), task_or_none(subject)
        if scan.features is not None and _are_numbers(scan, task):
            values = np.asarray(scan.labels, dtype=np.float64).reshape(len(scan.labels), -1)[scan.rows]
            chosen = some_rows(len(values), self.quick_rows, np.random.default_rng(0))
            chosen = chosen[np.isfinite(values[chosen, 0])]
            return filled(scan.features[chosen]), values[chosen, 0]
        given = class_of_rows(scan, task)
        features, labels, _ = judged_rows(
            scan, given, most=self.quick_rows, fewest=self.fewest, of_a_class=1, side=QUICK_THUMBNAIL
        )
        return features, labels

    def _rows(self, subject: Subject, most: int, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scan = subject.scan("train")
        given = class_of_rows(scan, task_or_none(subject))
        return judged_rows(scan, given, most=most, fewest=self.fewest, of_a_class=self.folds, side=side)

    def _wrong(
        self, scan: Scan, found: Doubts, numbers: np.ndarray, share: float, severity: Severity, evidence: list[str]
    ) -> Answer:
        listed = found.suspected
        says = (
            f"{len(listed)} of {len(numbers):,} labels ({len(listed) / len(numbers):.1%}) look wrong, most of all "
            f"sample {numbers[listed[0]]}, {both_classes(found, listed[0])}; even where models are surest, {share:.1%} "
            f"of the labels contradict them (limit {self.share:.0%})"
        )
        return self._listed(scan, found, listed, numbers, evidence, says=says, measured=share, severity=severity)

    def _few(self, scan: Scan, found: Doubts, numbers: np.ndarray, evidence: list[str]) -> Answer:
        order = np.argsort(found.confidence, kind="stable")
        listed = order[(found.surest & (found.given != found.predicted))[order]]
        says = (
            f"{len(listed)} of {len(numbers):,} labels {'looks' if len(listed) == 1 else 'look'} wrong, most of all "
            f"sample {numbers[listed[0]]}, {both_classes(found, listed[0])} with a probability of "
            f"{found.confidence[listed[0]]:.2g} for its label; from {self.share:.0%} of the surest rows on it is a "
            "warning"
        )
        share = len(listed) / max(1, int(found.surest.sum()))
        return self._listed(scan, found, listed, numbers, evidence, says=says, measured=share, severity=Severity.NOTE)

    def _listed(
        self, scan: Scan, found: Doubts, listed: np.ndarray, numbers: np.ndarray, evidence: list[str], **said: Any
    ) -> Answer:
        finding = self.found(
            said.pop("says"),
            limit=self.share,
            where=[f"sample {number}" for number in numbers[listed[:MOST_NAMED]]],
            evidence=[*evidence, *lines_of(found, listed, numbers)],
            to_type=to_look_at(numbers[listed]),
            **said,
        )
        return self.bad(finding, evidence=evidence, pictures=shown(scan, found, listed, numbers))


def _are_numbers(scan: Scan, task: Any) -> bool:
    """Tell whether the targets are numbers to be predicted."""
    labels = scan.labels
    if labels is None or labels.dtype.kind not in "iuf":
        return False
    regression = task is not None and task.kind == "regression"
    return regression or (labels.dtype.kind == "f" and bool((labels != np.round(labels)).any()))
