"""Columns that should not be there: the target in disguise, numbers of the rows, copies of other columns.

A column leaks when it tells the target nearly perfectly on its own, on rows not learnt from, *and* all the other
columns together tell it clearly worse. Telling it well is no crime alone: petal widths separate irises. A column
numbers the rows when it holds whole numbers, different in each row, that grow with the rows, leave no gaps, or are
spread like keys.

References: Kaufman, Rosset & Perlich (2011), Leakage in Data Mining: Formulation, Detection, and Avoidance; Kapoor &
Narayanan (2023), Leakage and the reproducibility crisis in machine-learning-based science.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.typed import Columns
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import task_or_none, with_targets
from autofix_nb.evidence.neighbours import fitting_rows, some_rows
from autofix_nb.evidence.telling import (
    Telling,
    equal_columns,
    marks_of_classes,
    numbering,
    score_of,
    straight_lines,
    telling,
    without_gaps,
)
from autofix_nb.finding import Finding, NotApplicable, Severity

FEWEST_ROWS = 50
"""With fewer rows, columns agree by chance."""

MOST_CORRELATED = 1_000
"""With more columns, only exact copies are looked for."""

MOST_NUMBERS = 2_000_000
"""Rows times columns that are compared with the targets and with each other."""

MOST_COMPARED = 3
"""Columns compared with all others: where more tell the target as well, each leaves the others enough to tell it."""

MOST_NAMED = 20
"""Columns named in a finding."""

_NUMBERED = {
    "grows": "grows with every row",
    "falls": "falls with every row",
    "numbers": "numbers the rows: whole numbers close to each other, none twice",
    "key": "looks like a key: whole numbers spread evenly, none twice",
}


@dataclass(frozen=True, kw_only=True)
class LeakingColumns(Check):
    """Does a column give the target away, number the rows, or repeat another?"""

    code: ClassVar = "D11"
    title: ClassVar = "Columns that should not be there"
    needs: ClassVar = frozenset({"train"})
    takes_time: ClassVar = True

    accuracy: float = 0.99
    """Balanced accuracy of one column alone from which it may give the classes away."""

    explained: float = 0.99
    """R² of one column alone from which it may give the numbers to be predicted away."""

    others_worse: float = 0.05
    """How much worse all the other columns together must be for the column to be the one that gives it away."""

    times_worse: float = 5
    """The same, in times the error of the column alone."""

    correlation: float = 0.99999
    """Correlation, up or down, from which one column is another in other units."""

    rows: int = 4_000
    """Rows that are looked at for what the columns tell of the target, and of each other."""

    def look(self, subject: Subject) -> Answer:
        scan = subject.scan("train")
        if scan.kind != "table" or scan.features is None or not scan.features.size:
            raise NotApplicable(f"the samples are no rows of a table (kind `{scan.kind}`)")
        count, width = scan.features.shape
        if count < FEWEST_ROWS:
            raise NotApplicable(f"{count} rows, at least {FEWEST_ROWS} are needed to tell a leak from chance")
        if width < 2:
            raise NotApplicable("there is one column only, with nothing to compare it with")
        rows = some_rows(count, fitting_rows(self.rows, width, MOST_NUMBERS), np.random.default_rng(0))
        columns = Columns.of(subject, scan)
        said, findings = [], []
        try:
            leaks, says = self._leaks(subject, scan, rows, columns)
            findings += leaks
            said.append(says)
        except NotApplicable as reason:
            said.append(f"not compared with the targets ({reason})")
        findings += self._numbered(scan, columns)
        findings += self._repeated(scan, rows, columns)
        evidence = [f"looked at {scan.share}"]
        if len(rows) < count:
            evidence.append(f"{len(rows):,} of {count:,} rows compared with the targets and with each other")
        if findings:
            return self.bad(*findings, evidence=[*evidence, *said])
        return self.fine(f"{width} columns: none numbers the rows or repeats another; {said[0]}", evidence=evidence)

    # --- the target -----------------------------------------------------------------------------------------------

    def _leaks(self, subject: Subject, scan: Scan, rows: np.ndarray, columns: Columns) -> tuple[list[Finding], str]:
        values, targets, classes = with_targets(scan, task_or_none(subject), rows, fewest=FEWEST_ROWS)
        limit = self.accuracy if classes else self.explained
        measure = "balanced accuracy" if classes else "R²"
        found = telling(values, targets, classes=classes, promising=limit - 0.07)
        exact = [one for one in found if one.exact]
        findings = [self._copies(exact, scan, columns, classes)] if exact else []
        rest = without_gaps(values)
        marks = marks_of_classes(rest, targets) if classes else []
        findings += [self._marks(marks, scan, columns)] if marks else []
        for one in [one for one in found if not one.exact and one.score >= limit][:MOST_COMPARED]:
            same = {pair for first, second, _ in straight_lines(values, self.correlation) for pair in (first, second)}
            left_out = {one.column, *marks, *(copy.column for copy in exact), *(same if one.column in same else ())}
            others = np.array([column for column in range(values.shape[1]) if column not in left_out], dtype=int)
            subject.clock.need(2, "comparing a column with all others")
            score = score_of(rest[:, others], targets, classes=classes)
            if 1 - score >= max(self.others_worse, self.times_worse * (1 - one.score)):
                findings.append(
                    self.found(
                        f"column {scan.names[one.column]} alone tells the target with a {measure} of {one.score:.3f} "
                        "on rows "
                        f"not learnt from (limit {limit:g}), all other columns together {score:.3f}: will it be known "
                        "when the model is used?",
                        severity=Severity.WARNING,
                        measured=one.score,
                        limit=limit,
                        where=[f"column {scan.names[one.column]}"],
                        to_type=columns.drop([one.column]),
                    )
                )
        best = max((one.score for one in found), default=0.0)
        if found:
            return findings, f"the column that tells most of the target has a {measure} of {best:.2f} alone"
        return findings, f"no column alone tells the target with a {measure} near {limit:g}"

    def _copies(self, exact: list[Telling], scan: Scan, columns: Columns, classes: bool) -> Finding:
        names = [scan.names[one.column] for one in exact]
        what = "has one value for each class and no other" if classes else "is the target on another scale"
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        return self.found(
            f"column {names[0]}{more} {what}: it tells the target with a certainty of 100% (limit "
            f"{self.accuracy if classes else self.explained:.0%}), and the model need learn nothing else",
            severity=Severity.CRITICAL,
            measured=1.0,
            limit=self.accuracy if classes else self.explained,
            where=[f"column {name}" for name in names[:MOST_NAMED]],
            to_type=columns.drop([one.column for one in exact]),
        )

    def _marks(self, marks: list[int], scan: Scan, columns: Columns) -> Finding:
        names = [scan.names[column] for column in marks]
        return self.found(
            f"{len(names)} columns of yes and no mark one class each, such as {names[0]} and {names[1]}: together they "
            f"tell the target with a certainty of 100% (limit {self.accuracy:.0%}), as if it had been encoded with the "
            "features",
            severity=Severity.CRITICAL,
            measured=1.0,
            limit=self.accuracy,
            where=[f"column {name}" for name in names[:MOST_NAMED]],
            to_type=columns.drop(marks),
        )

    # --- the order of the rows ------------------------------------------------------------------------------------

    def _numbered(self, scan: Scan, columns: Columns) -> list[Finding]:
        kinds = {}
        for column in range(scan.features.shape[1]):
            told = scan.features[:, column]
            kind = numbering(told, max(len(told), scan.samples or 0)) if np.isfinite(told).all() else ""
            if kind:
                kinds[column] = kind
        if not kinds:
            return []
        first = next(iter(kinds))
        share = len(np.unique(scan.features[:, first])) / len(scan.features)
        more = f" (and {len(kinds) - 1} more like it)" if len(kinds) > 1 else ""
        return [
            self.found(
                f"column {scan.names[first]} {_NUMBERED[kinds[first]]}{more}: {share:.0%} of its values are different "
                "(limit "
                "99%), so a model can learn rows by their number, and nothing for new ones",
                severity=Severity.WARNING,
                measured=share,
                limit=0.99,
                where=[f"column {scan.names[column]}" for column in list(kinds)[:MOST_NAMED]],
                evidence=[f"{scan.names[column]} {_NUMBERED[kind]}" for column, kind in kinds.items()],
                to_type=columns.drop(list(kinds)),
            )
        ]

    # --- each other -----------------------------------------------------------------------------------------------

    def _repeated(self, scan: Scan, rows: np.ndarray, columns: Columns) -> list[Finding]:
        findings = []
        groups = equal_columns(scan.features)
        if groups:
            copies = [column for group in groups for column in group[1:]]
            findings.append(
                self.found(
                    f"{len(copies)} of {len(scan.names)} columns are the same as another in every row, such as "
                    f"{scan.names[groups[0][1]]} and {scan.names[groups[0][0]]} (limit 0): they weigh twice and tell "
                    "nothing new",
                    severity=Severity.WARNING,
                    measured=len(copies),
                    limit=0,
                    where=[f"column {scan.names[column]}" for column in copies[:MOST_NAMED]],
                    evidence=[" = ".join(scan.names[column] for column in group) for group in groups[:MOST_NAMED]],
                    to_type=columns.drop(copies),
                )
            )
        if scan.features.shape[1] > MOST_CORRELATED:
            return findings
        group_of = {column: group for group in groups for column in group}
        # A copy stands for its original: it is told of above.
        lines = [
            pair
            for pair in straight_lines(scan.features[rows], self.correlation)
            if all(column not in group_of or column == group_of[column][0] for column in pair[:2])
        ]
        if lines:
            first, second, strength = max(lines, key=lambda pair: abs(pair[2]))
            findings.append(
                self.found(
                    f"{len(lines)} {'pair of columns is' if len(lines) == 1 else 'pairs of columns are'} the same in "
                    f"other units, such as {scan.names[first]} and "
                    f"{scan.names[second]}, correlation {strength:.6f} (limit {self.correlation:g})",
                    severity=Severity.NOTE,
                    measured=abs(strength),
                    limit=self.correlation,
                    where=[f"column {scan.names[pair[1]]}" for pair in lines[:MOST_NAMED]],
                    evidence=[f"{scan.names[a]} and {scan.names[b]}: {r:.6f}" for a, b, r in lines[:MOST_NAMED]],
                    to_type=columns.drop(sorted({pair[1] for pair in lines})),
                )
            )
        return findings
