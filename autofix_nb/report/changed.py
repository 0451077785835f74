"""What was changed of a run, as the journal has it: each change with its verdict, and the numbers before and after."""

from collections.abc import Mapping, Sequence
from typing import Any

from autofix_nb.fixes import FIXES
from autofix_nb.journal import Entry
from autofix_nb.policy import PROVEN_AT_ONCE

Plain = dict[str, Any]

PREPARED = "before training"
"""Verdict of a change made before training: nothing was trained without it to compare with."""

MOST_NAMED = 500
"""Samples set aside that are named in the code that leaves them out; of more, the run has the list."""

KEPT, WATCHED = "kept", "still watched"


def changes_of(entries: Sequence[Entry]) -> list[Plain]:
    """Return what was changed, each with its verdict and the numbers before and after; samples set aside are one."""
    by_number = {entry["number"]: entry for entry in entries if entry["kind"] == "outcome" and "number" in entry}
    waiting: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry["kind"] == "outcome" and "number" not in entry:  # of runs before changes had numbers
            waiting.setdefault((entry["code"], entry["fix"]), []).append(entry)
    said = [_change(entry, PREPARED) for entry in entries if entry["kind"] == "prepared"]
    aside = [entry for entry in entries if entry["kind"] == "change" and entry["fix"] == "quarantine"]
    said = ([_set_aside(aside)] if aside else []) + said
    for entry in entries:
        if entry["kind"] != "change" or entry["fix"] == "quarantine":
            continue
        before = waiting.get((entry["code"], entry["fix"]), [])
        outcome = by_number.get(entry["number"]) if "number" in entry else before.pop(0) if before else None
        watched = entry["fix"] in FIXES and entry["fix"] not in PROVEN_AT_ONCE
        said.append(_change(entry, outcome["verdict"] if outcome else WATCHED if watched else KEPT, outcome))
    return said


def _change(entry: Entry, verdict: str, outcome: Mapping[str, Any] | None = None) -> Plain:
    outcome = outcome or {}
    return {
        "fix": entry["fix"],
        "code": entry["code"],
        "step": entry.get("step"),
        "says": entry["says"],
        "verdict": verdict,
        "raced": "goal_before" in outcome,
        "before": outcome.get("loss_before"),
        "after": outcome.get("loss_after"),
        "goal_before": outcome.get("goal_before"),
        "goal_after": outcome.get("goal_after"),
        "permanent": entry.get("permanent", "") if verdict in (KEPT, PREPARED) else "",
    }


def _set_aside(entries: Sequence[Entry]) -> Plain:
    # Each once: a sample may stand in the journal twice.
    samples = {str(sample): sample for entry in entries for sample in entry.get("after", {}).get("samples", [])}
    shown = sorted(samples.values(), key=lambda sample: (isinstance(sample, str), sample))
    named = f"set({shown})" if len(shown) <= MOST_NAMED else "set(run.quarantine.indices())"
    first = entries[0] | {
        "code": ", ".join(sorted({entry["code"] for entry in entries})),
        "says": f"{len(samples)} sample{'' if len(samples) == 1 else 's'} set aside; the rest of the batches went on",
        "permanent": f"bad = {named}\nkept = [i for i in range(len(data)) if i not in bad]\n"
        "data = torch.utils.data.Subset(data, kept)",
    }
    return _change(first, KEPT)
