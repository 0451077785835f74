"""Values far out: separated from the tail of their own feature by a gap that the tail does not explain."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autofix_nb.evidence.classes import class_of_rows, task_or_none
from autofix_nb.evidence.marks import marks_of
from autofix_nb.evidence.neighbours import fitting_rows, some_rows
from autofix_nb.evidence.scan import Scan
from autofix_nb.evidence.subject import Subject
from autofix_nb.evidence.tails import Gap, centres, widest_gap
from autofix_nb.finding import NotApplicable

QUANTILE_ROWS = 20_000
"""Median and spread of a feature are taken from so many rows at most."""

FEWEST_OF_A_CLASS = 5
"""Rows far out from which on they may be what a class is like."""


@dataclass(frozen=True, kw_only=True)
class FarOut:
    """Values of one feature beyond a gap, on one side."""

    column: int
    name: str
    median: float
    edge: float
    """The value from which on they are far out."""

    gap: Gap
    rows: np.ndarray
    spreads: np.ndarray
    """How far from the median each of these rows lies, in robust standard deviations."""


def far_out(
    subject: Subject, scan: Scan, values: np.ndarray, *, from_spreads: float, from_ratio: float
) -> Iterator[FarOut]:
    """Yield the values beyond a gap of each feature, but for those that are what a class is like; (M, d) with NaN."""
    most = fitting_rows(QUANTILE_ROWS, values.shape[1])
    medians, spreads = centres(values[some_rows(len(values), most, np.random.default_rng(0))])
    kinds = _classes(subject, scan)
    for column, name in enumerate(scan.names):
        spread = spreads[column] or _spread_of_the_rest(values[:, column] - medians[column])
        if not spread > 0:
            continue
        for sign in (1, -1):
            away = sign * (values[:, column] - medians[column])
            gap = widest_gap(away, spread, from_spreads=from_spreads, from_ratio=from_ratio)
            if gap is None:
                continue
            rows = np.flatnonzero(away >= gap.edge)
            if not _is_a_class(rows, kinds):
                yield FarOut(
                    column=column,
                    name=name,
                    median=float(medians[column]),
                    edge=float(medians[column] + sign * gap.edge),
                    gap=gap,
                    rows=rows,
                    spreads=away[rows] / spread,
                )


def input_marks(subject: Subject, scan: Scan, values: np.ndarray) -> dict[int, np.ndarray]:
    """Return, by column of (M, d) with NaN, the rows that hold its mark for "none", but for what a class is like."""
    marks = marks_of(values)
    kinds = _classes(subject, scan) if not np.isnan(marks).all() else None
    found = {
        int(column): np.flatnonzero(values[:, column] == marks[column]) for column in np.flatnonzero(marks == marks)
    }
    return {column: rows for column, rows in found.items() if not _is_a_class(rows, kinds)}


def _classes(subject: Subject, scan: Scan) -> np.ndarray | None:
    try:
        return class_of_rows(scan, task_or_none(subject))
    except NotApplicable:
        return None


def _is_a_class(rows: np.ndarray, kinds: np.ndarray | None) -> bool:
    """Tell whether rows far out are most of a class: then that is what the class is like."""
    if kinds is None or len(rows) < FEWEST_OF_A_CLASS:
        return False
    kind = np.bincount(np.maximum(kinds[rows], 0)).argmax()
    return bool((kinds[rows] == kind).sum() > 0.5 * (kinds == kind).sum())


def _spread_of_the_rest(away: np.ndarray) -> float:
    """Return a spread for a feature that is nearly always the same: what the others usually differ by from that."""
    others = np.abs(away[np.isfinite(away) & (away != 0)])
    return float(np.quantile(others, 0.25)) if len(others) else 0.0
