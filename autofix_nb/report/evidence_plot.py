"""The evidence of a finding: the signals that its detector judged, around the step, with limit and marks.

Worked out as plain values first, as everything in a report, and drawn from these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np

from autofix_nb.detectors import DETECTORS
from autofix_nb.history import History
from autofix_nb.report.plot import SMALL, Line, Mark, Plot
from autofix_nb.report.plot import draw as drawn
from autofix_nb.report.plot.columns import smooth
from autofix_nb.report.plot.marks import VERDICTS
from autofix_nb.report.signal_names import named

Plain = dict[str, Any]

BEFORE, AFTER = 300, 150
"""Recorded points shown before and after the step of a finding."""

FRAME = replace(SMALL, columns=120)
"""A report may have many plots, and is kept in the notebook."""

MOST_PLACES = 3
"""Places named by a finding that get a curve."""

SMOOTHED_FROM = 40
"""Points from which a curve is smoothed, with its extremes pale behind it; of fewer each is a dot."""

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
        lines = [_line(name_of(history, name), *both) for name, both in series.items()]
        steps = np.concatenate([both[0] for both in series.values()])
        answered = any(one["step"] == at for one in changes)  # whose sign then takes its place
        marks = [] if answered else [{"kind": "found", "step": at, "text": finding["says"], "word": "found"}]
        for one in changes[:MOST_MARKS]:
            kind = VERDICTS.get(one["verdict"], "undone")
            marks.append({"kind": kind, "step": one["step"], "text": one["says"], "word": one["fix"]})
        marks = [mark for mark in marks if mark["step"] is not None and steps.min() <= mark["step"] <= steps.max()]
        title = " and ".join(line["name"] for line in lines)
        log = scale_of(next(iter(series)))
        made.append({"title": title, "lines": lines, "limit": limit, "marks": marks, "log": log})
    return made


def draw(plot: Mapping[str, Any]) -> str:
    """Return one of the plots as HTML; empty where no point is in it."""
    lines = [
        Line(
            label=line["name"],
            steps=np.array(line["steps"], dtype=np.float64),
            values=np.array(line["values"], dtype=np.float64),
            colour=f"s{place % 5 + 1}",
            kind=line["kind"],
        )
        for place, line in enumerate(plot["lines"])
        if line["steps"]
    ]
    if not lines:
        return ""
    span = min(line.steps[0] for line in lines), max(line.steps[-1] for line in lines)
    title = plot["title"] if len(lines) == 1 else ""
    shown = Plot(title=title, lines=lines, limit=plot["limit"], log=plot["log"], is_whole=True, with_newest=False)
    return drawn(shown, span, [Mark(**one) for one in plot["marks"]], above=True, signs=True, frame=FRAME)


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


def scale_of(name: str) -> bool | None:
    """Return False for metrics, which have a linear scale; None for what is judged by its range, as a loss is."""
    is_metric = name == "goal" or (name.startswith(("val/", "train/")) and "loss" not in name)
    return False if is_metric else None


def _filled_in(name: str, where: Sequence[str]) -> list[str]:
    return [name.replace("{where}", place) for place in where[:MOST_PLACES]] if "{where}" in name else [name]


def _around(steps: np.ndarray, values: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
    place = int(np.searchsorted(steps, at, side="right"))
    # One that was found early has little before it, and so more after it.
    stop = max(place + AFTER, BEFORE + AFTER)
    inside = slice(max(0, place - BEFORE), stop)
    return steps[inside], values[inside]


def _line(name: str, steps: np.ndarray, values: np.ndarray) -> Plain:
    """Return a curve, and how it is drawn; one of yes and no as the share of yes."""
    # What mostly stays as it is, as a rate does, has no noise to be smoothed.
    kind = "exact" if 2 * np.count_nonzero(np.diff(values)) < len(values) else "band"
    if len(values) < SMOOTHED_FROM:
        kind = "dots"
    elif np.isin(values, (0.0, 1.0)).all():
        kind, values = "exact", smooth(values)
    short = [float(f"{value:.5g}") for value in values.tolist()]
    return {"name": name, "kind": kind, "steps": [int(step) for step in steps], "values": short}


def name_of(history: History, name: str) -> str:
    """Return what a signal is called; the goal is called by its own name."""
    rows = [row for row in history.epochs if "goal_name" in row]
    return named(str(rows[-1]["goal_name"])) if name == "goal" and rows else named(name)
