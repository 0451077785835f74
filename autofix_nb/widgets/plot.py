"""One small plot as SVG, made by hand: about a millisecond, where a picture by matplotlib takes 50 to 190.

Colours are classes of the style sheet, so that light and dark are the page's choice. There is no id in it: two runs on
one page cannot meet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from autofix_nb.widgets import frame
from autofix_nb.widgets.axis import Axis, axis_of
from autofix_nb.widgets.frame import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from autofix_nb.widgets.marks import Mark, in_columns
from autofix_nb.widgets.numbers import compact, short
from autofix_nb.widgets.thinning import Columns, columns_of, smooth

SIGNS_ABOVE = 10
"""Room above a plot for the signs of marks."""

COLUMNS = 216
"""Columns of a series in which extremes are kept."""

DOTS = 40
"""A line through more points than this has no dots."""

SMALL = 'transform="scale(.1)"'
"""Paths are written in tenths of a unit: whole numbers are shorter, and written faster."""

PEGS_APART = 0.04
"""Share of the axis within which signs at the upper edge would cover each other."""

MOST_NUMBERS = 3
"""Lines whose names and newest values have room in one title line; more have two, without values."""

MOST_PEGS = 12
"""Places at the upper edge where values beyond the axis, or none, are shown; the rest is counted in the last one."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series in a plot."""

    label: str
    steps: np.ndarray
    values: np.ndarray
    colour: str = "s1"
    """One of the style sheet's: `s1` to `s5`."""

    kind: str = "band"
    """`band`: extremes faint, the middle smoothed over them; `exact`: these and the middle as it is; `smooth`: the
    smoothed middle alone; `dots`: a point each."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What one small plot shows."""

    title: str
    unit: str = ""
    lines: Sequence[Line] = ()
    log: bool | None = None
    """Whether the values are on a logarithmic scale; None: where they cover much."""

    aside: str = ""
    """Some words at the end of the title line."""

    star: tuple[float, float] | None = None
    """Step and value of the best."""

    level: tuple[float, str] | None = None
    """A value that a line across shows, and what it is."""

    shares: tuple[np.ndarray, np.ndarray] | None = None
    """Steps, and shares between 0 and 1, for a strip of shades below."""

    empty: str = "from the first steps on"
    """What stands there while there is nothing to draw."""


def draw(
    plot: Plot, span: tuple[float, float], marks: Sequence[Mark] = (), *, above: bool = False, signs: bool = False
) -> str:
    """Return the plot as HTML: its title line, and the SVG. `span` are the first and last step of the axis below.

    Marks are lines across; with `signs` each has its sign above, whose hover text says what it was. `above` leaves
    room for signs.
    """
    first, last = span
    drawn = [(line, columns_of(line.steps, line.values, first, last, COLUMNS)) for line in plot.lines]
    drawn = [(line, columns) for line, columns in drawn if len(columns.steps) or len(columns.bad_steps)]
    x = Axis(first, max(last, first + 1))
    y = axis_of([columns.low for _, columns in drawn], [columns.high for _, columns in drawn], log=plot.log)
    parts = [_frame(x, y, written=bool(drawn)), *_mark_lines(x, marks)]
    if plot.shares is not None:
        parts += _strip(x, *plot.shares)
    if plot.level is not None and drawn and y.low < plot.level[0] < y.high:
        parts.append(_level(y, *plot.level))
    for line, columns in drawn:
        parts += _line(x, y, line, columns)
    if plot.star is not None:
        parts.append(_star(x, y, *plot.star))
    if not drawn:
        parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT / 2}" class="m">{escape(plot.empty)}</text>')
    if signs:
        parts += [_sign(x, mark) for mark in in_columns(marks, first, x.high)]
    said = escape(_described(plot, drawn), quote=True)
    box = f"0 {-SIGNS_ABOVE} {WIDTH} {HEIGHT + SIGNS_ABOVE}" if above else f"0 0 {WIDTH} {HEIGHT}"
    svg = f'<svg viewBox="{box}" role="img" aria-label="{said}">{"".join(parts)}</svg>'
    return f'<div class="p">{_caption(plot, drawn)}{svg}</div>'


def _caption(plot: Plot, drawn: Sequence[tuple[Line, Columns]]) -> str:
    unit = f", {escape(plot.unit)}" if plot.unit else ""
    keys = "".join(
        f'<span class="k {line.colour}" title="{escape(line.label, quote=True)}"><i></i>{escape(line.label)} '
        f"{f'<b>{short(_newest(line))}</b>' if len(drawn) <= MOST_NUMBERS else ''}</span>"
        for line, _ in drawn
    )
    aside = f'<span class="x">{escape(plot.aside)}</span>' if plot.aside else ""
    kind = "c" if len(drawn) <= MOST_NUMBERS else "c two"
    return f'<div class="{kind}"><span class="t">{escape(plot.title)}{unit}</span>{keys}{aside}</div>'


def _described(plot: Plot, drawn: Sequence[tuple[Line, Columns]]) -> str:
    return f"{plot.title}: " + (
        ", ".join(f"{line.label} {short(_newest(line))}" for line, _ in drawn) or f"nothing yet, {plot.empty}"
    )


def _newest(line: Line) -> float:
    """Return the newest value; of a band the newest of the smooth line, so that it does not flicker."""
    if line.kind == "dots" or not len(line.values):
        return float(line.values[-1]) if len(line.values) else float("nan")
    newest = line.values[-max(1, min(25, len(line.values) // 20)) :]
    finite = newest[np.isfinite(newest)]
    return float(np.median(finite)) if len(finite) else float(newest[-1])


def _frame(x: Axis, y: Axis, *, written: bool) -> str:
    """Return the lines and numbers of both axes."""
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<path class="g" d="M{LEFT} {floor}H{right}"/>']
    for value, text in y.ticks() if written else ():
        at = frame.above(y, value)
        parts.append(
            f'<path class="g" d="M{LEFT} {at}H{right}"/><text x="{LEFT - 4}" y="{at}" dy=".33em">{text}</text>'
        )
    for value, text in x.ticks(compact):
        if written and value >= x.low:
            at = frame.at(x, value)
            parts.append(
                f'<path class="g" d="M{at} {floor}v3"/><text x="{at}" y="{HEIGHT - 6}" class="m">{text}</text>'
            )
    parts.append(f'<text x="{LEFT - 4}" y="{HEIGHT - 6}">step</text>')
    return "".join(parts)


def _line(x: Axis, y: Axis, line: Line, columns: Columns) -> Iterable[str]:
    across = frame.across(x, columns.steps)
    if line.kind in ("band", "exact") and len(across):
        high = frame.path(across, frame.down(y.place(columns.high)))
        low = frame.path(across[::-1], frame.down(y.place(columns.low))[::-1])
        yield f'<path class="b {line.colour}" {SMALL} d="M{high}L{low}Z"/>'
    if len(across):
        places = y.place(columns.middle)  # smoothed as it is seen, on a logarithmic scale too
        down = frame.down(places if line.kind in ("dots", "exact") else smooth(places))
        yield f'<path class="l {line.colour}" {SMALL} d="M{frame.path(across, down)}"/>'
        if line.kind == "dots" and len(across) <= DOTS:
            spots = zip(across.astype(int).tolist(), down.astype(int).tolist(), strict=True)
            yield f'<path class="d {line.colour}" {SMALL} d="{"".join(f"M{a} {d}h0" for a, d in spots)}"/>'
    beyond = columns.high > y.high
    if beyond.any():
        tops = zip(columns.steps[beyond].tolist(), columns.high[beyond].tolist(), strict=True)
        yield from _pegs(x, [(step, f"{line.label} {short(value)}", "▴") for step, value in tops], "o")
    if len(columns.bad):
        lost = zip(columns.bad_steps.tolist(), map(short, columns.bad.tolist()), strict=True)
        yield from _pegs(x, [(step, f"{line.label} {value}", value) for step, value in lost], "n")


def _pegs(x: Axis, pegs: Sequence[tuple[float, str, str]], kind: str) -> Iterable[str]:
    """Return signs at the upper edge; those that would cover each other are one."""
    groups: list[list[tuple[float, str, str]]] = []
    for peg in pegs:
        near = groups and x.at(peg[0]) - x.at(groups[-1][0][0]) < PEGS_APART
        if near or len(groups) == MOST_PEGS:
            groups[-1].append(peg)
        else:
            groups.append([peg])
    for group in groups:
        step, text, sign = group[0]
        more = f", and {len(group) - 1} more up to step {group[-1][0]:,.0f}" if len(group) > 1 else ""
        said = escape(f"step {step:,.0f}: {text}{more}")
        yield f'<text class="m {kind}" x="{frame.at(x, step)}" y="{TOP + 7}"><title>{said}</title>{sign}</text>'


def _star(x: Axis, y: Axis, step: float, value: float) -> str:
    said = f"best: {short(value)} at step {step:,.0f}"
    place = f'x="{frame.at(x, step)}" y="{frame.above(y, value)}"'
    return f'<text class="m s" {place} dy=".36em"><title>{said}</title>★</text>'


def _level(y: Axis, value: float, text: str) -> str:
    return f'<path class="v" d="M{LEFT} {frame.above(y, value)}H{WIDTH - RIGHT}"><title>{escape(text)}</title></path>'


def _strip(x: Axis, steps: np.ndarray, shares: np.ndarray) -> Iterable[str]:
    """Return a strip of shades along the axis: the darker, the larger the share."""
    floor = HEIGHT - BOTTOM - 5
    edges = [*steps.tolist(), x.high]
    for place, share in enumerate(shares.tolist()):
        if share > 0:
            left, right = frame.at(x, edges[place]), frame.at(x, edges[place + 1])
            said = f"{share:.0%} of the steps from {edges[place]:,.0f} on were clipped"
            yield (
                f'<rect class="h" x="{left}" y="{floor}" width="{max(right - left, 0.5):.1f}" height="5" '
                f'opacity="{0.15 + 0.85 * share:.2f}"><title>{said}</title></rect>'
            )


def _mark_lines(x: Axis, marks: Sequence[Mark]) -> Iterable[str]:
    for mark in in_columns([mark for mark in marks if mark.is_across], x.low, x.high):
        yield f'<path class="w {mark.kind}" d="M{frame.at(x, mark.step)} 0V{HEIGHT - BOTTOM}"/>'


def _sign(x: Axis, mark: Mark) -> str:
    down = HEIGHT - BOTTOM + 2 if mark.kind == "saved" else -1
    return (
        f'<text class="m {mark.kind}" x="{frame.at(x, mark.step)}" y="{down}"><title>{escape(mark.says)}</title>'
        f"{mark.sign}</text>"
    )
