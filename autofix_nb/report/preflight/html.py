"""The report as HTML: a fragment for a notebook, and one self-contained page. No scripts; everything is escaped."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from autofix_nb.report.preflight.style import STYLE
from autofix_nb.report.preflight.text import reasons, verdict_mark
from autofix_nb.report.preflight.words import MARKS, SPOKEN, about_parts, counted, joined, one_line, shortened

Plain = dict[str, Any]
Pictures = Mapping[str, Sequence[tuple[str, bytes]]]

MOST_ROWS = 12
"""Rows in all, with those for pictures, for what is fine and for what was not applicable."""

MOST_PLACES = 12
"""Places shown for a finding; more of them are in the JSON."""

MOST_EVIDENCE = 12
"""Lines of evidence shown for a finding."""


def to_html(report: Plain, pictures: Pictures | None = None) -> str:
    """Return the report as an HTML fragment; `pictures` are PNGs by the code of their check, each with its title."""
    pictures = pictures or {}
    rest = [*_pictures_row(report, pictures), *_fine_row(report["fine"]), *_unanswered_row(report)]
    rows, room = report["rows"], MOST_ROWS - len(rest)
    shown = rows if len(rows) <= room else rows[: room - 1]
    parts = [STYLE, '<div class="afx afx-pre">', f'<p class="afx-head">{_mark(verdict_mark(report))} ']
    parts.append(f"<span>{_prose(report['headline'])}</span></p>")
    if facts := about_parts(report["about"]):
        parts.append(f'<p class="afx-note">{_prose(" · ".join(facts))}</p>')
    parts += [
        _finding_row(row, pictures.get(row["code"], ()), is_open=not place and row["severity"] == "critical")
        for place, row in enumerate(shown)
    ]
    if more := rows[len(shown) :]:
        body = "".join(_finding_row(row, pictures.get(row["code"], ())) for row in more)
        names = ", ".join(row["code"] for row in more)
        parts.append(_fold(more[0]["mark"], f"<b>and {len(more)} more</b>: {escape(names)}", body))
    parts += rest
    if report["fixable"]:
        codes = escape(joined(report["fixable"]))
        parts.append(
            f'<p class="afx-note">There are fixes for {codes}: <code>plan()</code> of this report says which of them '
            "can be made for you, <code>apply()</code> makes them.</p>"
        )
    parts.append("</div>")
    return "\n".join(parts)


def to_page(report: Plain, pictures: Pictures | None = None) -> str:
    """Return the report as one HTML file that needs nothing else."""
    model = report["about"].get("model")
    title = escape(f"{f'{one_line(model)} - ' if model else ''}autofix_nb preflight")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title></head>'
        f'<body style="margin:2em auto;max-width:940px;padding:0 1em">{to_html(report, pictures)}</body></html>\n'
    )


def _finding_row(row: Plain, pictures: Sequence[tuple[str, bytes]], *, is_open: bool = False) -> str:
    others = f' <span class="afx-more">+ {len(row["also"])} more</span>' if row["also"] else ""
    body = [_details(row, _figures(pictures, row))]
    for found in row["also"]:
        body.append(f'<p class="afx-also">{_mark(found["mark"])} <span>{_prose(found["says"])}</span></p>')
        body.append(_details(found, ""))
    inside = "".join(body) or '<p class="afx-note">Nothing more was noted.</p>'
    return _fold(row["mark"], f"{_name(row)}: {_prose(row['says'])}{others}", inside, is_open=is_open)


def _details(found: Plain, figures: str) -> str:
    """Return what stands in a fold: where, the code to type, pictures, and how it was measured."""
    parts = []
    if found["where"]:
        places = joined(shortened(found["where"], MOST_PLACES, found["where_count"]))
        parts.append(f"<p><b>Where</b> {_prose(places)}</p>")
    if found["to_type"]:
        parts.append(f'<p><b>To type</b></p><pre class="afx-type" tabindex="0">{escape(found["to_type"])}</pre>')
    parts.append(figures)
    if found["evidence"]:
        parts.append(f"<p><b>Measured</b></p>{_evidence(found)}")
    if found["fixes"]:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in found["fixes"])
        parts.append(f'<p class="afx-note">Fixes worth trying: {names}</p>')
    return "".join(parts)


def _pictures_row(report: Plain, pictures: Pictures) -> list[str]:
    """Pictures of checks that found nothing, such as the first batch, in a row of their own."""
    found = {row["code"] for row in report["rows"]}
    by_code = {one["code"]: one for one in report["fine"]}
    rest = [(code, by_code.get(code)) for code in pictures if code not in found and pictures[code]]
    if not rest:
        return []
    titles = [one_line(title) for code, _ in rest for title, _ in pictures[code]]
    body = "".join(
        _figures(pictures[code], one or {"code": one_line(code), "title": "", "says": ""}, titled=len(titles) > 1)
        for code, one in rest
    )
    return [_fold(MARKS["picture"], f"<b>To look at</b>: {_prose('; '.join(titles))}", body)]


def _fine_row(fine: Sequence[Plain]) -> list[str]:
    if not fine:
        return []
    items = []
    for one in fine:
        # The title names an illness, and this is one without it: it must not read as if it had been found.
        looked_for = f'<span class="afx-more">(looked for: {escape(one["title"])})</span>'
        said = f"<b>{escape(one['code'])}</b> {_prose(one['says'])} {looked_for}"
        if one["evidence"]:
            said = f"<details><summary>{said}</summary>{_evidence(one)}</details>"
        items.append(said)
    return [_fold(MARKS["fine"], f"<b>{counted(len(fine), 'check')} found nothing</b>", f"<ul>{_items(items)}</ul>")]


def _unanswered_row(report: Plain) -> list[str]:
    skipped, broke = report["not_applicable"], report["broke"]
    if not skipped and not broke:
        return []
    titles = {one["code"]: _name(one) for one in (*skipped, *broke)}
    items = [
        f"{', '.join(titles[code] for code in codes)}: {_prose(why)}" for why, codes in reasons([*broke, *skipped])
    ]
    names = [f"{len(skipped)} not applicable"] if skipped else []
    names += [f"{counted(len(broke), 'check')} failed, through no fault of yours"] if broke else []
    return [_fold(MARKS["not applicable"], f"<b>{', '.join(names)}</b>", f"<ul>{_items(items)}</ul>")]


def _fold(mark: str, summary: str, body: str, *, is_open: bool = False) -> str:
    kind = SPOKEN[mark].replace(" ", "-")
    return (
        f'<details class="afx-row afx-is-{kind}"{" open" if is_open else ""}><summary>{_mark(mark)} '
        f'<span class="afx-said">{summary}</span></summary><div class="afx-body">{body}</div></details>'
    )


def _mark(mark: str) -> str:
    # U+FE0E: as a sign in the colour of the text, never as an emoji.
    kind = SPOKEN[mark].replace(" ", "-")
    return f'<span class="afx-mark afx-is-{kind}" role="img" aria-label="{SPOKEN[mark]}">{mark}&#xFE0E;</span>'


def _name(row: Plain) -> str:
    return f"<b>{escape(row['code'])} {escape(row['title'])}</b>"


def _evidence(found: Plain) -> str:
    more = found["evidence_count"] - min(len(found["evidence"]), MOST_EVIDENCE)
    items = [*map(_prose, found["evidence"][:MOST_EVIDENCE]), *([f"and {more:,} more"] if more > 0 else [])]
    return f"<ul>{_items(items)}</ul>"


def _items(items: Iterable[str]) -> str:
    return "".join(f"<li>{item}</li>" for item in items)


def _prose(text: str) -> str:
    """Escape, and set what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _figures(pictures: Sequence[tuple[str, bytes]], row: Plain, *, titled: bool = True) -> str:
    return "".join(
        f'<figure><img alt="{escape(_describe(one_line(title), row))}" src="data:image/png;base64,'
        f'{base64.b64encode(png).decode()}">'
        f"{f'<figcaption>{escape(one_line(title))}</figcaption>' if titled else ''}</figure>"
        for title, png in pictures
    )


def _describe(title: str, row: Plain) -> str:
    about = f"{row['code']} {row['title']}".strip()
    return f"{title}. {about}: {row['says']}" if row["says"] else f"{title}. {about}"
