"""The title line of a plot, with its lines' names; and what is drawn in words, for those who cannot see it."""

from collections.abc import Sequence
from html import escape

from autofix_nb.report.numbers import short
from autofix_nb.report.plot.columns import Columns
from autofix_nb.report.plot.content import Line, Plot

Drawn = Sequence[tuple[Line, Columns]]
"""The lines that are drawn, with what is drawn of them."""

MOST_NUMBERS = 3
"""Lines whose names and newest values have room in one title line; more have two, without values."""

LONGEST = 44
"""Letters of title and names that have room in one title line."""


def caption(plot: Plot, drawn: Drawn, *, is_log: bool) -> str:
    """Return the title line as HTML. A single line that is called as the plot is not named twice."""
    unit = f", {escape(plot.unit)}" if plot.unit else ""
    few, labels = len(drawn) <= MOST_NUMBERS, [line.label for line, _ in drawn]
    title = f'<span class="t">{escape(plot.title)}{unit}</span>' if plot.title else ""
    with_newest = few and plot.with_newest
    keys = [_key(line, with_newest=with_newest, is_named=labels != [plot.title]) for line, _ in drawn]
    kind = "c" if len(drawn) < 2 or (few and len(plot.title) + sum(map(len, labels)) <= LONGEST) else "c two"
    words = [escape(plot.aside)] if plot.aside else []
    words += ['<span class="log">log scale</span>'] if is_log else []
    aside = f'<span class="x">{" · ".join(words)}</span>' if words else ""
    return f'<div class="{kind}">{title}{"".join(keys)}{aside}</div>'


def _key(line: Line, *, with_newest: bool, is_named: bool) -> str:
    newest = f"<b>{short(line.newest)}</b>" if with_newest else ""
    if not is_named:
        return f'<span class="k {line.colour}">{newest}</span>'
    name = escape(line.label, quote=True)
    return f'<span class="k {line.colour}" title="{name}"><i></i>{name} {newest}</span>'


def described(plot: Plot, drawn: Drawn) -> str:
    """Return in words what is drawn."""
    said = [
        f"{line.label} from {short(columns.middle[0])} to {short(line.newest)}, at most {short(columns.high.max())}"
        if len(columns.steps)
        else f"{line.label} {short(line.newest)}"
        for line, columns in drawn
    ]
    said = [said[0].removeprefix(f"{plot.title} ")] if len(said) == 1 else said
    said = said or [f"nothing yet, {plot.empty}"]
    said += [f"limit {short(plot.limit)}"] if plot.limit is not None else []
    return f"{plot.title}: {'; '.join(said)}" if plot.title else "; ".join(said)
