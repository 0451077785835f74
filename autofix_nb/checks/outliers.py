"""Outliers: rows with values or targets far out, or far from all other rows; pictures unlike all others.

Three ways to be one, each absolute: none flags a fixed share of the data. A value far out is separated from the tail of
its own feature by a gap that this tail does not explain (`evidence.tails`), so skewed and heavy-tailed features are
left alone. A row far from its neighbours lies beyond a fence on the logarithm of that distance (`evidence.neighbours`);
the number beyond it is compared with what the tail of the other rows lets expect. A picture is blank, or has a property
beyond Tukey's far fence of the set it belongs to: absolute limits of darkness or blur fail on small pictures (28 x 28
digits are "low information" all).

References: Hill (1975), A Simple General Approach to Inference About the Tail of a Distribution; Tukey (1977),
Exploratory Data Analysis; Ramaswamy, Rastogi & Shim (2000), Efficient Algorithms for Mining Outliers.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.checks.typed import leave_out
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.far_out import far_out, input_marks
from autofix_nb.evidence.far_targets import far_targets
from autofix_nb.evidence.neighbours import Distances, filled, neighbour_distances
from autofix_nb.evidence.odd_pictures import blank_pictures, odd_pictures
from autofix_nb.evidence.tails import Gap, widest_gap
from autofix_nb.finding import Finding, NotApplicable, Severity

FEWEST_ROWS = 30
"""With fewer rows than these, nothing can be called strange."""

MOST_NAMED = 50
"""Samples named in a finding."""

MOST_MISSING = 0.2
"""Features that miss more of their values are left out of the distances."""


@dataclass(frozen=True, kw_only=True)
class Outliers(Check):
    """Are there rows unlike all others?"""

    code: ClassVar = "D03"
    title: ClassVar = "Outliers"
    needs: ClassVar = frozenset({"train"})
    takes_time: ClassVar = True

    spreads: float = 12
    """Robust standard deviations from the median that a value far out has at least."""

    gap: float = 3
    """How many times farther out than the nearest value before it a value far out lies at least."""

    chance: float = 0.01
    """Chance of such a gap, over all features together, below which it is unmistakable."""

    wide_gap: float = 15
    """A gap as wide as this is unmistakable on its own, if a single feature's tail explains it in less than 5 %."""

    mild_gap: float = 8
    """A gap as wide as this is worth a note, if a single feature's tail explains it in less than 5 %."""

    neighbours: int = 10
    """Nearest rows that the distance of a row is the mean of."""

    fence: float = 3
    """Interquartile ranges beyond the upper quartile, on the logarithm of the distance, where the fence stands."""

    unexpected: float = 1e-3
    """Chance of as many rows beyond the fence as there are, below which they are worth a note."""

    far_away: float = 1e-4
    """Chance of the gap between the distances of rows far away and of the others, below which it is unmistakable."""

    sparse: float = 0.5
    """Share of the features with one value in most rows, from which far neighbours are no more than a note: counts of
    words and the like are far from each other by nature."""

    blank: float = 1.0
    """Standard deviation of a picture's values (0 to 255) below which it is blank."""

    some: float = 0.0
    """Share of the rows that are outliers below which they are no more than a note."""

    many: float = 2.0
    """Share of the rows that are outliers (1 at most) from which the data is worthless as it is."""

    references: int = 5_000
    """Rows among which the neighbours of a row are looked for."""

    queries: int = 10_000
    """Rows whose neighbours are looked for."""

    def look(self, subject: Subject) -> Answer:
        scan = subject.scan("train")
        if scan.features is None or not scan.features.size:
            marked = self._marked(scan)
            if marked is not None:
                return self.bad(marked, evidence=[f"looked at the targets of {scan.share}"])
            raise NotApplicable(f"the samples are no rows of numbers (kind `{scan.kind}`)")
        if len(scan.features) < FEWEST_ROWS:
            raise NotApplicable(f"{len(scan.features)} rows, at least {FEWEST_ROWS} are needed to tell strange ones")
        values = np.where(np.isfinite(scan.features), scan.features, np.nan).astype(np.float32, copy=False)
        if scan.kind == "image":
            return self._pictures(scan, values)
        findings = []
        gross, mild, evidence = self._far_out(subject, scan, values)
        targets = _target_numbers(scan)
        if targets is not None:
            more = self._far_out(subject, replace(scan, names=_names_of(targets)), targets)
            gross, mild, evidence = more[0] | gross, more[1] | mild, more[2] + evidence
            mild = {row: said for row, said in mild.items() if row not in gross}
        marked = self._marked(scan) if targets is None or not more[0] else None
        if marked is not None:
            findings.append(marked)
        standing_for_none = self._marks(subject, scan, values)
        findings += [] if standing_for_none is None else [standing_for_none]
        distances = self._distances(values)
        looked_at = [f"looked at {scan.share}"]
        if distances is not None:
            if len(distances.rows) < len(values):
                looked_at.append(f"distances to neighbours of {len(distances.rows):,} of {len(values):,} rows")
            looked_at.append(
                f"mean distance to the {self.neighbours} nearest rows: median {distances.typical:.3g}, fence "
                f"{distances.fence:.3g}, farthest {distances.values.max():.3g}; {len(distances.beyond)} rows beyond "
                f"the fence, {distances.expected:.1f} expected"
            )
            far_away = self._far_from_others(scan, distances, {*gross, *mild})
            if _mostly_one_value(values) >= self.sparse:
                far_away = [replace(finding, severity=Severity.NOTE) for finding in far_away]
            findings += far_away
        for rows, severity in ((gross, Severity.WARNING), (mild, Severity.NOTE)):
            if rows:
                findings.append(self._values(scan, rows, severity, evidence))
        if findings:
            strange = {*gross, *mild, *(() if distances is None else map(int, distances.beyond))}
            graded = [self._graded(finding, len(strange) / len(values)) for finding in findings]
            return self.bad(*graded, evidence=looked_at)
        return self.fine(
            f"{len(values):,} rows of {values.shape[1]:,} features: none far out, none far from all others",
            evidence=looked_at,
        )

    def _graded(self, finding: Finding, share: float) -> Finding:
        if share >= self.many:
            return replace(finding, severity=Severity.CRITICAL)
        return finding if share >= self.some else replace(finding, severity=Severity.NOTE)

    # --- single values --------------------------------------------------------------------------------------------

    def _far_out(
        self, subject: Subject, scan: Scan, values: np.ndarray
    ) -> tuple[dict[int, tuple[str, float]], dict[int, tuple[str, float]], list[str]]:
        """Return the rows with values far out, each with its worst value in words and how far out that is."""
        gross: dict[int, tuple[str, float]] = {}
        mild: dict[int, tuple[str, float]] = {}
        evidence = []
        for one in far_out(subject, scan, values, from_spreads=self.spreads, from_ratio=self.gap):
            found = self._judged(one.gap, gross, mild, 2 * values.shape[1])
            if found is None:
                continue
            for row, far in zip(one.rows.tolist(), one.spreads.tolist(), strict=True):
                if far > found.get(row, ("", 0.0))[1]:
                    found[row] = (f"{one.name} = {values[row, one.column]:.6g}", far)
            evidence.append(
                f"{one.name}: {one.gap.count} values from {one.edge:.6g} on, {one.gap.ratio:,.0f} times as far from "
                f"the median {one.median:.6g} as the next; chance of that {one.gap.p:.1g}"
            )
        return gross, {row: said for row, said in mild.items() if row not in gross}, evidence

    def _judged(self, gap: Gap, gross: dict, mild: dict, sides: int) -> dict | None:
        likely = gap.p > 0.05
        if gap.p * sides <= self.chance or (gap.ratio >= self.wide_gap and not likely):
            return gross
        return mild if gap.ratio >= self.mild_gap and not likely else None

    def _values(
        self, scan: Scan, rows: dict[int, tuple[str, float]], severity: Severity, evidence: list[str]
    ) -> Finding:
        ranked = sorted(rows, key=lambda row: -rows[row][1])
        worst, far = rows[ranked[0]]
        numbers = scan.indices[scan.rows[ranked]]
        return self.found(
            f"{len(ranked)} of {len(scan.features):,} rows {'holds' if len(ranked) == 1 else 'hold'} values far out, "
            f"such as {worst} in sample "
            f"{numbers[0]}, {far:,.0f} times the usual spread from the median (limit {self.spreads:g})",
            severity=severity,
            measured=far,
            limit=self.spreads,
            where=[f"sample {number}" for number in numbers[:MOST_NAMED]],
            evidence=[
                *evidence[:20],
                *(f"sample {scan.indices[scan.rows[row]]}: {rows[row][0]}" for row in ranked[:20]),
            ],
            to_type=leave_out("dataset", numbers, why="after a look at them: they may be right"),
        )

    def _marks(self, subject: Subject, scan: Scan, values: np.ndarray) -> Finding | None:
        """Return what is said of inputs that are marks for "none"; None where no feature has one."""
        found = input_marks(subject, scan, values)
        if not found:
            return None
        column, rows = max(found.items(), key=lambda one: len(one[1]))
        every = np.unique(np.concatenate(list(found.values())))
        return self.found(
            f"{len(found)} of {values.shape[1]:,} features hold one value far from all others again and again, such as "
            f"{values[rows[0], column]:.6g} in {len(rows):,} of {len(values):,} rows of {scan.names[column]}: a mark "
            "for none, perhaps",
            severity=Severity.WARNING,
            measured=len(every) / len(values),
            limit=0.0,
            where=[f"`{scan.names[place]}`" for place in found],
            fixes=(),
        )

    def _marked(self, scan: Scan) -> Finding | None:
        """Return what is said of targets that are marks for "none", or lie far out; None where there are none."""
        labels = scan.labels
        if labels is None or labels.dtype.kind != "f" or len(labels) != len(scan.indices):
            return None
        targets = labels.reshape(len(labels), -1)
        found = far_targets(targets)
        if not found:
            return None
        rows = sorted(found, key=lambda row: -found[row])
        worst, numbers = rows[0], scan.indices[rows]
        value = float(targets[worst][np.nanargmax(np.abs(targets[worst]))])
        again = int((targets == value).any(1).sum())
        same = f"{again} of them the same: a mark for none, perhaps" if again > 1 else "no other like it"
        return self.found(
            f"{len(rows)} of {len(targets):,} targets lie far out, such as {value:.6g} in sample {numbers[0]}, "
            f"{found[worst]:,.0f} times the usual spread from the median (limit {self.spreads:g}), {same}",
            severity=Severity.WARNING,
            measured=found[worst],
            limit=self.spreads,
            where=[f"sample {number}" for number in numbers[:MOST_NAMED]],
            to_type=leave_out("dataset", numbers, why="after a look at them: they may be right"),
        )

    # --- whole rows -----------------------------------------------------------------------------------------------

    def _distances(self, values: np.ndarray) -> Distances | None:
        usable = np.isnan(values).mean(0) <= MOST_MISSING
        if not usable.any():
            return None
        return neighbour_distances(
            filled(values[:, usable]),
            neighbours=self.neighbours,
            references=self.references,
            queries=self.queries,
            fence=self.fence,
        )

    def _far_from_others(self, scan: Scan, distances: Distances, known: set[int]) -> list[Finding]:
        rows = [int(row) for row in distances.beyond if int(row) not in known]
        if not rows:
            return []
        # scipy.stats takes half a second to import: only those who look pay.
        from scipy.stats import poisson

        alone = distances.values[~np.isin(distances.rows, list(known))]
        gap = widest_gap(alone, distances.upper, from_spreads=self.gap, from_ratio=self.gap)
        unmistakable = gap is not None and gap.p <= self.far_away
        chance = float(poisson.sf(len(rows) - 1, max(distances.expected, 0.1)))
        if not unmistakable and chance > self.unexpected:
            return []
        if unmistakable:
            rows = rows[: gap.count]
        numbers = scan.indices[scan.rows[rows]]
        farthest = float(alone.max() / distances.typical)
        limit = distances.fence / distances.typical
        expected = f", where about {distances.expected:.0f} are to be expected" if distances.expected >= 0.5 else ""
        return [
            self.found(
                f"{len(rows)} of {len(distances.rows):,} rows {'lies' if len(rows) == 1 else 'lie'} far from all "
                f"others{expected}: the farthest, sample "
                f"{numbers[0]}, is {farthest:.3g} times as far from its {self.neighbours} nearest "
                f"rows as usual (limit {limit:.3g})",
                severity=Severity.WARNING if unmistakable else Severity.NOTE,
                measured=farthest,
                limit=limit,
                where=[f"sample {number}" for number in numbers[:MOST_NAMED]],
                to_type=leave_out("dataset", numbers, why="after a look at them: they may be right"),
            )
        ]

    # --- pictures -------------------------------------------------------------------------------------------------

    def _pictures(self, scan: Scan, values: np.ndarray) -> Answer:
        findings, pictures = [], []
        evidence = [f"looked at {scan.share}"]
        blank = blank_pictures(scan, self.blank)
        if 0 < len(blank) <= len(values) // 2:
            numbers = scan.indices[scan.rows[blank]]
            findings.append(
                self.found(
                    f"{len(blank)} of {len(values):,} pictures are blank: their values differ by less than "
                    f"{self.blank:g} of 255, the limit",
                    severity=Severity.WARNING,
                    measured=len(blank),
                    limit=self.blank,
                    where=[f"sample {number}" for number in numbers[:MOST_NAMED]],
                    to_type=leave_out("dataset", numbers, why="after a look at them: they may be right"),
                )
            )
            pictures.append(Shown(title="Blank pictures", indices=tuple(numbers[:24].tolist())))
        odd = odd_pictures(scan, values, self.fence, set(blank.tolist()))
        if odd:
            ranked = sorted(odd, key=lambda row: -odd[row][1])
            numbers = scan.indices[scan.rows[ranked]]
            findings.append(
                self.found(
                    f"{len(ranked)} of {len(values):,} pictures are unlike the others, such as sample {numbers[0]} "
                    f"with {odd[ranked[0]][0]}, {odd[ranked[0]][1]:.1f} interquartile ranges beyond the middle half "
                    f"(limit {self.fence:g})",
                    severity=Severity.NOTE,
                    measured=odd[ranked[0]][1],
                    limit=self.fence,
                    where=[f"sample {number}" for number in numbers[:MOST_NAMED]],
                    evidence=[f"sample {n}: {odd[r][0]}" for n, r in zip(numbers, ranked[:20], strict=False)],
                    to_type=leave_out("dataset", numbers, why="after a look at them: they may be right"),
                )
            )
            captions = tuple(odd[row][0] for row in ranked[:24])
            pictures.append(Shown(title="Unlike the others", indices=tuple(numbers[:24].tolist()), captions=captions))
        if findings:
            return self.bad(*findings, evidence=evidence, pictures=pictures)
        return self.fine(f"{len(values):,} pictures: none blank, none unlike all others", evidence=evidence)


def _target_numbers(scan: Scan) -> np.ndarray | None:
    """Return the targets of the rows, shape (M, k); None where they are classes, or yes and no."""
    labels = scan.labels
    if labels is None or labels.dtype.kind != "f" or len(labels) != len(scan.indices):
        return None
    targets = labels[scan.rows].reshape(len(scan.rows), -1).astype(np.float32)
    targets = np.where(np.isfinite(targets), targets, np.nan)
    whole = np.nan_to_num(targets) == np.round(np.nan_to_num(targets))
    return None if not targets.size or whole.all() else targets


def _names_of(targets: np.ndarray) -> tuple[str, ...]:
    many = targets.shape[1] > 1
    return tuple(f"target {place}" if many else "the target" for place in range(targets.shape[1]))


def _mostly_one_value(values: np.ndarray) -> float:
    """Return the share of the features that hold one value in at least half of the rows."""
    middle = np.median(np.nan_to_num(values), axis=0)
    return float(((values == middle).mean(0) >= 0.5).mean())
