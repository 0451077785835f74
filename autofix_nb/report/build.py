"""The report as one plain dict: everything that the text, the HTML and the JSON say, worked out once."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autofix_nb.data import Quarantine
from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.set_aside import SetAside
from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES
from autofix_nb.history import History
from autofix_nb.journal import Journal
from autofix_nb.policy import PROVEN_AT_ONCE

Plain = dict[str, Any]

PREPARED = "before training"
"""Verdict of a change made before training: nothing was trained without it to compare with."""

MOST_SAMPLES = 200
"""Quarantined samples listed one by one; the rest is counted."""


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
        "findings": _grouped(findings, history),
        "changes": _changes(journal),
        "suggestions": _suggestions(journal),
        "quarantine": {
            "count": len(quarantine),
            "samples": samples,
            "kinds": dict(Counter(sample.kind for sample in quarantine)),
            "list": [
                {"index": one.index, "kind": one.kind, "reason": one.reason, "epoch": one.epoch + 1}
                for one in list(quarantine)[:MOST_SAMPLES]
            ],
        },
        "skipped": sum(int(row.get("skipped", 0)) for row in history.epochs),
        "told": settings.get("told", []),
        "environment": settings.get("environment", {}),
        "settings": {name: settings[name] for name in ("seed", "autofix", "allow", "ignore") if name in settings},
        "table": [dict(row) for row in history.epochs],
        "problems": list(ending.get("problems", [])),
    }
    report["sentences"] = sentences(report)
    report["headline"] = " ".join(report["sentences"])
    return report


def sentences(report: Plain) -> list[str]:
    """Return how it went, in a few short sentences."""
    name = f"{report['name']}: " if report["name"] else ""
    epochs, steps = (f"{report[word]} {_plural(word.removesuffix('s'), report[word])}" for word in ("epochs", "steps"))
    said = [f"{name}{report['status']} after {epochs}, {steps}, {duration(report['seconds'])}."]
    goal = report["goal"]
    if goal:
        restored = ", whose weights were put back" if goal["restored"] else ""
        said.append(f"Best {goal['name']} {goal['best']:.4f} in epoch {goal['best_epoch']}{restored}.")
    if report["why"] and not (report["status"] == "finished" and report["why"].startswith("the stop button")):
        said.append(f"It ended early: {report['why'].rstrip('.')}.")
    aside = report["quarantine"]
    if aside["count"]:
        of = f" of {aside['samples']}" if aside["samples"] else ""
        said.append(f"{aside['count']}{of} {_plural('sample', aside['samples'] or aside['count'])} set aside.")
    if prepared := [change["fix"] for change in report["changes"] if change["verdict"] == PREPARED]:
        said.append(f"Changed before training: {', '.join(dict.fromkeys(prepared))}.")
    if changed := _changed(report["changes"]):
        said.append(f"Changed on the way: {changed}.")
    if report["suggestions"]:
        said.append("Fixes were suggested and not applied: the report lists them.")
    if report["resumed"]:
        said.append(f"Resumed {_times(len(report['resumed']))}.")
    if report["problems"]:
        said.append(f"{len(report['problems'])} {_plural('thing', len(report['problems']))} to look at in the report.")
    elif not report["findings"] and not report["resumed"] and report["status"] not in ("failed", "interrupted"):
        said.append("Nothing was found that needed a fix.")
    return said


def _changed(changes: Sequence[Plain]) -> str:
    """Return the fixes that touched the loop, each with how often and what came of it last; empty where none did."""
    by_fix: dict[str, list[str]] = {}
    for change in changes:
        if change["fix"] not in ("quarantine", "early_stop") and change["verdict"] != PREPARED:
            by_fix.setdefault(change["fix"], []).append(change["verdict"])
    return ", ".join(
        f"{fix} {_times(len(verdicts))} ({'last ' if len(verdicts) > 1 else ''}{verdicts[-1]})"
        for fix, verdicts in by_fix.items()
    )


def duration(seconds: float) -> str:
    """Return a time as people say it: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds + 0.05), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _goal(history: History, ending: Mapping[str, Any]) -> Plain | None:
    rows = [row for row in history.epochs if "goal" in row and math.isfinite(float(row["goal"]))]
    if not rows:
        return None
    best = max(rows, key=lambda row: row["goal"] if row["higher_is_better"] else -row["goal"])
    return {
        "name": rows[-1]["goal_name"],
        "best": best["goal"],
        "best_epoch": best["epoch"],
        "last": rows[-1]["goal"],
        "restored": bool(ending.get("restored")),
    }


def _error(status: str, journal: Journal) -> str | None:
    """Return the first line of the exception that ended the run, where one did."""
    entry = journal.last("error") if status in ("failed", "interrupted") else None
    return entry["error"].strip().split("\n")[0].rstrip(": ") if entry else None


def _grouped(findings: Sequence[Finding], history: History) -> list[Plain]:
    """Put findings that say the same thing of other samples together: each thing is said once.

    That a run was resumed (R05) is nothing that is wrong with it, and stands in the headline.
    """
    groups: dict[tuple[str, str], Plain] = {}
    for finding in findings:
        if finding.code == "R05":
            continue
        about_samples = bool(finding.where) and finding.where[0].startswith("sample ")
        key = finding.code, "samples" if about_samples or finding.code == SetAside.code else finding.says
        if key not in groups:
            groups[key] = finding.to_dict() | {"count": 0, "samples": 0, "first_step": finding.step, "where": []}
        group = groups[key]
        group["count"] += 1
        group["samples"] += len(finding.where) if about_samples else 0
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


def _changes(journal: Journal) -> list[Plain]:
    verdicts: dict[tuple[str, str], list[Plain]] = {}
    for entry in journal.entries("outcome"):
        verdicts.setdefault((entry["code"], entry["fix"]), []).append(entry)
    said = _prepared(journal)
    samples: dict[str, Any] = {}
    first_step, codes = None, []
    for entry in journal.entries("change"):
        if entry["fix"] == "quarantine":
            first_step = entry.get("step") if first_step is None else first_step
            codes.append(entry["code"])
            # Each once: what a killed kernel had done after its last save stands in the journal twice.
            samples |= {str(sample): sample for sample in entry.get("after", {}).get("samples", [])}
            continue
        waiting = verdicts.get((entry["code"], entry["fix"]), [])
        outcome = waiting.pop(0) if waiting else None
        watched = entry["fix"] in FIXES and entry["fix"] not in PROVEN_AT_ONCE
        verdict = outcome["verdict"] if outcome else "still watched" if watched else "kept"
        said.append(
            {
                "fix": entry["fix"],
                "code": entry["code"],
                "step": entry.get("step"),
                "says": entry["says"],
                "verdict": verdict,
                "before": outcome.get("loss_before") if outcome else None,
                "after": outcome.get("loss_after") if outcome else None,
                "permanent": entry.get("permanent", ""),
            }
        )
    if samples:
        shown = sorted(samples.values(), key=lambda sample: (isinstance(sample, str), sample))
        said.insert(
            0,
            {
                "fix": "quarantine",
                "code": ", ".join(sorted(set(codes))),
                "step": first_step,
                "says": f"{len(samples)} {_plural('sample', len(samples))} set aside; the rest of the batches went on",
                "verdict": "kept",
                "before": None,
                "after": None,
                "permanent": f"bad = set({shown})\nkept = [i for i in range(len(data)) if i not in bad]\n"
                "data = torch.utils.data.Subset(data, kept)",
            },
        )
    return said


def _prepared(journal: Journal) -> list[Plain]:
    """Return what was changed before the run, of the last start that the journal holds."""
    start = journal.last("start")
    return [
        {
            "fix": entry["fix"],
            "code": entry["code"],
            "step": entry.get("step"),
            "says": entry["says"],
            "verdict": PREPARED,
            "before": None,
            "after": None,
            "permanent": entry.get("permanent", ""),
        }
        for entry in journal.entries("prepared")
        if start is None or entry["n"] > start["n"]
    ]


def _suggestions(journal: Journal) -> list[Plain]:
    return [
        {"code": entry["code"], "fix": entry["fix"], "says": entry["says"]} for entry in journal.entries("suggestion")
    ]


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
