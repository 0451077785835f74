"""The part of the HTML report that says what was found: each with its evidence, what was tried, and what came of it."""

from html import escape
from typing import Any

from autofix_nb.report.evidence_plot import draw
from autofix_nb.report.text import finding_line, race_line, verdict
from autofix_nb.report.tried import outcome

Plain = dict[str, Any]

MOST_DETAILED = 20
"""Findings that can be folded out; of those after them the sentence stands there."""

MOST_LISTED = 60
"""Findings in the report; the rest is counted."""

MOST_EVIDENCE = 12
"""Lines of evidence, and places, of one finding."""

LONGEST = 700
"""Characters of a sentence that are shown."""

SHOWN_OPEN = 2
"""Warnings and worse, met while training, whose folds are open from the start."""


def found(findings: list[Plain], goal: str) -> list[str]:
    """Return the headline and the findings; nothing where there are none."""
    if not findings:
        return []
    parts = ["<h3>Found</h3>"]
    is_open = 0
    for finding in findings[:MOST_DETAILED]:
        body = _behind(finding, goal)
        was_met = not finding["before"] and bool(finding["plots"] or finding["races"] or finding["changes"])
        opens = was_met and finding["severity"] != "note" and is_open < SHOWN_OPEN
        is_open += opens
        kind = finding["severity"] if finding["severity"] in ("critical", "warning") else "note"
        parts.append(
            f'<details class="afx-row afx-is-{kind}"{" open" if opens else ""}>'
            f"<summary>{escape(cut(finding_line(finding)))}</summary>"
            f'<div class="afx-body">{"".join(body) or "<p>Nothing more was noted.</p>"}</div></details>'
        )
    rest = findings[MOST_DETAILED:MOST_LISTED]
    if rest:
        lines = "".join(f"<li>{escape(cut(finding_line(one), 200))}</li>" for one in rest)
        more = len(findings) - MOST_LISTED
        last = f'<li class="afx-note">and {more:,} more in journal.jsonl</li>' if more > 0 else ""
        parts.append(
            f"<details><summary>and {len(findings) - MOST_DETAILED:,} more</summary><ul>{lines}{last}</ul></details>"
        )
    return parts


def cut(text: Any, most: int = LONGEST) -> str:
    """Return text as short as it can be read; texts of errors may have any length."""
    text = str(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _behind(finding: Plain, goal: str) -> list[str]:
    """Return what is folded away under a finding."""
    parts = []
    drawings = [svg for svg in map(draw, finding["plots"]) if svg]
    if drawings:
        parts.append(f'<div class="afx-plots">{"".join(drawings)}</div>')
    parts += [_change(change, goal) for change in finding["changes"]]
    if vain := finding["in_vain"]:
        guess = f" The best guess is {escape(str(vain['guess']))}." if vain["guess"] else ""
        later = f" It was not found again after {escape(vain['later'])}, which was kept." if vain["later"] else guess
        parts.append(f"<p>Nothing that was tried helped.{later}</p>")
    for race in finding["races"]:
        parts += _race(race, goal)
    parts += [f"<p>{escape(text)}</p>" for text in (finding["why"], finding["how"]) if text]
    if finding["where"] and finding["samples"] < 2:
        places = ", ".join(map(str, finding["where"][:MOST_EVIDENCE]))
        parts.append(f"<p>Where: {escape(cut(places))}</p>")
    if finding["evidence"]:
        lines = finding["evidence"][:MOST_EVIDENCE]
        parts.append("<ul>" + "".join(f"<li>{escape(cut(line))}</li>" for line in lines) + "</ul>")
    if finding.get("to_type") and not finding["changes"]:
        parts.append(f'<p>To type:</p><pre tabindex="0">{escape(cut(finding["to_type"], 4000))}</pre>')
    return parts


def _change(change: Plain, goal: str) -> str:
    when = "" if change["step"] is None else f" at step {change['step']}"
    kind = change["verdict"] if change["verdict"] in ("kept", "undone") else "note"
    return (
        f'<p class="afx-is-{kind}"><b>{escape(change["fix"])}</b>{when}: {escape(cut(change["says"]))} '
        f'<span class="afx-chip">{escape(verdict(change, goal))}</span></p>'
    )


def _race(race: Plain, goal: str) -> list[str]:
    rows = []
    for one in race["candidates"]:
        taken = "<td>taken over</td>" if one["won"] else "<td></td>"
        kind = " class='afx-won'" if one["won"] else ""
        rows.append(f"<tr{kind}><td>{escape(cut(one['says'], 300))}</td>{_cells(one, goal)}{taken}</tr>")
    said = "" if race["won"] else "<p>None was decisively better: nothing was changed.</p>"
    return [
        f"<p>{escape(race_line(race))}.</p>",
        "<div class='afx-wide'><table><tr><th>tried</th><th class='num'>loss</th>",
        f"<th class='num'>{escape(goal)}</th><th></th></tr>",
        f"<tr><td>nothing, as it was</td>{_cells(race['control'], goal)}<td></td></tr>",
        *rows,
        f"</table></div>{said}",
    ]


def _cells(score: Plain, goal: str) -> str:
    if score["loss"] is None:
        return f"<td colspan='2'>{escape(cut(outcome(score, goal), 200))}</td>"
    return "".join(f"<td class='num'>{escape(number_cell(score[name]))}</td>" for name in ("loss", "goal"))


def number_cell(value: Any) -> str:
    """Return a number as it stands in a table; nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else cut(value, 100)
