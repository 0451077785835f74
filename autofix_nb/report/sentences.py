"""How a run went, in a few short sentences."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from autofix_nb.report.changed import KEPT, PREPARED

Plain = dict[str, Any]


def sentences(report: Plain) -> list[str]:
    """Return how it went, in a few short sentences."""
    name = f"{report['name']}: " if report["name"] else ""
    epochs, steps = (f"{report[word]} {plural(word.removesuffix('s'), report[word])}" for word in ("epochs", "steps"))
    said = [f"{name}{report['status']} after {epochs}, {steps}, {duration(report['seconds'])}."]
    goal = report["goal"]
    if goal:
        restored = ", whose weights were put back" if goal["restored"] else ""
        said.append(f"Best {goal['name']} {goal['best']:.4f} in epoch {goal['best_epoch']}{restored}.")
    if chosen := report["threshold"]:
        said.append(
            f'"Yes" is best said from a probability of {chosen["threshold"]:.2g} on: F1 {chosen["f1"]:.3f} on '
            f"validation data, {chosen['f1_at_half']:.3f} from 0.5 on."
        )
    if report["why"] and not (report["status"] == "finished" and report["why"].startswith("the stop button")):
        said.append(f"It ended early: {report['why'].rstrip('.')}.")
    aside = report["quarantine"]
    if aside["count"]:
        of = f" of {aside['samples']}" if aside["samples"] else ""
        said.append(f"{aside['count']}{of} {plural('sample', aside['samples'] or aside['count'])} set aside.")
    if prepared := [change["fix"] for change in report["changes"] if change["verdict"] == PREPARED]:
        said.append(f"Changed before training: {', '.join(dict.fromkeys(prepared))}.")
    if changed := _changed(report["changes"]):
        said.append(f"Changed on the way: {changed}.")
    said += _in_vain(report["findings"])
    said += _extra(report["extra"])
    if report["suggestions"]:
        said.append("Fixes were suggested and not applied: the report lists them.")
    if report["resumed"]:
        said.append(f"Resumed {_times(len(report['resumed']))}.")
    if report["problems"]:
        said.append(f"{len(report['problems'])} {plural('thing', len(report['problems']))} to look at in the report.")
    elif _was_quiet(report):
        said.append("Nothing was found that needed a fix.")
    return said


def _was_quiet(report: Plain) -> bool:
    """Tell whether nothing was found beyond notes, and nothing was done."""
    found = any(finding["severity"] != "note" for finding in report["findings"])
    done = report["changes"] or report["suggestions"] or report["resumed"] or report["quarantine"]["count"]
    return not found and not done and report["status"] not in ("failed", "interrupted")


def _changed(changes: Sequence[Plain]) -> str:
    """Return how many changes were kept, undone and so on, each with its fixes; empty where there were none."""
    by_verdict: dict[str, Counter[str]] = {}
    for change in changes:
        if change["fix"] not in ("quarantine", "early_stop") and change["verdict"] != PREPARED:
            by_verdict.setdefault(change["verdict"], Counter())[change["fix"]] += 1
    return ", ".join(
        f"{fixes.total()} {verdict} "
        f"({', '.join(fix if count == 1 else f'{fix} {_times(count)}' for fix, count in fixes.items())})"
        for verdict, fixes in sorted(by_verdict.items(), key=lambda pair: pair[0] != KEPT)
    )


def _in_vain(findings: Sequence[Plain]) -> list[str]:
    """Return a sentence for each illness against which nothing helped in the end, with the best guess.

    What was not found again once another illness was treated is not among them.
    """
    said = []
    for finding in findings:
        if not finding["in_vain"] or finding["in_vain"]["later"]:
            continue
        tried = finding["in_vain"]["tried"]
        guess = finding["in_vain"]["guess"]
        said.append(
            f"Nothing helped against {finding['code']} {finding['title'].lower()}"
            + (f" ({tried} {plural('change', tried)} tried)" if tried else "")
            + (f"; the best guess is {guess}." if guess else ".")
        )
    return list(dict.fromkeys(said))


def _extra(extra: Plain) -> list[str]:
    """Return in a sentence what was trained besides the steps asked for."""
    parts = []
    if extra["steps"]:
        parts.append(f"{extra['steps']} {plural('step', extra['steps'])} on the side")
    if extra["epochs"]:
        parts.append(f"{extra['epochs']} {plural('epoch', extra['epochs'])} on top of those asked for")
    again = f"It began again from its first weights at step {', '.join(map(str, extra['restarts']))}."
    return ([again] if extra["restarts"] else []) + ([f"Trained besides: {', '.join(parts)}."] if parts else [])


def duration(seconds: float) -> str:
    """Return a time as people say it: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds + 0.05), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
