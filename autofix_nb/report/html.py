"""The report as HTML: a fragment for a notebook, and one self-contained file. Everything is escaped."""

import base64
from collections.abc import Mapping
from html import escape
from typing import Any

from autofix_nb.report.html_findings import cut, found
from autofix_nb.report.html_records import behind_it, epochs, events, set_aside
from autofix_nb.report.plot import VIEW
from autofix_nb.report.sentences import duration
from autofix_nb.report.style import REPORT, STYLE
from autofix_nb.report.text import against, goal_name, permanent, verdict

__all__ = ["STYLE", "to_html", "to_page"]

Plain = dict[str, Any]

MOST_CHANGES = 60
"""Changes in the table; the rest is counted."""


def to_html(report: Plain, picture: bytes | None = None, samples: Mapping[str, bytes] | None = None) -> str:
    """Return the report as an HTML fragment. `picture` is a PNG, `samples` PNGs by the names that the list gives."""
    state = report["health"]
    parts = [
        REPORT,
        f'<div class="afx afx-report {VIEW}">',
        f'<p class="afx-head afx-is-{state["state"]}">{_chip(state["word"])} {escape(state["says"])}</p>',
        _tiles(report),
        f"<p>{escape(' '.join(report['sentences']))}</p>",
    ]
    parts += [f'<p class="afx-note">{escape(line)}</p>' for line in report["told"]]
    if picture is not None:
        data = base64.b64encode(picture).decode()
        alt = escape(_describe_picture(report))
        parts.append(f'<div class="afx-wide"><img alt="{alt}" src="data:image/png;base64,{data}"></div>')
    parts += found(report["findings"], goal_name(report))
    parts += _done(report)
    if report["suggestions"]:
        parts.append("<h3>Suggested, not done</h3><ul>")
        parts += [
            f"<li>{escape(one['fix'])} for {escape(one['code'])}: {escape(cut(one['says']))}</li>"
            for one in report["suggestions"][:MOST_CHANGES]
        ]
        parts += _more(len(report["suggestions"]), "li")
        parts.append("</ul>")
    parts += set_aside(report["quarantine"], samples or {})
    if report["problems"]:
        parts.append("<h3>Said on the way</h3><ul>")
        parts += [f"<li>{escape(cut(str(problem)))}</li>" for problem in report["problems"][:MOST_CHANGES]]
        parts += _more(len(report["problems"]), "li")
        parts.append("</ul>")
    parts += [*events(report["timeline"]), *epochs(report), *behind_it(report), "</div>"]
    return "\n".join(parts)


def to_page(report: Plain, picture: bytes | None = None, samples: Mapping[str, bytes] | None = None) -> str:
    """Return the report as one HTML file that needs nothing else."""
    title = escape(f"{report['name']} - autofix_nb report")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title></head>'
        '<body class="afx-page" style="margin:1.5em auto;max-width:940px;padding:0 1em">'
        f"{to_html(report, picture, samples)}</body></html>\n"
    )


def _tiles(report: Plain) -> str:
    """Return the numbers that are asked for first."""
    goal, aside = report["goal"], report["quarantine"]["count"]
    verdicts = [one["verdict"] for one in report["changes"] if one["fix"] != "quarantine"]
    tiles = [
        (goal["name"], f"{goal['best']:.4g}") if goal else None,
        ("epochs", f"{report['epochs']:,}"),
        ("steps", f"{report['steps']:,}"),
        ("time", duration(report["seconds"])),
        ("set aside", f"{aside:,}") if aside else None,
        ("changes kept", str(verdicts.count("kept"))) if "kept" in verdicts else None,
        ("undone", str(verdicts.count("undone"))) if "undone" in verdicts else None,
        ("resumed", str(len(report["resumed"]))) if report["resumed"] else None,
    ]
    items = [
        f"<li><b>{escape(value)}</b><span>{escape(cut(name, 30))}</span></li>" for name, value in filter(None, tiles)
    ]
    return f'<ul class="afx-tiles">{"".join(items)}</ul>'


def _done(report: Plain) -> list[str]:
    if not report["changes"]:
        return []
    rows = []
    for change in report["changes"][:MOST_CHANGES]:
        cells = (
            change["fix"],
            against(change).removeprefix(", ").removeprefix("against ") or change["code"],
            cut(change["says"]),
        )
        kind = change["verdict"] if change["verdict"] in ("kept", "undone") else "note"
        rows.append(
            "<tr>"
            + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
            + f'<td class="afx-is-{kind}">{_chip(verdict(change, goal_name(report)))}</td></tr>'
        )
    parts = ["<h3>Done</h3>", '<div class="afx-wide"><table><tr><th>fix</th><th>against</th><th>what</th>']
    parts += ["<th>verdict</th></tr>", *rows, "</table></div>", *_more(len(report["changes"]), "p")]
    if code := permanent(report):
        parts.append("<h3>Make it permanent</h3>")
        parts += [f'<pre tabindex="0">{escape(line)}</pre>' for line in code]
    return parts


def _chip(word: str) -> str:
    return f'<span class="afx-chip">{escape(word)}</span>'


def _more(count: int, tag: str) -> list[str]:
    more = count - MOST_CHANGES
    return [f'<{tag} class="afx-note">and {more:,} more in journal.jsonl</{tag}>'] if more > 0 else []


def _describe_picture(report: Plain) -> str:
    return f"Loss, goal, gradient norm and learning rate of {report['name']}. {report['headline']}"
