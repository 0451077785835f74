"""One small plot as SVG, made by hand: about a millisecond, where a picture by matplotlib takes 50 to 190.

Colours are classes of the style sheet, so that light and dark are the page's choice. There is no id in it: two runs on
one page cannot meet. Everything is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite

import numpy as np

from autofix_nb.report.numbers import compact, short
from autofix_nb.report.plot.axis import Axis, axis_of
from autofix_nb.report.plot.caption import Drawn, caption, described
from autofix_nb.report.plot.columns import Columns, columns_of, smooth
from autofix_nb.report.plot.content import Line, Plot
from autofix_nb.report.plot.frame import SMALL, Frame, path
from autofix_nb.report.plot.marks import Mark
from autofix_nb.report.plot.signs import mark_lines, mark_signs, pegs, star

SIGNS_ABOVE = 10
"""Room above a plot for the signs of marks."""

STEP_NEEDS = 8
"""Units at the left end of the axis where the word "step" leaves no room for a number."""

DOTS = 40
"""A line through more points than this has no dots."""

TENTHS = 'transform="scale(.1)"'
"""Paths are written in tenths of a unit: whole numbers are shorter, and written faster."""


def draw(
    plot: Plot,
    span: tuple[float, float],
    marks: Sequence[Mark] = (),
    *,
    above: bool = False,
    signs: bool = False,
    frame: Frame = SMALL,
) -> str:
    """Return the plot as HTML: its title line, and the SVG. `span` are the first and last step of the axis below.

    Marks are lines across; with `signs` each has its sign above, whose hover text says what it was. `above` leaves
    room for signs.
    """
    first, last = span
    drawn = [(line, columns_of(line.steps, line.values, first, last, frame.columns)) for line in plot.lines]
    drawn = [(line, columns) for line, columns in drawn if len(columns.steps) or len(columns.bad_steps)]
    x, y = Axis(first, max(last, first + 1)), _upright(plot, drawn)
    parts = [_axes(frame, x, y, written=bool(drawn)), *mark_lines(frame, x, marks)]
    if plot.shares is not None:
        parts += _strip(frame, x, *plot.shares)
    if plot.level is not None and drawn and y.low < plot.level[0] < y.high:
        at = frame.above(y, plot.level[0])
        parts.append(f'<path class="v" d="M{frame.left} {at}H{frame.width - frame.right}">')
        parts.append(f"<title>{escape(plot.level[1])}</title></path>")
    for line, columns in drawn:
        parts += _line(frame, x, y, line, columns)
    if plot.limit is not None and y.low < plot.limit < y.high:
        parts.append(_limit(frame, y, plot.limit))
    if plot.star is not None:
        parts.append(star(frame, x, y, *plot.star))
    if not drawn:
        middle = (frame.left + frame.width - frame.right) / 2
        parts.append(f'<text x="{middle}" y="{frame.height / 2}" class="m">{escape(plot.empty)}</text>')
    if signs:
        parts += mark_signs(frame, x, marks)
    up = SIGNS_ABOVE if above else 0
    box = f'viewBox="0 {-up} {frame.width} {frame.height + up}"'
    wide = "" if frame.width == SMALL.width else f' style="--w:{frame.width}"'
    said = escape(described(plot, drawn), quote=True)
    svg = f'<svg {box}{wide} role="img" aria-label="{said}">{"".join(parts)}</svg>'
    return f'<div class="p">{caption(plot, drawn, is_log=bool(drawn) and y.is_log)}{svg}</div>'


def _upright(plot: Plot, drawn: Drawn) -> Axis:
    """Return the axis of the values, and of a limit, whose distance from them says which scale is right."""
    limit = [] if plot.limit is None or not isfinite(plot.limit) or not drawn else [np.array([plot.limit])]
    lows, highs = [columns.low for _, columns in drawn], [columns.high for _, columns in drawn]
    return axis_of(lows + limit, highs + limit, log=plot.log, is_whole=plot.is_whole or bool(limit))


def _axes(frame: Frame, x: Axis, y: Axis, *, written: bool) -> str:
    """Return the lines and numbers of both axes."""
    left, right, floor, low = frame.left, frame.width - frame.right, frame.floor, frame.height - 6
    parts = [f'<path class="g" d="M{left} {floor}H{right}"/>']
    for value, text in y.ticks() if written else ():
        at = frame.above(y, value)
        parts.append(
            f'<path class="g" d="M{left} {at}H{right}"/><text x="{left - 4}" y="{at}" dy=".33em">{text}</text>'
        )
    for value, text in x.ticks(compact, frame.ticks) if written else ():
        at = frame.at(x, value)
        if value == int(value) and at > left + STEP_NEEDS:
            parts.append(f'<path class="g" d="M{at} {floor}v3"/><text x="{at}" y="{low}" class="m">{text}</text>')
    parts.append(f'<text x="{left - 4}" y="{low}">step</text>')
    return "".join(parts)


def _line(frame: Frame, x: Axis, y: Axis, line: Line, columns: Columns) -> Iterable[str]:
    across = frame.across(x, columns.steps)
    has_band = line.kind == "band" or (line.kind == "exact" and bool((columns.low < columns.high).any()))
    if has_band and len(across) > 1:
        high = path(across, frame.down(y.place(columns.high)))
        low = path(across[::-1], frame.down(y.place(columns.low))[::-1])
        yield f'<path class="b {line.colour}" {TENTHS} d="M{high}L{low}Z"/>'
    if len(across):
        places = y.place(columns.middle)  # smoothed as it is seen, on a logarithmic scale too
        down = frame.down(places if line.kind in ("dots", "exact") else smooth(places, line.smooth))
        yield f'<path class="l {line.colour}" {TENTHS} d="M{path(across, down)}"/>'
        if len(across) == 1 or (line.kind == "dots" and len(across) <= DOTS):
            spots = zip(across.astype(int).tolist(), down.astype(int).tolist(), strict=True)
            yield f'<path class="d {line.colour}" {TENTHS} d="{"".join(f"M{a} {d}h0" for a, d in spots)}"/>'
    beyond = columns.high > y.high
    if beyond.any():
        tops = zip(columns.steps[beyond].tolist(), columns.high[beyond].tolist(), strict=True)
        yield from pegs(frame, x, [(step, f"{line.label} {short(value)}", "▴") for step, value in tops], "o")
    if len(columns.bad):
        lost = zip(columns.bad_steps.tolist(), map(short, columns.bad.tolist()), strict=True)
        yield from pegs(frame, x, [(step, f"{line.label} {value}", value) for step, value in lost], "n")


def _limit(frame: Frame, y: Axis, limit: float) -> str:
    """Return the line of a limit, with its number above it, or below where there is no room."""
    at, right = frame.above(y, limit), frame.width - frame.right
    words = at - 4 if at > frame.top + 12 else at + 12
    return (
        f'<path class="lim" d="M{frame.left} {at}H{right}"/>'
        f'<text class="lim" x="{right}" y="{words:.1f}">limit {escape(short(limit))}</text>'
    )


def _strip(frame: Frame, x: Axis, steps: np.ndarray, shares: np.ndarray) -> Iterable[str]:
    """Return a strip of shades along the axis: the darker, the larger the share."""
    edges = [*steps.tolist(), x.high]
    for place, share in enumerate(shares.tolist()):
        if share > 0:
            left, right = frame.at(x, edges[place]), frame.at(x, edges[place + 1])
            said = f"{share:.0%} of the steps from {edges[place]:,.0f} on were clipped"
            yield (
                f'<rect class="h" x="{left}" y="{frame.floor - 5}" width="{max(right - left, 0.5):.1f}" height="5" '
                f'opacity="{0.15 + 0.85 * share:.2f}"><title>{said}</title></rect>'
            )
