"""Small plots as hand-made SVG: lines on two axes, a limit, marks. About 1 ms each, where matplotlib takes 50.

Colours are classes (see `plot_style`): one drawing is right on a light and on a dark page. Everything is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import isfinite

import numpy as np

from autofix_nb.report.scale import Scale, number, on_log
from autofix_nb.report.thinning import thinned

WIDTH, HEIGHT = 400, 165
"""Size of a plot in its own units; on the page it is as wide as there is room."""

LEFT, RIGHT, TOP, BOTTOM = 52, 10, 24, 30
"""Room around the axes, for numbers and words."""

MOST_POINTS = 240
"""Points drawn of a line; more cannot be told apart in so little room."""

MOST_MARKS = 30
"""Marks drawn in a plot."""

LOG_FROM = 30.0
"""Ratio of the largest to the smallest value from which a positive signal is drawn on a log scale."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve: steps and values, both of shape (points,). What is not finite is left out."""

    name: str
    steps: np.ndarray
    values: np.ndarray
    faint: bool = False
    """Drawn thin and pale, as the unsmoothed signal behind a smoothed one. It has no place in the legend."""

    colour: int = 1
    """1 to 4, see `plot_style`."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An upright line at a step, with a word beside it and a sentence when pointed at."""

    step: float
    word: str = ""
    says: str = ""
    done: bool = False
    """Something that was done, in the colour of what is well; else something that was found."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Curves over the steps of a run, and what is drawn with them."""

    title: str
    lines: Sequence[Line]
    limit: float | None = None
    marks: Sequence[Mark] = field(default=())
    log: bool | None = None
    """Whether the values are on a log scale; None decides by their range."""

    span: tuple[float, float] | None = None
    """First and last step shown; None shows all."""


Drawn = Sequence[tuple[Line, np.ndarray, np.ndarray]]
"""Lines with the points of them that are drawn."""


def to_svg(plot: Plot, *, width: int = WIDTH, height: int = HEIGHT, points: int = MOST_POINTS) -> str:
    """Return the plot as an SVG element; empty where no point is finite."""
    drawn = [(line, *thinned(*_within(line, plot.span), points)) for line in plot.lines]
    drawn = [one for one in drawn if len(one[1])]
    if not drawn:
        return ""
    values = np.concatenate([one[2] for one in drawn])
    log = _is_log(values) if plot.log is None else plot.log and bool(on_log(values).any())
    if log:
        values = values[on_log(values)]
    limit = plot.limit if plot.limit is not None and isfinite(plot.limit) and (not log or on_log(plot.limit)) else None
    across = plot.span or (min(one[1][0] for one in drawn), max(one[1][-1] for one in drawn))
    x = Scale(float(across[0]), float(across[1]), LEFT, width - RIGHT)
    low, high = float(values.min()), float(values.max())
    if limit is not None:
        low, high = min(low, limit), max(high, limit)
    y = Scale.padded(low, high, height - BOTTOM, TOP, log=log)
    several = sum(not line.faint for line, *_ in drawn) > 1
    label = escape(_said(plot, drawn))
    parts = [f'<svg class="afx-plot" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">']
    parts += _axes(x, y, width, height)
    title = plot.title if not several else ""
    parts.append(f'<text class="afx-t" x="{LEFT}" y="14">{escape(_short(title, 60))}</text>' if title else "")
    parts += _legend(drawn) if several else []
    if log:
        parts.append(f'<text x="{width - RIGHT}" y="14" text-anchor="end">log scale</text>')
    parts += _curves(drawn, x, y, log=log)
    if limit is not None:
        at = y(limit)
        parts.append(f'<line class="afx-limit" x1="{LEFT}" x2="{width - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        above = at - 4 if at > TOP + 14 else at + 12
        parts.append(
            f'<text class="afx-words" x="{width - RIGHT - 2}" y="{above:.1f}" text-anchor="end">'
            f"limit {escape(number(limit))}</text>"
        )
    parts += _marks(plot.marks, x, width, height)
    return "".join([*parts, "</svg>"])


def _within(line: Line, span: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    steps, values = np.asarray(line.steps), np.asarray(line.values, dtype=np.float64)
    if span is None:
        return steps, values
    inside = (steps >= span[0]) & (steps <= span[1])
    return steps[inside], values[inside]


def _is_log(values: np.ndarray) -> bool:
    low, high = float(values.min()), float(values.max())
    return bool(on_log(low) and on_log(high)) and high / LOG_FROM > low


def _axes(x: Scale, y: Scale, width: int, height: int) -> list[str]:
    bottom = height - BOTTOM
    parts = []
    for value in y.ticks(4):
        at = y(value)
        parts.append(f'<line class="afx-grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{escape(number(value))}</text>')
    for value in x.ticks(5):
        if value == int(value):
            at = x(value)
            parts.append(f'<text x="{at:.1f}" y="{bottom + 13}" text-anchor="middle">{escape(number(value))}</text>')
    parts.append(f'<path class="afx-axis" d="M{LEFT} {TOP}V{bottom}H{width - RIGHT}"/>')
    parts.append(f'<text x="{width - RIGHT}" y="{height - 3}" text-anchor="end">step</text>')
    return parts


def _curves(drawn: Drawn, x: Scale, y: Scale, *, log: bool) -> list[str]:
    parts = []
    for line, steps, values in drawn:
        pairs = zip(steps, values, strict=True)
        points = [(x(float(at)), y(float(value))) for at, value in pairs if not log or on_log(value)]
        if not points:
            continue
        kind = "afx-raw" if line.faint else "afx-line"
        if len(points) == 1:
            points = [(points[0][0] - 2, points[0][1]), (points[0][0] + 2, points[0][1])]
        way = "L".join(f"{across:.1f} {up:.1f}" for across, up in points)
        parts.append(f'<path class="afx-{line.colour} {kind}" d="M{way}"/>')
    return parts


def _legend(drawn: Drawn) -> list[str]:
    parts, at = [], LEFT
    for line, *_ in drawn:
        if line.faint:
            continue
        name = _short(line.name, 26)
        parts.append(f'<line class="afx-{line.colour} afx-line" x1="{at}" x2="{at + 18}" y1="10" y2="10"/>')
        parts.append(f'<text class="afx-t" x="{at + 22}" y="14">{escape(name)}</text>')
        at += 36 + round(6.6 * len(name))
    return parts


def _marks(marks: Sequence[Mark], x: Scale, width: int, height: int) -> list[str]:
    parts: list[str] = []
    taken = -1e9
    inside = [mark for mark in marks if LEFT - 0.5 <= x(mark.step) <= width - RIGHT + 0.5]
    for mark in sorted(inside, key=lambda one: one.step)[:MOST_MARKS]:
        at = x(mark.step)
        title = f"<title>{escape(mark.says)}</title>" if mark.says else ""
        kind = "afx-done" if mark.done else "afx-mark"
        line = f'<line class="{kind}" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{height - BOTTOM}"'
        parts.append(f"{line}>{title}</line>" if title else f"{line}/>")
        room = 6.2 * len(mark.word)
        left = at + room + 6 > width - RIGHT
        begin = at - room - 4 if left else at + 3
        if mark.word and begin > taken:
            anchor, place = ("end", at - 3) if left else ("start", at + 3)
            words = "afx-words-done" if mark.done else "afx-words"
            parts.append(
                f'<text class="{words}" x="{place:.1f}" y="{TOP + 9}" text-anchor="{anchor}">{escape(mark.word)}</text>'
            )
            taken = begin + room + 4
    return parts


def _said(plot: Plot, drawn: Drawn) -> str:
    """Return in words what is drawn, for those who cannot see it."""
    curves = "; ".join(
        f"{line.name} from {number(float(values[0]))} to {number(float(values[-1]))}, "
        f"at most {number(float(values.max()))}"
        for line, _, values in drawn
        if not line.faint
    )
    limit = f", limit {number(plot.limit)}" if plot.limit is not None and isfinite(plot.limit) else ""
    return f"{plot.title}: {curves}{limit}" if plot.title else f"{curves}{limit}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
