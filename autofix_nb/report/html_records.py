"""The parts of the HTML report that record: samples set aside with pictures, timeline, epochs, settings, versions."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from autofix_nb.report.html_findings import cut, number_cell

Plain = dict[str, Any]

COLUMNS = ("epoch", "loss", "goal", "lr", "clip_share", "skipped", "quarantined", "step_seconds", "load_seconds")

MOST_ROWS = 200
"""Epochs in the table: the first half of them and the last."""

SHOWN_AT_ONCE = 12
"""Events up to which the timeline is open from the start."""

MOST_PICTURES = 24
"""Samples shown with their pictures."""

MOST_PICTURE_BYTES = 120_000
"""Bytes of all pictures of samples together: a report stays small enough for a saved notebook."""


def set_aside(aside: Plain, pictures: Mapping[str, bytes]) -> list[str]:
    """Return the samples set aside, those with pictures first."""
    if not aside["count"]:
        return []
    kinds = ", ".join(f"{count} {kind}" for kind, count in aside["kinds"].items())
    rows = "".join(
        f"<tr><td class='num'>{escape(cut(one['index'], 100))}</td><td>{escape(cut(one['kind'], 60))}</td>"
        f"<td>{escape(cut(one['reason'], 300))}</td><td class='num'>{one['epoch']}</td></tr>"
        for one in aside["list"]
    )
    more = aside["count"] - len(aside["list"])
    rest = f"<p class='afx-note'>and {more} more: <code>run.quarantine</code> lists them all</p>" if more else ""
    is_open = " open" if aside["count"] <= 10 else ""
    samples = "sample" if aside["count"] == 1 else "samples"
    return [
        "<h3>Set aside</h3>",
        _gallery(aside["list"], pictures),
        f"<details{is_open}><summary>{aside['count']} {samples}: {escape(kinds)}</summary>",
        (
            "<div class='afx-wide'><table><tr><th class='num'>index</th><th>kind</th><th>reason</th>"
            f"<th class='num'>epoch</th></tr>{rows}</table></div>{rest}</details>"
        ),
    ]


def _gallery(samples: Sequence[Plain], pictures: Mapping[str, bytes]) -> str:
    shown, room = [], MOST_PICTURE_BYTES
    for one in samples:
        png = pictures.get(one.get("picture", ""), b"")
        room -= len(png)
        if not png or room < 0 or len(shown) == MOST_PICTURES:
            continue
        said = escape(cut(f"sample {one['index']} ({one['kind']}): {one['reason']}", 300))
        data = base64.b64encode(png).decode()
        shown.append(
            f'<figure title="{said}"><img alt="{said}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(cut(one['index'], 40))}<br>{escape(cut(one['kind'], 40))}</figcaption></figure>"
        )
    return f'<div class="afx-gallery">{"".join(shown)}</div>' if shown else ""


def events(timeline: Sequence[Plain]) -> list[str]:
    """Return what happened, in order."""
    if not timeline:
        return []
    rows = "".join(
        f"<tr><td class='afx-when'>{escape(event['time'][11:19])}</td>"
        f"<td class='afx-when'>{'' if event['step'] is None else event['step']}</td>"
        f"<td>{escape(event['what'])}</td><td>{escape(cut(event['says'], 300))}</td></tr>"
        for event in timeline
    )
    begun = timeline[0]["time"][:10]
    is_open = " open" if len(timeline) <= SHOWN_AT_ONCE else ""
    return [
        f"<h3>Timeline</h3><details{is_open}><summary>{len(timeline)} events, from {escape(begun)} on (UTC)</summary>",
        "<div class='afx-wide'><table><tr><th>time</th><th>step</th><th></th><th></th></tr>",
        f"{rows}</table></div></details>",
    ]


def epochs(report: Plain) -> list[str]:
    """Return the table of epochs."""
    rows = report["table"]
    if not rows:
        return []
    goal = report["goal"]["name"] if report["goal"] else "goal"
    there = [name for name in COLUMNS if any(name in row for row in rows)]
    head = "".join(
        f"<th class='num'>{escape(goal if name == 'goal' else name.replace('_', ' '))}</th>" for name in there
    )
    half = MOST_ROWS // 2
    shown = rows if len(rows) <= MOST_ROWS else [*rows[:half], *rows[-half:]]
    lines = [
        "<tr>" + "".join(f"<td class='num'>{escape(number_cell(row.get(name)))}</td>" for name in there) + "</tr>"
        for row in shown
    ]
    if len(rows) > len(shown):
        more = f"and {len(rows) - len(shown):,} more in history.jsonl"
        lines.insert(half, f"<tr><td colspan='{len(there)}'>{more}</td></tr>")
    count = "All" if len(shown) == len(rows) else f"{len(shown)} of"
    return [
        (
            f"<h3>Epochs</h3><details><summary>{count} {len(rows)} epochs</summary>"
            f"<div class='afx-wide'><table><tr>{head}</tr>{''.join(lines)}</table></div></details>"
        )
    ]


def behind_it(report: Plain) -> list[str]:
    """Return settings and versions, folded away."""
    tables = [("Settings", report["settings"]), ("Versions and machine", report["environment"])]
    parts = []
    for title, values in tables:
        if not values:
            continue
        rows = "".join(
            f"<tr><td>{escape(cut(name, 60))}</td><td>{escape(cut(_plain(value), 300))}</td></tr>"
            for name, value in values.items()
        )
        parts.append(f"<details><summary>{title}</summary><div class='afx-wide'><table>{rows}</table></div></details>")
    return ["<h3>Behind it</h3>", *parts] if parts else []


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_plain, value)) or "none"
    return str(value)
