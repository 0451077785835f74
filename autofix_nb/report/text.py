"""The report as text, for a terminal or a log."""

from typing import Any

MOST_LISTED = 8
"""Samples shown one by one in text; all of them are in the HTML and in the quarantine."""


def to_text(report: dict[str, Any]) -> str:
    """Return the report in as few lines as say everything that matters."""
    lines = [*report["sentences"], *report["told"]]
    if report["findings"]:
        lines += ["", "Found"]
        lines += [f"  {finding_line(finding)}" for finding in report["findings"]]
    if report["changes"]:
        lines += ["", "Done"]
        for change in report["changes"]:
            lines.append(f"  {change['fix']}: {change['says']} ({verdict(change)})")
    if report["suggestions"]:
        lines += ["", "Suggested, not done"]
        lines += [f"  {one['fix']} for {one['code']}: {one['says']}" for one in report["suggestions"]]
    aside = report["quarantine"]
    if aside["count"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in aside["kinds"].items())
        lines += ["", f"Set aside: {kinds}"]
        lines += [f"  sample {one['index']} {one['kind']}: {one['reason']}" for one in aside["list"][:MOST_LISTED]]
        more = aside["count"] - MOST_LISTED
        if more > 0:
            lines.append(f"  and {more} more: `run.quarantine` lists them all")
    if report["problems"]:
        lines += ["", "Said on the way", *(f"  {problem}" for problem in report["problems"][:MOST_LISTED])]
    return "\n".join(lines)


def finding_line(finding: dict[str, Any]) -> str:
    """Return one line for findings that say the same: what, how often, since when."""
    name = f"{finding['code']} {finding['title']}"
    if finding["samples"] > 1:
        batches = "one batch" if finding["count"] == 1 else f"{finding['count']} batches"
        since = f"{finding['samples']} samples in {batches}, the first at step {finding['first_step']}"
        return f"{name}: {since}: {finding['says']}"
    if finding["count"] > 1:
        return f"{name}: {finding['says']} ({finding['count']} times, first at step {finding['first_step']})"
    return f"{name}: {finding['says']} (step {finding['first_step']})"


def verdict(change: dict[str, Any]) -> str:
    """Return what came of a change, with the numbers before and after where there are any."""
    before, after = change["before"], change["after"]
    if isinstance(before, float) and isinstance(after, float):
        return f"{change['verdict']}: loss {before:.4g} before, {after:.4g} after"
    return str(change["verdict"])
