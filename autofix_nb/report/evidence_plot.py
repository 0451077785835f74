"""The evidence of a finding: the signals that its detector judged, around the step, with limit and marks.

Worked out as plain values first, as everything in a report, and drawn from these.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np

from autofix_nb.detectors import DETECTORS
from autofix_nb.history import History
from autofix_nb.report.signal_names import named
from autofix_nb.report.svg import Line, Mark, Plot, to_svg
from autofix_nb.report.thinning import smoothed, thinned

Plain = dict[str, Any]

BEFORE, AFTER = 300, 150
"""Recorded points shown before and after the step of a finding."""

MOST_POINTS = 120
"""Points kept of a curve: a spike stays, see `thinning`."""

MOST_PLACES = 3
"""Places named by a finding that get a curve."""

SMOOTHED_FROM = 40
"""Points from which a curve is smoothed, with itself pale behind it."""

MOST_MARKS = 6
"""Changes marked in a plot."""

SHOWS = {detector.code: detector.shows for detector in DETECTORS}


def plots_of(finding: Mapping[str, Any], history: History, changes: Sequence[Plain]) -> list[Plain]:
    """Return the plots of a finding as plain values: title, lines, limit, marks. Empty where there is nothing to see.

    `changes` are what was done against it; their steps are marked.
    """
    made = []
    for names in SHOWS.get(finding["code"], ()):
        at = finding["first_step"]
        wanted = chain.from_iterable(_filled_in(name, finding["where"]) for name in names)
        series = {name: _around(*series_of(history, name), at) for name in dict.fromkeys(wanted)}
        series = {name: both for name, both in series.items() if len(both[1])}
        if not series:
            continue
        limit = finding["limit"] if finding.get("judged") in series and isfinite(float(finding["limit"])) else None
        lines = list(chain.from_iterable(_lines(_name(history, name), *both) for name, both in series.items()))
        steps = np.concatenate([both[0] for both in series.values()])
        marks = [{"step": at, "word": "found", "says": f"found: {finding['says']}", "done": False}]
        marks += [
            {"step": one["step"], "word": one["fix"], "says": f"{one['verdict']}: {one['says']}", "done": True}
            for one in changes[:MOST_MARKS]
            if one["step"] is not None
        ]
        marks = [mark for mark in marks if steps.min() <= mark["step"] <= steps.max()]
        title = " and ".join(_name(history, name) for name in series)
        made.append({"title": title, "lines": lines, "limit": limit, "marks": marks})
    return made


def draw(plot: Mapping[str, Any]) -> str:
    """Return one of the plots as SVG."""
    names = list(dict.fromkeys(line["name"] for line in plot["lines"]))
    lines = [
        Line(
            name=line["name"],
            steps=np.array(line["steps"], dtype=np.float64),
            values=np.array(line["values"], dtype=np.float64),
            faint=line["faint"],
            colour=names.index(line["name"]) % 4 + 1,
        )
        for line in plot["lines"]
    ]
    marks = [Mark(**mark) for mark in plot["marks"]]
    return to_svg(Plot(title=plot["title"], lines=lines, limit=plot["limit"], marks=marks))


def series_of(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the finite points of a signal, or of a column of the epoch table; both arrays have shape (points,)."""
    if name in history:
        steps, values = history.series(name)
    else:
        rows = [row for row in history.epochs if isinstance(row.get(name), int | float) and "step" in row]
        steps = np.array([row["step"] for row in rows], dtype=np.float64)
        values = np.array([row[name] for row in rows], dtype=np.float64)
    finite = np.isfinite(values)
    return steps[finite], values[finite]


def _filled_in(name: str, where: Sequence[str]) -> list[str]:
    return [name.replace("{where}", place) for place in where[:MOST_PLACES]] if "{where}" in name else [name]


def _around(steps: np.ndarray, values: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
    place = int(np.searchsorted(steps, at, side="right"))
    # One that was found early has little before it, and so more after it.
    stop = max(place + AFTER, BEFORE + AFTER)
    inside = slice(max(0, place - BEFORE), stop)
    return steps[inside], values[inside]


def _lines(name: str, steps: np.ndarray, values: np.ndarray) -> list[Plain]:
    """Return a curve; one of many points with its smoothed form, and one of yes and no in that form alone."""
    is_share = bool(np.isin(values, (0.0, 1.0)).all())
    # What mostly stays as it is, as a rate does, has no noise to be smoothed.
    is_steady = not is_share and 2 * np.count_nonzero(np.diff(values)) < len(values)
    if len(values) < SMOOTHED_FROM or is_steady:
        return [_line(name, steps, values)]
    smooth = _line(name, steps, smoothed(values, max(5, len(values) // 20)))
    return [smooth] if is_share else [_line(name, steps, values, faint=True), smooth]


def _line(name: str, steps: np.ndarray, values: np.ndarray, *, faint: bool = False) -> Plain:
    steps, values = thinned(steps, values, MOST_POINTS)
    short = [float(f"{value:.5g}") for value in values.tolist()]
    return {"name": name, "steps": [int(step) for step in steps], "values": short, "faint": faint}


def _name(history: History, name: str) -> str:
    rows = [row for row in history.epochs if "goal_name" in row]
    return named(str(rows[-1]["goal_name"])) if name == "goal" and rows else named(name)
