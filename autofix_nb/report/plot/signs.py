"""Marks, stars and pegs: signs at a step, each with what the pointer is told of it."""

from collections.abc import Iterable, Sequence
from html import escape

from autofix_nb.report.numbers import short
from autofix_nb.report.plot.axis import Axis
from autofix_nb.report.plot.frame import Frame
from autofix_nb.report.plot.marks import Mark, in_columns

PEGS_APART = 0.04
"""Share of the axis within which signs at the upper edge would cover each other."""

MOST_PEGS = 12
"""Places at the upper edge where values beyond the axis, or none, are shown; the rest is counted in the last one."""

LETTER = 6.4
"""Units of a letter; a sign is as wide as two."""


def mark_lines(frame: Frame, x: Axis, marks: Sequence[Mark]) -> Iterable[str]:
    """Return lines across for those marks that are one."""
    for mark in in_columns([mark for mark in marks if mark.is_across], x.low, x.high):
        yield f'<path class="w {mark.kind}" d="M{frame.at(x, mark.step)} 0V{frame.floor}"/>'


def mark_signs(frame: Frame, x: Axis, marks: Sequence[Mark]) -> Iterable[str]:
    """Return the signs above, with their words where there is room beside them."""
    shown = in_columns(marks, x.low, x.high)
    for mark in shown:
        down = frame.floor + 2 if mark.kind == "saved" else -1
        yield (
            f'<text class="m {mark.kind}" x="{frame.at(x, mark.step)}" y="{down}"><title>{escape(mark.says)}</title>'
            f"{mark.sign}</text>"
        )
    taken, places = 0.0, sorted(frame.at(x, mark.step) for mark in shown)
    for mark in sorted((mark for mark in shown if mark.word), key=lambda mark: mark.step):
        place, room = frame.at(x, mark.step), LETTER * (len(mark.word) + 1)
        right = min([*(one - LETTER for one in places if one > place), frame.width])
        left = max([taken, *(one + LETTER for one in places if one < place)])
        if taken <= place and place + room <= right:
            yield f'<text class="a {mark.kind}" x="{place + LETTER:.1f}" y="-1">{escape(mark.word)}</text>'
            taken = place + room
        elif place - room >= left:
            yield f'<text class="{mark.kind}" x="{place - LETTER:.1f}" y="-1">{escape(mark.word)}</text>'
            taken = place + LETTER


def star(frame: Frame, x: Axis, y: Axis, step: float, value: float) -> str:
    """Return the sign of the best."""
    said = f"best: {short(value)} at step {step:,.0f}"
    place = f'x="{frame.at(x, step)}" y="{frame.above(y, value)}"'
    return f'<text class="m s" {place} dy=".36em"><title>{said}</title>★</text>'


def pegs(frame: Frame, x: Axis, found: Sequence[tuple[float, str, str]], kind: str) -> Iterable[str]:
    """Return signs at the upper edge, of (step, what it is, sign); those that would cover each other are one."""
    groups: list[list[tuple[float, str, str]]] = []
    for peg in found:
        near = groups and x.at(peg[0]) - x.at(groups[-1][0][0]) < PEGS_APART
        if near or len(groups) == MOST_PEGS:
            groups[-1].append(peg)
        else:
            groups.append([peg])
    for group in groups:
        step, text, sign = group[0]
        more = f", and {len(group) - 1} more up to step {group[-1][0]:,.0f}" if len(group) > 1 else ""
        said = escape(f"step {step:,.0f}: {text}{more}")
        yield f'<text class="m {kind}" x="{frame.at(x, step)}" y="{frame.top + 7}"><title>{said}</title>{sign}</text>'
