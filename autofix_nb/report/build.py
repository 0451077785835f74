"""The report as one plain dict: everything that the text, the HTML and the JSON say, worked out once."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autofix_nb.checks import CHECKS
from autofix_nb.data import Quarantine
from autofix_nb.detectors import DETECTORS, NotApplicable
from autofix_nb.detectors.set_aside import SetAside
from autofix_nb.finding import Finding
from autofix_nb.history import History
from autofix_nb.journal import Entry, Journal
from autofix_nb.report.changed import KEPT, PREPARED, WATCHED, changes_of
from autofix_nb.report.evidence_plot import plots_of
from autofix_nb.report.health import SERVICES, health
from autofix_nb.report.sentences import sentences
from autofix_nb.report.timeline import timeline
from autofix_nb.report.tried import races_of

Plain = dict[str, Any]

MOST_PLOTTED = 12
"""Findings with plots, the first ones."""

MOST_SAMPLES = 200
"""Quarantined samples listed one by one; the rest is counted."""

CHECKED = frozenset((check.code, check.title) for check in CHECKS)
"""What a look before training finds; the training has a title of its own for samples that it meets."""


def build(
    *,
    settings: Mapping[str, Any],
    status: str,
    history: History,
    journal: Journal,
    quarantine: Quarantine,
    findings: Sequence[Finding],
    ending: Mapping[str, Any],
) -> Plain:
    """Return the report of a run. `ending` says how it ended: steps, seconds, whether weights were put back."""
    goal = _goal(history, ending)
    entries = _of_this_run(journal)
    races = races_of(entries)
    changes = changes_of(entries)
    samples = settings.get("identity", {}).get("samples")
    report: Plain = {
        "name": settings.get("name", ""),
        "status": status,
        "why": ending.get("why") or _error(status, journal),
        "epochs": len(history.epochs),
        "steps": ending.get("steps", 0),
        "seconds": ending.get("seconds", 0.0),
        "goal": goal,
        "resumed": [{"step": entry["step"], "time": entry["time"]} for entry in journal.entries("resume")],
        "findings": _with_answers(_grouped(findings, history), races, changes, entries),
        "changes": changes,
        "suggestions": _suggestions(entries),
        "extra": {
            "steps": _steps_on_the_side(entries),
            "epochs": int(ending.get("extra_epochs", 0)),
            "restarts": [race["step"] for race in races if race["restarted"]],
        },
        "quarantine": {
            "count": len(quarantine),
            "samples": samples,
            "kinds": dict(Counter(sample.kind for sample in quarantine)),
            "list": [
                {"index": one.index, "kind": one.kind, "reason": one.reason, "epoch": one.epoch + 1}
                | ({"picture": one.picture} if one.picture else {})
                for one in list(quarantine)[:MOST_SAMPLES]
            ],
        },
        "skipped": sum(int(row.get("skipped", 0)) for row in history.epochs),
        "told": settings.get("told", []),
        "environment": settings.get("environment", {}),
        "settings": {name: settings[name] for name in ("seed", "autofix", "allow", "ignore") if name in settings},
        "table": [dict(row) for row in history.epochs],
        "problems": list(ending.get("problems", [])),
        "timeline": timeline(entries),
    }
    _add_plots(report["findings"], history)
    report["health"] = health(report)
    report["threshold"] = _threshold(report)
    report["sentences"] = sentences(report)
    report["headline"] = " ".join(report["sentences"])
    return report


def _with_answers(
    groups: list[Plain], races: Sequence[Plain], changes: Sequence[Plain], entries: Sequence[Entry]
) -> list[Plain]:
    """Add to each finding how it was measured, what was tried against it, what was done, and what was in vain.

    An illness that was found several times in other words has its answers where it was found first.
    """
    detectors = {detector.code: detector for detector in DETECTORS}
    gave_up = {entry["code"]: entry["step"] for entry in entries if entry["kind"] == "note" and "code" in entry}
    seen = set()
    for group in groups:
        code = group["code"]
        own = code not in seen
        seen.add(code)
        detector = detectors.get(code)
        group["why"], group["how"] = (detector.why, detector.how) if own and detector is not None else ("", "")
        group["races"] = [race for race in races if race["code"] == code] if own else []
        done = [one for one in changes if one["code"] == code and one["verdict"] != PREPARED] if own else []
        helped = [one["step"] or 0 for one in done if one["verdict"] in (KEPT, WATCHED)]
        group["changes"] = done
        group["in_vain"] = None
        if own and code in gave_up and gave_up[code] > max(helped, default=-1):
            lost = [race for race in group["races"] if not race["won"]]
            tried = sum(len(race["candidates"]) for race in lost) or len(done)
            guesses = [race["guess"] for race in lost if race["guess"]]
            group["in_vain"] = {"tried": tried, "guess": guesses[-1] if guesses else ""}
            since = max([gave_up[code], *(one["last_step"] for one in groups if one["code"] == code)])
            group["in_vain"]["later"] = _kept_later(changes, since)
    return groups


def _kept_later(changes: Sequence[Plain], since: int) -> str:
    """Return the first treatment of another illness that was kept from a step on; empty where there is none."""
    kept = [one for one in changes if one["verdict"] in (KEPT, WATCHED) and one["fix"] not in SERVICES]
    later = [one for one in kept if (one["step"] or 0) >= since]
    return f"{later[0]['fix']} at step {later[0]['step']}" if later else ""


def _add_plots(groups: list[Plain], history: History) -> None:
    """Add the evidence, as plain values to be drawn."""
    for place, group in enumerate(groups):
        shown = place < MOST_PLOTTED and not group["before"] and group["first_step"] > 0
        group["plots"] = plots_of(group, history, group["changes"]) if shown else []


def _of_this_run(journal: Journal) -> list[Entry]:
    """Return the entries that count, from the last start on."""
    entries = journal.lasting()
    starts = [place for place, entry in enumerate(entries) if entry["kind"] == "start"]
    return entries[starts[-1] :] if starts else entries


def _steps_on_the_side(entries: Sequence[Entry]) -> int:
    taken = [entry.get("taken", 0) for entry in entries if entry["kind"] == "race"]
    return sum(taken) + sum(entry.get("steps", 0) for entry in entries if entry["kind"] == "range test")


def _goal(history: History, ending: Mapping[str, Any]) -> Plain | None:
    rows = [row for row in history.epochs if "goal" in row and math.isfinite(float(row["goal"]))]
    if not rows:
        return None
    # What was measured by another goal, before that was replaced, cannot be compared.
    rows = [row for row in rows if row["goal_name"] == rows[-1]["goal_name"]]
    marked = [row for row in rows if row.get("is_best")]
    best = max(marked or rows, key=lambda row: row["epoch"] if marked else _goal_upwards(row))
    return {
        "name": rows[-1]["goal_name"],
        "best": best["goal"],
        "best_epoch": best["epoch"],
        "last": rows[-1]["goal"],
        "restored": bool(ending.get("restored")),
    }


def _goal_upwards(row: Mapping[str, Any]) -> float:
    return float(row["goal"] if row["higher_is_better"] else -row["goal"])


def _threshold(report: Plain) -> Plain | None:
    """Return the best decision threshold of the weights that the run ended with, where another than 0.5 was found.

    Each epoch has its own: that of the last one says nothing about weights that were put back.
    """
    found = any(finding["code"] == "L09" for finding in report["findings"])
    tuned = any(change["fix"] == "tune_threshold" for change in report["changes"])
    rows = [row for row in report["table"] if "val/f1_at_threshold" in row]
    if report["goal"] and report["goal"]["restored"]:
        rows = [row for row in rows if row["epoch"] == report["goal"]["best_epoch"]]
    if not rows or not (found or tuned) or not rows[-1]["val/f1_at_threshold"] > rows[-1]["val/f1_at_half"]:
        return None
    names = {"threshold": "threshold", "f1": "f1_at_threshold", "f1_at_half": "f1_at_half"}
    return {name: rows[-1][f"val/{column}"] for name, column in names.items()} | {"tuned": tuned}


def _error(status: str, journal: Journal) -> str | None:
    """Return the first line of the exception that ended the run, where one did."""
    entry = journal.last("error") if status in ("failed", "interrupted") else None
    return entry["error"].strip().split("\n")[0].rstrip(": ") if entry else None


def _grouped(findings: Sequence[Finding], history: History) -> list[Plain]:
    """Put findings that say the same thing of other samples together: each thing is said once.

    What a look before training says of samples is about all of them, and stays apart from what the training met. That
    a run was resumed (R05) is nothing that is wrong with it, and stands in the headline.
    """
    groups: dict[tuple[str, str], Plain] = {}
    for finding in findings:
        if finding.code == "R05":
            continue
        about_samples = bool(finding.where) and finding.where[0].startswith("sample ")
        before = (finding.code, finding.title) in CHECKED
        counted = about_samples and not before
        key = finding.code, "samples" if counted or finding.code == SetAside.code else finding.says
        if key not in groups:
            start = {"count": 0, "samples": 0, "first_step": finding.step, "where": [], "before": before}
            groups[key] = finding.to_dict() | start
        group = groups[key]
        group["count"] += 1
        group["samples"] += len(finding.where) if counted else 0
        group["last_step"] = finding.step
        group["where"] = (group["where"] + list(finding.where))[:MOST_SAMPLES]
    if (SetAside.code, "samples") in groups:
        _renew(groups[SetAside.code, "samples"], history)
    return list(groups.values())


def _renew(group: Plain, history: History) -> None:
    """Samples are set aside one by one, and said once: the report gives the count at the end."""
    try:
        newest = SetAside().check(history)
    except NotApplicable:
        return
    if newest is not None:
        group |= {"says": newest.says, "measured": newest.measured, "count": 1}


def _suggestions(entries: Sequence[Entry]) -> list[Plain]:
    return [
        {"code": entry["code"], "fix": entry["fix"], "says": entry["says"]}
        for entry in entries
        if entry["kind"] == "suggestion"
    ]
