"""The report as text, for a terminal or a log."""

import textwrap
from typing import Any

from autofix_nb.report.preflight.words import MARKS, about_parts, cut, joined, shortened

MOST_ROWS = 10
"""Findings told in full; where there are more, the worst but one of these, and the others by name."""

MOST_PLACES = 5
"""Places shown for a finding; all of them are in the JSON."""

MOST_PLACE = 60
"""Characters of a place that are shown."""

PLAIN_SIGNS = str.maketrans(
    {"✘": "x", "⚠": "!", "ℹ": "i", "✔": "+", "–": "-", "·": "|", "…": "...", "×": "x", "→": "->", "≥": ">=", "≤": "<="}
)


def to_text(report: dict[str, Any], width: int = 100, *, ascii: bool = False) -> str:
    """Return the report, wrapped to `width` columns; code to type is never wrapped.

    `ascii` is for terminals whose encoding has no check marks: everything else is spelled out.
    """
    lines = _Lines(max(40, width), ascii=ascii)
    lines.add(f"{verdict_mark(report)} {report['headline']}", hang=2)
    parts = about_parts(report["about"])
    if parts:
        lines.add(f"  {' · '.join(parts)}", hang=2)
    rows = report["rows"]
    shown = rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS - 1]
    if rows:
        lines.blank()
    for row in shown:
        _row(lines, row)
    if len(rows) > len(shown):
        rest = ", ".join(f"{row['mark']} {row['code']} {row['title']}" for row in rows[len(shown) :])
        lines.add(f"  and {len(rows) - len(shown)} more: {rest}", hang=2)
    if report["fine"] or report["not_applicable"] or report["broke"]:
        lines.blank()
    if report["fine"]:
        codes = ", ".join(one["code"] for one in report["fine"])
        lines.add(f"{MARKS['fine']} {len(report['fine'])} fine: {codes}", hang=2)
    if report["not_applicable"]:
        why = "; ".join(f"{', '.join(codes)} {reason}" for reason, codes in reasons(report["not_applicable"]))
        lines.add(f"{MARKS['not applicable']} {len(report['not_applicable'])} not applicable: {why}", hang=2)
    for one in report["broke"]:
        lines.add(f"{MARKS['not applicable']} {one['code']} {one['title']}: {one['why']}", hang=2)
    return lines.text()


def reasons(skipped: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return each reason once, with the codes of the checks that gave it."""
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one["why"], []).append(one["code"])
    return list(by_reason.items())


class _Lines:
    """Lines of text, each wrapped with its own indent."""

    def __init__(self, width: int, *, ascii: bool) -> None:
        self._width, self._ascii = width, ascii
        self._lines: list[str] = []

    def blank(self) -> None:
        self._lines.append("")

    def add(self, text: str, *, hang: int) -> None:
        indent = len(text) - len(text.lstrip(" "))
        self._lines += textwrap.wrap(
            self._plain(text.strip()),
            self._width,
            initial_indent=" " * indent,
            subsequent_indent=" " * hang,
            break_on_hyphens=False,
        )

    def code(self, code: str, name: str) -> None:
        first, *others = self._plain(code).splitlines()
        self._lines.append(f"      {name} {first}")
        self._lines += [f"      {' ' * len(name)} {line}".rstrip() for line in others]

    def text(self) -> str:
        return "\n".join(self._lines)

    def _plain(self, text: str) -> str:
        return text.translate(PLAIN_SIGNS).encode("ascii", "backslashreplace").decode() if self._ascii else text


def _row(lines: _Lines, row: dict[str, Any]) -> None:
    lines.add(f"{row['mark']} {row['code']} {row['title']}: {row['says']}", hang=6)
    _details(lines, row)
    for found in row["also"]:
        lines.add(f"    {found['mark']} {found['says']}", hang=6)
        _details(lines, found)


def _details(lines: _Lines, found: dict[str, Any]) -> None:
    places = [cut(place, MOST_PLACE) for place in found["where"]]
    if places:
        lines.add(f"      where: {joined(shortened(places, MOST_PLACES, found['where_count']))}", hang=13)
    if found["to_type"]:
        lines.code(found["to_type"], "type: ")


def verdict_mark(report: dict[str, Any]) -> str:
    """Return the sign of the whole report."""
    nothing = not (report["rows"] or report["fine"])
    kind = {"errors": "critical", "warnings": "warning", "clean": "not applicable" if nothing else "fine"}
    return MARKS[kind[report["verdict"]]]
