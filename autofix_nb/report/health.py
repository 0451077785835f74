"""How a run is, in one plain sentence: what the reader of a report wants to know first."""

from collections.abc import Sequence
from typing import Any

from autofix_nb.report.changed import KEPT, PREPARED, WATCHED
from autofix_nb.report.sentences import plural

Plain = dict[str, Any]

WELL, HELPED, LOOK, BAD = "well", "helped", "look", "failed"
"""It needed nothing; it was helped; somebody should look; it broke off."""

WORDS = {WELL: "well", HELPED: "helped", LOOK: "to look at", BAD: "broke off"}

SERVICES = frozenset({"quarantine", "skip_batch", "early_stop", "tune_threshold"})
"""Changes that are no treatment of an illness."""


def health(report: Plain) -> Plain:
    """Return the state of a run and the sentence that says why; `state` is one of the four above."""
    state, says = _judged(report)
    return {"state": state, "word": WORDS[state], "says": says}


def _judged(report: Plain) -> tuple[str, str]:
    if report["status"] == "failed":
        return BAD, "It ended with an error. What was trained until then is saved: run the cell again to go on."
    if report["status"] == "interrupted":
        return BAD, "It was interrupted. What was trained until then is saved: run the cell again to go on."
    helped = _helped(report["changes"])
    open_ones = _open(report, helped)
    open_ones = [one for one in open_ones if not (one["in_vain"] and one["in_vain"]["later"])]
    worst = [one for one in open_ones if one["in_vain"]]
    if worst:
        return LOOK, f"Something is wrong that nothing tried could mend: {_named(worst)}."
    if open_ones:
        return LOOK, f"It needs a look: {_named(open_ones)}."
    runs = "runs" if report["status"] in ("running", "new") else "ran"
    aside = report["quarantine"]["count"]
    rest = f"; {aside} {plural('sample', aside)} {'was' if aside == 1 else 'were'} set aside" if aside else ""
    if helped:
        illnesses = list(dict.fromkeys(one["code"] for one in helped))
        count = len(helped)
        return HELPED, (
            f"It needed help and got it: {count} {plural('change', count)} against {', '.join(illnesses)} "
            f"{'is' if count == 1 else 'are'} kept{rest}."
        )
    if aside:
        return HELPED, f"It {runs} well{rest}."
    if report["problems"]:
        return LOOK, f"It {runs} well; on the way something was said that is worth a look."
    return WELL, f"It {runs} well."


def _helped(changes: Sequence[Plain]) -> list[Plain]:
    kept = (KEPT, WATCHED, PREPARED)
    return [one for one in changes if one["verdict"] in kept and one["fix"] not in SERVICES]


def _open(report: Plain, helped: Sequence[Plain]) -> list[Plain]:
    """Return the findings, beyond notes, that no change answered; the worst first."""
    changes = [*helped, *(one for one in report["changes"] if one["fix"] in ("quarantine", "skip_batch"))]
    answered = {code for one in changes for code in one["code"].split(", ")}
    aside = {f"sample {one['index']}" for one in report["quarantine"]["list"]}
    found = [one for one in report["findings"] if one["severity"] != "note"]
    left = [
        one
        for one in found
        if one["in_vain"]
        or (one["code"] not in answered and not (one["before"] and one["where"] and aside.issuperset(one["where"])))
    ]
    return sorted(left, key=lambda one: one["severity"] != "critical")


def _named(findings: Sequence[Plain]) -> str:
    names = list(dict.fromkeys(f"{one['code']} {one['title']}" for one in findings))
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
