"""The report as one plain dict: everything that the text, the HTML and the JSON say, worked out once."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autofix_nb.checks import Asked
from autofix_nb.finding import Finding, Severity
from autofix_nb.journal import plain
from autofix_nb.report.preflight.words import MARKS, code_lines, counted, cut, joined, one_line
from autofix_nb.report.sentences import duration

Plain = dict[str, Any]

SEE = re.compile(r"\(see ([EBD]\d\d)\)")
"""How a finding names the check that found its cause."""

EXIT_STATUS = {"clean": 0, "warnings": 1, "errors": 2}
"""What a script ends with, by verdict. Notes are clean."""

MOST_LISTED = 200
"""Places, and lines of evidence, kept for one finding; `where_count` and `evidence_count` count all."""

LEAST_SEEN = 0.05
"""Share of the training samples below which the headline says how few were looked at."""

MOST_HEADLINE = 180
"""Characters of the first finding that the headline quotes."""


def build(asked: Sequence[Asked], about: Mapping[str, Any]) -> Plain:
    """Return the report: a verdict, a row for each check that found something, worst first, and all others by name."""
    rows = _under_their_causes(
        [_row(one) for one in sorted(asked, key=lambda one: -(one.severity or 0)) if one.findings]
    )
    unanswered = [one for one in asked if one.answer is None]
    severities = {row["severity"] for row in rows}
    verdict = "errors" if "critical" in severities else "warnings" if "warning" in severities else "clean"
    report: Plain = {
        "verdict": verdict,
        "exit_status": EXIT_STATUS[verdict],
        "headline": "",
        "about": plain(dict(about)),
        "rows": rows,
        "fine": [_fine(one) for one in asked if one.answer is not None and not one.findings],
        "not_applicable": [_named(one) | {"why": one_line(one.why_not)} for one in unanswered if one.broke is None],
        "broke": [_named(one) | {"why": one_line(one.why_not)} for one in unanswered if one.broke is not None],
        "fixable": [row["code"] for row in rows if any(found["fixes"] for found in (row, *row["also"]))],
    }
    report["headline"] = _headline(report)
    return plain(report)


def _named(one: Asked) -> Plain:
    return {"code": one_line(one.check.code), "title": one_line(one.check.title), "seconds": round(one.seconds, 3)}


def _row(one: Asked) -> Plain:
    """Return one row for all findings of a check: the worst speaks, the others stand under `also`."""
    worst, *others = one.findings
    told = {line for finding in one.findings for line in finding.evidence}
    shared = [line for line in one.answer.evidence if line not in told]
    also = [_found(finding) for finding in others]
    cause = SEE.search(worst.says)
    return _named(one) | _found(worst, shared) | {"also": also, "cause": cause[1] if cause else ""}


def _under_their_causes(rows: list[Plain]) -> list[Plain]:
    """Put a row that names its cause, `(see B04)`, under the row of that cause: one fault is counted once."""
    by_code = {row["code"]: row for row in rows}
    kept = []
    for row in rows:
        cause = by_code.get(row["cause"]) if row["cause"] != row["code"] else None
        if cause is None or row["also"] or cause["cause"] or cause["severity"] != row["severity"]:
            kept.append(row)
            continue
        cause["also"].append(
            {name: row[name] for name in FOUND} | {"says": f"{row['code']} {row['title']}: {row['says']}"}
        )
    return kept


FOUND = (
    "mark", "severity", "says", "measured", "limit", "where", "where_count", "evidence", "evidence_count", "to_type",
    "fixes",
)  # fmt: skip


def _found(finding: Finding, shared: Sequence[str] = ()) -> Plain:
    severity = finding.severity.name.lower()
    return {
        "mark": MARKS[severity],
        "severity": severity,
        "says": _sentence(finding.says),
        "measured": None if math.isnan(finding.measured) else float(finding.measured),
        "limit": None if math.isnan(finding.limit) else float(finding.limit),
        "where": _lines(finding.where),
        "where_count": len(finding.where),
        "evidence": _lines([*finding.evidence, *shared]),
        "evidence_count": len(finding.evidence) + len(shared),
        "to_type": code_lines(finding.to_type),
        "fixes": _lines(finding.fixes),
    }


def _fine(one: Asked) -> Plain:
    evidence = one.answer.evidence
    return _named(one) | {
        "mark": MARKS["fine"],
        "says": _sentence(one.answer.says),
        "evidence": _lines(evidence),
        "evidence_count": len(evidence),
    }


def _lines(lines: Sequence[Any]) -> list[str]:
    return [one_line(line) for line in lines[:MOST_LISTED]]


def _sentence(says: Any) -> str:
    """Return it without a full stop, which each face puts where it belongs."""
    line = one_line(says)
    return line[:-1] if line.endswith(".") and not line.endswith("..") else line


def _headline(report: Plain) -> str:
    rows, skipped = report["rows"], report["not_applicable"]
    answered = len(rows) + len(report["fine"])
    total = answered + len(skipped) + len(report["broke"])
    failed = f" {counted(len(report['broke']), 'check')} failed, through no fault of yours." if report["broke"] else ""
    seconds = report["about"].get("seconds")
    took = f" in {duration(seconds)}" if isinstance(seconds, int | float) else ""
    if not total:
        return "Nothing was looked at: no questions were asked."
    if not answered:
        return f"Nothing could be looked at: none of {counted(total, 'question')} could be answered.{failed}"
    found = [
        counted(count, word)
        for severity, word in ((Severity.CRITICAL, "error"), (Severity.WARNING, "warning"), (Severity.NOTE, "note"))
        if (count := sum(row["severity"] == severity.name.lower() for row in rows))
    ]
    if report["verdict"] == "clean":
        said = [f"{counted(total, 'question')} asked"]
        said += [f"{len(skipped)} not applicable"] if skipped else []
        said += ["nothing wrong", found[0]] if found else ["nothing found"]
        said += [f"in {duration(seconds)}"] if took else []
        start = "Nothing found as far as could be looked" if report["broke"] else _ready(report["about"])
        return f"{start}: {', '.join(said)}.{failed}"
    first = cut(rows[0]["says"], MOST_HEADLINE)
    start = "Not ready" if report["verdict"] == "errors" else "Look before you train"
    return f"{start}: {joined(found)}{took}. {'First: ' if len(rows) > 1 else ''}{first}.{failed}"


def _ready(about: Mapping[str, Any]) -> str:
    """Say no more than was looked at."""
    train = about.get("train") or {}
    samples, seen = train.get("samples"), train.get("seen")
    few = samples and seen is not None and seen < LEAST_SEEN * samples
    so_far = f", as far as {seen:,} of {samples:,} samples tell" if few else ""
    if about.get("model"):
        return f"Ready to train{so_far}" if train or about.get("batch_rows") else "The model is in order"
    return f"The data are in order{so_far}" if train else "The environment is in order"
