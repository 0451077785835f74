"""Train and validation differ: what is measured on the one does not tell of the other.

Three questions, asked so that all together warn in fewer than 1 % of random splits (measured: in 2 of 600, 200 each of
wine, breast cancer and digits). Is a single feature distributed otherwise (Kolmogorov-Smirnov, adjusted after Benjamini
& Hochberg, *and* a difference that matters)? Can a classifier tell the two apart on rows that it has not seen (held-out
half, Mann-Whitney, *and* an area under the curve that matters)? Are the shares of the classes others (chi-squared *and*
Cramér's V)? Each alone must be all but certain; feature and classifier together need to be sure to 5 and 1 in 100. A
p-value alone flags every feature of large sets, an effect alone nearly every feature of small ones.

References: Rabanser, Günnemann & Lipton (2019), Failing Loudly: An Empirical Study of Methods for Detecting Dataset
Shift; Lopez-Paz & Oquab (2017), Revisiting Classifier Two-Sample Tests.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.as_given import widths_as_given
from autofix_nb.evidence.classes import classes_of, task_or_none
from autofix_nb.evidence.shifts import Shift, shares_apart, shifts, told_apart
from autofix_nb.evidence.sides import MOST_COLUMNS, for_classifier, looks_scaled, rows_of_both, standardised
from autofix_nb.finding import Finding, NotApplicable, Severity

MOST_NAMED = 20
"""Features named in a finding."""


@dataclass(frozen=True, kw_only=True)
class SplitShift(Check):
    """Do training and validation rows come from the same distribution?"""

    code: ClassVar = "D04"
    title: ClassVar = "Train and validation differ"
    needs: ClassVar = frozenset({"train", "val"})
    takes_time: ClassVar = True

    chance: float = 1e-4
    """Chance, adjusted for the number of features, below which features or classes alone are enough."""

    classifier_alone: float = 3e-3
    """Chance below which the classifier alone is enough."""

    feature_chance: float = 0.05
    """Chance below which a feature counts where the classifier tells the sets apart too."""

    classifier_chance: float = 0.01
    """Chance below which the classifier counts where a feature differs too."""

    statistic: float = 0.1
    """Kolmogorov-Smirnov distance from which a difference matters."""

    distance: float = 0.1
    """Wasserstein distance, in standard deviations, from which a difference matters."""

    area: float = 0.55
    """Area under the classifier's curve from which a difference matters (0.5 is guessing)."""

    cramer: float = 0.1
    """Cramér's V from which a difference between the shares of the classes matters."""

    feature_share: float = 0.0
    """Share of the features that must differ for it to be more than a note."""

    severe: float = 2.0
    """Kolmogorov-Smirnov distance (1 at most) from which the validation score is worthless."""

    times_as_wide: float = 3.0
    """How many times as wide the values of pictures or sequences may lie on one side as on the other, as the loaders
    give them (from the lowest tenth to the highest); usual augmentations stay far below."""

    fewest: int = 20
    """Rows of each side below which nothing can be said."""

    rows: int = 5_000
    """Rows of each side that are compared at most."""

    def look(self, subject: Subject) -> Answer:
        train, val = subject.scan("train"), subject.scan("val")
        findings: list[Finding] = []
        said: list[str] = []
        evidence = [f"looked at {train.share} of train and {val.share} of val"]
        reasons = []
        for question in (self._features, self._as_given, self._labels):
            if findings and question == self._as_given:
                continue  # what the samples differ in shows in the batches, too
            try:
                found, says, lines = question(subject, train, val)
            except NotApplicable as reason:
                reasons.append(str(reason))
                continue
            findings += found
            said.append(says)
            evidence += lines
        if findings:
            return self.bad(*findings, evidence=evidence)
        if not said:
            raise NotApplicable("; ".join(reasons))
        return self.fine("; ".join(said), evidence=evidence)

    def _features(self, subject: Subject, train: Scan, val: Scan) -> tuple[list[Finding], str, list[str]]:
        first, second = rows_of_both(train, val, fewest=self.fewest, most=self.rows)
        found = shifts(first, second)
        if not found:
            raise NotApplicable("no feature holds values that differ")
        matters = [shift for shift in found if shift.statistic >= self.statistic or shift.distance >= self.distance]
        single = [shift for shift in matters if shift.p < self.chance]
        several = [shift for shift in matters if shift.p < self.feature_chance]
        area, chance = told_apart(*for_classifier(train, val, first, second, most=self.rows))
        sure = area >= self.area and chance < self.classifier_alone
        agrees = bool(several) and area >= self.area and chance < self.classifier_chance
        evidence = [self._line(shift, train) for shift in found[:MOST_NAMED]]
        evidence.insert(
            0, f"a classifier tells them apart with area {area:.3f} on rows it has not seen, p {chance:.2g}"
        )
        if len(first) < len(train.features) or len(second) < len(val.features):
            evidence.append(
                f"compared {len(first):,} of {len(train.features):,} rows of train and {len(second):,} of "
                f"{len(val.features):,} of val"
            )
        says = (
            f"{len(first):,} rows of train and {len(second):,} of val alike: the largest difference of {len(found)} "
            "features "
            f"is {max(shift.statistic for shift in found):.2f} (adjusted p {found[0].p:.2g}), a classifier tells them "
            f"apart with area {area:.2f} (0.5 is guessing)"
        )
        if not (single or sure or agrees):
            return [], says, evidence
        named = single or several
        if not named:
            return [self._as_a_whole(area, chance, evidence)], says, evidence
        return [self._named(named, len(found), train, area, evidence, first, second)], says, evidence

    def _named(
        self,
        named: list[Shift],
        compared: int,
        train: Scan,
        area: float,
        evidence: list[str],
        first: np.ndarray,
        second: np.ndarray,
    ) -> Finding:
        ranked = sorted(named, key=lambda shift: -shift.statistic)
        worst = ranked[0]
        scaled = len(named) >= 0.7 * compared and self._alike_once_scaled(len(named), first, second)
        why = ", as if only one of them had been scaled" if scaled else ""
        distance = "a difference of" if max(worst.missing) else "Kolmogorov-Smirnov distance"
        return self.found(
            f"{len(named)} of {compared} features {_are(named)} distributed otherwise in val than in train{why}: most "
            f"of all {train.names[worst.column]}, {_both(worst)}, {distance} {worst.statistic:.2f} "
            f"(limit {self.statistic:g})",
            severity=self._severity(len(named) / compared, worst.statistic),
            measured=worst.statistic,
            limit=self.statistic,
            where=[train.names[shift.column] for shift in ranked[:MOST_NAMED]],
            evidence=evidence,
            to_type=_SCALE if scaled else _SPLIT,
        )

    def _as_given(self, subject: Subject, train: Scan, val: Scan) -> tuple[list[Finding], str, list[str]]:
        first, second = widths_as_given(subject)
        times = max(first, second) / min(first, second)
        says = f"the loaders give values {first:.3g} wide in train and {second:.3g} in val"
        if times <= self.times_as_wide:
            return [], says, []
        finding = self.found(
            f"the values in the batches of train lie {first:.3g} apart, those of val {second:.3g}: {times:.1f} times "
            f"as wide, limit {self.times_as_wide:g}, and no random split does that; is a transform of one side too "
            "strong, or missing on the other?",
            severity=Severity.WARNING,
            measured=times,
            limit=self.times_as_wide,
            to_type=_TRANSFORMS,
        )
        return [finding], says, []

    def _severity(self, share: float, statistic: float) -> Severity:
        if statistic >= self.severe:
            return Severity.CRITICAL
        return Severity.WARNING if share >= self.feature_share else Severity.NOTE

    def _as_a_whole(self, area: float, chance: float, evidence: list[str]) -> Finding:
        return self.found(
            f"train and val can be told apart by a classifier with area {area:.2f} under its curve on rows it has not "
            "seen "
            f"(0.5 is guessing, limit {self.area:g}), though no feature alone shows it",
            severity=Severity.WARNING,
            measured=area,
            limit=self.area,
            evidence=evidence,
            to_type=_SPLIT,
        )

    def _labels(self, subject: Subject, train: Scan, val: Scan) -> tuple[list[Finding], str, list[str]]:
        task = task_or_none(subject)
        try:
            first, second = classes_of(train, task), classes_of(val, task)
        except NotApplicable as reason:
            return self._numbers(train, val, reason)
        if first.kind != "classes" or second.kind != "classes":
            raise NotApplicable("the targets are several labels each")
        if min(len(first.labels), len(second.labels)) < self.fewest:
            raise NotApplicable(f"fewer than {self.fewest} targets on one side")
        strength, chance = shares_apart(first.labels, second.labels)
        says = f"shares of the classes differ by a Cramér's V of {strength:.2f} (p {chance:.2g})"
        if not (chance < self.chance and strength >= self.cramer):
            return [], says, []
        size = max(len(first.counts), len(second.counts))
        shares = [np.pad(part.counts, (0, size - len(part.counts))) / part.counts.sum() for part in (first, second)]
        ranked = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")
        worst = int(ranked[0])
        finding = self.found(
            f"the classes have other shares in val than in train: class {worst} makes up {shares[0][worst]:.1%} of "
            "train and "
            f"{shares[1][worst]:.1%} of val, Cramér's V {strength:.2f} (limit {self.cramer:g})",
            severity=Severity.WARNING,
            measured=strength,
            limit=self.cramer,
            where=[f"class {number}" for number in ranked[:MOST_NAMED] if shares[0][number] != shares[1][number]],
            evidence=[
                f"class {number}: {shares[0][number]:.2%} of train, {shares[1][number]:.2%} of val"
                for number in ranked[:MOST_NAMED]
            ],
            to_type=_STRATIFIED,
        )
        return [finding], says, []

    def _numbers(self, train: Scan, val: Scan, reason: NotApplicable) -> tuple[list[Finding], str, list[str]]:
        sides = []
        for scan in (train, val):
            if scan.labels is None or scan.labels.dtype.kind not in "iuf" or len(scan.labels) < self.fewest:
                raise reason
            sides.append(scan.labels.reshape(len(scan.labels), -1))
        if sides[0].shape[1] != sides[1].shape[1] or sides[0].shape[1] > MOST_COLUMNS:
            raise reason
        found = shifts(*sides)
        if not found:
            raise reason
        worst = found[0]
        says = f"targets differ by a Kolmogorov-Smirnov distance of {worst.statistic:.2f} (p {worst.p:.2g})"
        if worst.p >= self.chance or max(worst.statistic / self.statistic, worst.distance / self.distance) < 1:
            return [], says, []
        finding = self.found(
            f"the targets are distributed otherwise in val than in train: mean {worst.means[0]:.4g} in train and "
            f"{worst.means[1]:.4g} in val, Kolmogorov-Smirnov distance {worst.statistic:.2f} (limit "
            f"{self.statistic:g})",
            severity=Severity.WARNING,
            measured=worst.statistic,
            limit=self.statistic,
            to_type=_SPLIT,
        )
        return [finding], says, []

    def _alike_once_scaled(self, named: int, first: np.ndarray, second: np.ndarray) -> bool:
        """Tell whether only one side is scaled, and the difference gone when each is standardised by itself."""
        if looks_scaled(first) == looks_scaled(second):
            return False
        again = shifts(standardised(first), standardised(second))
        left = [shift for shift in again if shift.p < self.chance and shift.statistic >= self.statistic]
        return len(left) < 0.5 * named

    def _line(self, shift: Shift, train: Scan) -> str:
        if max(shift.missing):
            return f"{train.names[shift.column]}: {_both(shift)}, adjusted p {shift.p:.2g}"
        return (
            f"{train.names[shift.column]}: mean {shift.means[0]:.4g} / {shift.means[1]:.4g}, deviation "
            f"{shift.deviations[0]:.4g} / {shift.deviations[1]:.4g} (train / val), KS {shift.statistic:.3f}, distance "
            f"{shift.distance:.2f} deviations, adjusted p {shift.p:.2g}"
        )


def _are(named: list[Shift]) -> str:
    return "is" if len(named) == 1 else "are"


def _both(shift: Shift) -> str:
    if max(shift.missing):
        return f"{shift.missing[0]:.0%} missing in train and {shift.missing[1]:.0%} in val"
    return f"mean {shift.means[0]:.4g} in train and {shift.means[1]:.4g} in val"


_SPLIT = (
    "everything = torch.utils.data.ConcatDataset([train_dataset, val_dataset])\n"
    "train_dataset, val_dataset = torch.utils.data.random_split(everything, [0.8, 0.2])  # unless time orders them"
)
_STRATIFIED = (
    "from sklearn.model_selection import train_test_split\n"
    "train_rows, val_rows = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=0)"
)
_TRANSFORMS = (
    "x, y = next(iter(train)); print(x.min(), x.mean(), x.std(), x.max())\n"
    "x, y = next(iter(val)); print(x.min(), x.mean(), x.std(), x.max())  # the same scaling, and less augmentation"
)
_SCALE = (
    "mean, deviation = x_train.mean(0), x_train.std(0)\n"
    "x_train, x_val = (x_train - mean) / deviation, (x_val - mean) / deviation  # both with the numbers of train"
)
