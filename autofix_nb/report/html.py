"""The report as HTML: a fragment for a notebook, and one self-contained file. Everything is escaped."""

import base64
from html import escape
from typing import Any

from autofix_nb.policy.by_hand import USER
from autofix_nb.report.text import finding_line, goal_name, permanent, race_line, verdict
from autofix_nb.report.tried import outcome

# Colours come from the page, so that light and dark both work; only lines and shades are ours.
STYLE = """
<style>
.afx{font:14px/1.5 system-ui,sans-serif;max-width:900px;color:inherit}
.afx h3{font-size:15px;margin:1.1em 0 .3em}
.afx .afx-head{font-size:16px;font-weight:600}
.afx.afx table{border-collapse:collapse;margin:.3em 0;font-size:13px;color:inherit;background:none}
.afx.afx tr{background:none}
.afx.afx td,.afx.afx th{border-bottom:1px solid rgba(128,128,128,.35);padding:3px 12px 3px 0;text-align:left;
 vertical-align:top;white-space:normal;max-width:none}
.afx.afx td.num,.afx.afx th.num{text-align:right;font-variant-numeric:tabular-nums}
.afx pre{background:rgba(128,128,128,.12);padding:6px 10px;border-radius:4px;white-space:pre-wrap;
 max-height:9em;overflow:auto;margin:.3em 0;color:inherit}
.afx img{max-width:100%;height:auto;border-radius:4px;background:#fff}
.afx summary{cursor:pointer}
.afx .afx-note{opacity:.75}
.afx li>details{margin:.1em 0 .5em}
.afx li>details p{margin:.3em 0}
.afx .afx-won td{font-weight:600}
</style>
"""

COLUMNS = ("epoch", "loss", "goal", "lr", "clip_share", "skipped", "quarantined", "step_seconds", "load_seconds")


def to_html(report: dict[str, Any], picture: bytes | None = None) -> str:
    """Return the report as an HTML fragment; `picture` is a PNG."""
    first, *rest = report["sentences"]
    parts = [STYLE, '<div class="afx">', f'<p class="afx-head">{escape(first)}</p>']
    parts += [f"<p>{escape(' '.join(rest))}</p>"] if rest else []
    parts += [f'<p class="afx-note">{escape(line)}</p>' for line in report["told"]]
    if picture is not None:
        data = base64.b64encode(picture).decode()
        parts.append(f'<img alt="{escape(_describe_picture(report))}" src="data:image/png;base64,{data}">')
    if report["findings"]:
        parts.append("<h3>Found</h3><ul>")
        for finding in report["findings"]:
            parts += [f"<li>{escape(finding_line(finding))}", *_behind(finding, goal_name(report)), "</li>"]
        parts.append("</ul>")
    if report["changes"]:
        parts.append("<h3>Done</h3><table><tr><th>fix</th><th>against</th><th>what</th><th>verdict</th></tr>")
        for change in report["changes"]:
            when = "" if change["step"] is None else f", step {change['step']}"
            verdict_of = verdict(change, goal_name(report))
            cause = "by hand" if change["code"] == USER else change["code"]
            cells = (change["fix"], f"{cause}{when}", change["says"], verdict_of)
            parts.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
        parts.append("</table>")
        if code := permanent(report):
            parts.append("<details><summary>Make it permanent</summary>")
            parts += [f"<pre>{escape(line)}</pre>" for line in code]
            parts.append("</details>")
    if report["suggestions"]:
        parts.append("<h3>Suggested, not done</h3><ul>")
        parts += [
            f"<li>{escape(one['fix'])} for {escape(one['code'])}: {escape(one['says'])}</li>"
            for one in report["suggestions"]
        ]
        parts.append("</ul>")
    parts += _quarantine(report["quarantine"])
    if report["problems"]:
        parts.append("<h3>Said on the way</h3><ul>")
        parts += [f"<li>{escape(str(problem))}</li>" for problem in report["problems"]]
        parts.append("</ul>")
    parts += _table(report)
    parts.append("</div>")
    return "\n".join(parts)


def to_page(report: dict[str, Any], picture: bytes | None = None) -> str:
    """Return the report as one HTML file that needs nothing else."""
    title = escape(f"{report['name']} - autofix_nb report")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title></head>'
        f'<body style="margin:2em auto;max-width:940px;padding:0 1em">{to_html(report, picture)}</body></html>\n'
    )


def _behind(finding: dict[str, Any], goal: str) -> list[str]:
    """Return what is folded away under a finding: why it matters, how it was measured, what was tried."""
    parts = [f"<p>{escape(text)}</p>" for text in (finding["why"], finding["how"]) if text]
    if finding["evidence"]:
        parts.append("<ul>" + "".join(f"<li>{escape(str(line))}</li>" for line in finding["evidence"]) + "</ul>")
    for race in finding["races"]:
        parts += _race(race, goal)
    if not parts:
        return []
    what = [
        "why it matters" if finding["why"] else "",
        "how it was measured" if finding["how"] or finding["evidence"] else "",
        "what was tried" if finding["races"] else "",
    ]
    summary = ", ".join(word for word in what if word)
    summary = summary[:1].upper() + summary[1:]
    return [f"<details><summary class='afx-note'>{summary}</summary>", *parts, "</details>"]


def _race(race: dict[str, Any], goal: str) -> list[str]:
    rows = []
    for one in race["candidates"]:
        taken = "<td>taken over</td>" if one["won"] else "<td></td>"
        kind = " class='afx-won'" if one["won"] else ""
        rows.append(f"<tr{kind}><td>{escape(one['says'])}</td>{_cells(one, goal)}{taken}</tr>")
    said = "" if race["won"] else "<p>None was decisively better: nothing was changed.</p>"
    return [
        f"<p>{escape(race_line(race))}.</p>",
        f"<table><tr><th>tried</th><th class='num'>loss</th><th class='num'>{escape(goal)}</th><th></th></tr>",
        f"<tr><td>nothing, as it was</td>{_cells(race['control'], goal)}<td></td></tr>",
        *rows,
        f"</table>{said}",
    ]


def _cells(score: dict[str, Any], goal: str) -> str:
    if score["loss"] is None:
        return f"<td colspan='2'>{escape(outcome(score, goal))}</td>"
    return "".join(f"<td class='num'>{escape(_number(score[name]))}</td>" for name in ("loss", "goal"))


def _quarantine(aside: dict[str, Any]) -> list[str]:
    if not aside["count"]:
        return []
    kinds = ", ".join(f"{count} {kind}" for kind, count in aside["kinds"].items())
    rows = "".join(
        f"<tr><td class='num'>{escape(str(one['index']))}</td><td>{escape(one['kind'])}</td>"
        f"<td>{escape(one['reason'])}</td><td class='num'>{one['epoch']}</td></tr>"
        for one in aside["list"]
    )
    more = aside["count"] - len(aside["list"])
    rest = f"<p class='afx-note'>and {more} more: <code>run.quarantine</code> lists them all</p>" if more else ""
    is_open = " open" if aside["count"] <= 10 else ""
    return [
        "<h3>Set aside</h3>",
        f"<details{is_open}><summary>{aside['count']} samples: {escape(kinds)}</summary>",
        (
            "<table><tr><th class='num'>index</th><th>kind</th><th>reason</th><th class='num'>epoch</th></tr>"
            f"{rows}</table>{rest}</details>"
        ),
    ]


def _table(report: dict[str, Any]) -> list[str]:
    rows = report["table"]
    if not rows:
        return []
    goal = report["goal"]["name"] if report["goal"] else "goal"
    there = [name for name in COLUMNS if any(name in row for row in rows)]
    head = "".join(
        f"<th class='num'>{escape(goal if name == 'goal' else name.replace('_', ' '))}</th>" for name in there
    )
    body = "".join(
        "<tr>" + "".join(f"<td class='num'>{escape(_number(row.get(name)))}</td>" for name in there) + "</tr>"
        for row in rows
    )
    return [
        (
            f"<h3>Epochs</h3><details><summary>All {len(rows)} epochs</summary>"
            f"<table><tr>{head}</tr>{body}</table></details>"
        )
    ]


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _describe_picture(report: dict[str, Any]) -> str:
    return f"Loss, goal, gradient norm and learning rate of {report['name']}. {report['headline']}"
