"""The report as text, for a terminal or a log."""

from typing import Any

from autofix_nb.policy.by_hand import USER
from autofix_nb.report.tried import outcome

MOST_LISTED = 8
"""Samples shown one by one in text; all of them are in the HTML and in the quarantine."""


def to_text(report: dict[str, Any]) -> str:
    """Return the report in as few lines as say everything that matters."""
    lines = [report["health"]["says"], *report["sentences"], *report["told"]]
    if report["findings"]:
        lines += ["", "Found"]
        for finding in report["findings"]:
            lines.append(f"  {finding_line(finding)}")
            if finding["how"]:
                lines.append(f"    measured: {_lower(finding['how'])}")
            for race in finding["races"]:
                lines += [f"    {line}" for line in _race(race, goal_name(report))]
    if report["changes"]:
        lines += ["", "Done"]
        for change in report["changes"]:
            lines.append(f"  {change['fix']}{against(change)}: {change['says']} ({verdict(change, goal_name(report))})")
        if code := permanent(report):
            lines += ["", "Make it permanent", *(f"  {line}" for one in code for line in one.splitlines())]
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
    when = "before training" if finding["before"] else f"step {finding['first_step']}"
    return f"{name}: {finding['says']} ({when})"


def verdict(change: dict[str, Any], goal: str = "goal") -> str:
    """Return what came of a change, with the numbers before and after where there are any.

    What won a race has another number before: what the run came to without it, over the steps of the race.
    """
    without, with_it = ("without it", "with it") if change["raced"] else ("before", "after")
    numbers = [
        f"{name} {change[before]:.4g} {without}, {change[after]:.4g} {with_it}"
        for name, before, after in (("loss", "before", "after"), (goal, "goal_before", "goal_after"))
        if isinstance(change[before], float) and isinstance(change[after], float)
    ]
    return f"{change['verdict']}: {'; '.join(numbers)}" if numbers else str(change["verdict"])


def against(change: dict[str, Any]) -> str:
    """Return what a change was made against, and when; empty for samples set aside, which have many causes."""
    when = "" if change["step"] is None else f" at step {change['step']}"
    if change["fix"] == "quarantine":
        return ""
    return f", by hand{when}" if change["code"] == USER else f", against {change['code']}{when}"


def goal_name(report: dict[str, Any]) -> str:
    """Return what the goal of a run is called."""
    return str(report["goal"]["name"]) if report["goal"] else "goal"


def permanent(report: dict[str, Any]) -> list[str]:
    """Return the code that makes permanent what was kept, each once."""
    return list(dict.fromkeys(change["permanent"] for change in report["changes"] if change["permanent"]))


def race_line(race: dict[str, Any]) -> str:
    """Return in a sentence what was tried side by side."""
    count = len(race["candidates"])
    what = "1 change was" if count == 1 else f"{count} changes were"
    when = f"At step {race['step']}" if race["step"] else "Before the first step"
    return f"{when}, {what} tried on the side for {race['steps']} steps each"


def _race(race: dict[str, Any], goal: str) -> list[str]:
    lines = [f"{race_line(race)}:", f"  nothing, as it was: {outcome(race['control'], goal)}"]
    lines += [
        f"  {one['says']}: {outcome(one, goal)}{' <- taken over' if one['won'] else ''}" for one in race["candidates"]
    ]
    return lines if race["won"] else [*lines, "  None was decisively better: nothing was changed."]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
