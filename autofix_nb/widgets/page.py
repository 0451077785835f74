"""The live output as one bundle: HTML without a script and without anything from elsewhere, and one line of text.

Every text is escaped and cut to a length, so that no name, path or exception can break the page or swell it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from autofix_nb.report.plot import VIEW, Mark, Plot, draw
from autofix_nb.report.plot.marks import IN_WORDS, SIGNS
from autofix_nb.widgets.state_sentence import LIGHTS
from autofix_nb.widgets.style import style
from autofix_nb.widgets.timeline import Row

LONGEST = 300
"""Letters of one text; longer ones are cut off."""

ROWS = 5
"""Newest findings and sentences that the list shows."""

LOG_LINES = 50
"""Newest sentences that are folded up below at the end."""

MOST_BYTES = 100_000
"""An update is at most so large."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that is shown at one moment, as plain values."""

    name: str
    light: str
    headline: str
    more: str = ""
    summary: str = ""
    """How it went, once it is over, in a few lines; the first one says what the headline says."""

    is_over: bool = False
    """Whether this is the last view: no room is kept for what may come."""

    share: float | None = None
    """Share of the run that is done; None where its end is not known."""

    aside: float | None = None
    """Share of what is done on the side."""

    place: str = ""
    """Epoch, step, speed."""

    time: str = ""
    """Time left, or taken."""

    plots: Sequence[Plot] = ()
    span: tuple[float, float] = (0.0, 1.0)
    marks: Sequence[Mark] = ()
    rows: Sequence[Row] = ()
    """What was found and done, oldest first."""

    epoch_line: str = ""
    log: Sequence[str] = ()
    """All that was said, where it is to be shown."""

    hint: str = ""
    """What stands there where the buttons are gone."""


def to_html(scene: Scene) -> str:
    """Return the whole output, of at most `MOST_BYTES`: what would not fit goes, the log first."""
    fewer = (scene, replace(scene, log=scene.log[-10:]), replace(scene, log=(), marks=()))
    pages = (_page(one) for one in fewer)
    return next((page for page in pages if len(page.encode(errors="replace")) <= MOST_BYTES), _page(fewer[-1]))


def _page(scene: Scene) -> str:
    plots = "".join(
        draw(plot, scene.span, scene.marks, above=place < 2, signs=place == 0) for place, plot in enumerate(scene.plots)
    )
    light, headline = LIGHTS[scene.light], _text(scene.headline)
    name, place = _text(scene.name, 60), _text(scene.place)
    newest_first = reversed(scene.rows[-ROWS:])
    return (
        f'{style()}<div class="afl {VIEW}{" over" if scene.is_over else ""}"><div class="top"><b title="{headline}">'
        f'<span class="z {scene.light}">{light}</span>{headline}</b>'
        f"<p>{_text(scene.more)}</p>{_hint(scene.hint)}{_summary(scene.summary)}</div>"
        f'<div class="bars">{_bar(scene.share)}</div><div class="bars q">{_bar(scene.aside)}</div>'
        f'<div class="row"><span><b>{name}</b>{place}</span><span>{_text(scene.time)}</span></div>'
        f'<div class="ps">{plots}</div>{_key(scene.marks)}<ol>{"".join(map(_row, newest_first))}</ol>'
        f'<div class="end">{_text(scene.epoch_line)}</div>{_log(scene.log)}</div>'
    )


def to_text(scene: Scene) -> str:
    """Return the same in one line; once it is over, what sums it up."""
    if scene.summary:
        return scene.summary
    words = [f"{scene.name}: {scene.headline}", scene.more, scene.place, scene.time, scene.epoch_line]
    return " · ".join(" ".join(word.split()) for word in words if word)


def _bar(share: float | None) -> str:
    return "" if share is None else f'<i style="width:{100 * min(max(share, 0.0), 1.0):.1f}%"></i>'


def _summary(text: str) -> str:
    return "".join(f"<p>{_text(line, 600)}</p>" for line in text.strip().split("\n")[1:9])


def _hint(text: str) -> str:
    return f'<p class="hint">{_text(text)}</p>' if text else ""


def _key(marks: Sequence[Mark]) -> str:
    """Return what the signs mean, of those that are there."""
    there = {mark.kind for mark in marks}
    said = "".join(
        f'<span><b class="{kind}">{SIGNS[kind]}</b> {IN_WORDS[kind]}</span>' for kind in SIGNS if kind in there
    )
    return f'<div class="key">{said}</div>'


def _row(row: Row) -> str:
    sign = SIGNS.get(row.kind, "·")
    step = f"step {row.step:,}" if row.step > 0 else "before" if row.code else ""
    code = f"<b>{_text(row.code)}</b> " if row.code else ""
    full = escape(" ".join(f"{row.code} {row.says}. {row.done}".split())[:LONGEST], quote=True)
    says = f"{_text(row.says.rstrip('.'))}."
    if row.done:  # before the numbers: an older row is cut to one line, and this is what is looked for
        title, _, numbers = row.says.rstrip(".").partition(": ")
        numbers = f" {numbers[:1].upper()}{numbers[1:]}." if numbers else ""
        says = f"{_text(title)}. <b>{_text(row.done)}.</b>{_text(numbers)}"
    return (
        f'<li><span class="z {row.kind}">{sign}</span><span class="n">{step}</span><span class="y" title="{full}">'
        f'{code}{says}</span><span class="r">{_text(row.verdict)}</span></li>'
    )


def _log(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    newest = lines[-LOG_LINES:]
    said = "\n".join(_text(line, 1000) for line in newest)
    more = f", the newest {len(newest)} here" if len(newest) < len(lines) else ""
    return f"<details><summary>What was said on the way ({len(lines)} lines{more})</summary><pre>{said}</pre></details>"


def _text(text: str, most: int = LONGEST) -> str:
    return escape(text if len(text) <= most else f"{text[: most - 1]}…")
