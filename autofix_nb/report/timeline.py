"""What happened in a run, one line an event, in order: begun, found, tried, kept, undone, saved, resumed, ended."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autofix_nb.journal import Entry
from autofix_nb.report.sentences import plural

Plain = dict[str, Any]

MOST_EVENTS = 120
"""Lines of a timeline: the first half of them and the last; what lies between is counted."""

QUIET = frozenset({"epoch", "mirrored"})
"""Entries of the journal that are no event of their own: the table of epochs has them, or each save does."""

DIED_WHILE = {
    "loading": ", while a batch was loaded",
    "step": ", in a step",
    "look": ", in the look before training",
    "race": ", in a training on the side",
    "validation": ", while validating",
}
"""Where a process died, by the phase that its pulse told."""

AGGREGATED = {"save": "saved", "quarantine": "set aside", "mirror failed": "copying failed", "save failed": "not saved"}
"""Events of which several in a row are one line."""


def timeline(entries: Sequence[Entry]) -> list[Plain]:
    """Return the events of a run: `time` (ISO 8601), `step` (None before training), `what` in a word, `says`."""
    events: list[Plain] = []
    for entry in entries:
        event = _event(entry)
        if event is None:
            continue
        last = events[-1] if events else None
        if last is not None and entry["kind"] in AGGREGATED and last["what"] == event["what"]:
            last["count"] += 1
            last["says"] = f"{last['count']} times, the last at step {event['step']}"
            if entry["kind"] == "quarantine":
                last["says"] = f"{last['count']} samples, the last at step {event['step']}"
            continue
        events.append(event | {"count": 1})
    half = MOST_EVENTS // 2
    if len(events) > MOST_EVENTS:
        between = {
            "time": "",
            "step": None,
            "what": "",
            "says": f"and {len(events) - 2 * half:,} more in journal.jsonl",
        }
        events = [*events[:half], between, *events[-half:]]
    return [{name: value for name, value in event.items() if name != "count"} for event in events]


def _event(entry: Entry) -> Plain | None:
    kind = entry["kind"]
    said_elsewhere = (kind == "finding" and entry.get("code") == "R05") or (
        kind == "change" and entry.get("fix") == "quarantine"
    )
    if kind in QUIET or said_elsewhere:
        return None
    what, says = WORDS[kind](entry) if kind in WORDS else (kind, _text(entry))
    step = entry.get("step")
    return {"time": entry.get("time", ""), "step": step if isinstance(step, int) else None, "what": what, "says": says}


def _text(entry: Mapping[str, Any]) -> str:
    return str(entry.get("says") or entry.get("text") or entry.get("why") or entry.get("reason") or "")


def _race(entry: Entry) -> tuple[str, str]:
    count = len(entry["candidates"])
    won = [one for one in entry["candidates"] if one["won"]]
    came = f"taken over: {', '.join(won[0]['fixes'])}" if won else "none was decisively better"
    return "tried", f"{count} {plural('change', count)} against {entry['code']}, {entry['steps']} steps each; {came}"


def _outcome(entry: Entry) -> tuple[str, str]:
    numbers = [entry.get(name) for name in ("loss_before", "loss_after")]
    sound = all(isinstance(value, int | float) for value in numbers)
    said = f": loss {numbers[0]:.4g} without, {numbers[1]:.4g} with it" if sound else ""
    return str(entry["verdict"]), f"{entry['fix']} against {entry['code']}{said}"


def _resume(entry: Entry) -> tuple[str, str]:
    return "resumed", f"from the save of step {entry.get('step')}"


def _died(entry: Entry) -> tuple[str, str]:
    return "died", _text(entry) or f"the process ended without a word{DIED_WHILE.get(entry.get('phase'), '')}"


def _end(entry: Entry) -> tuple[str, str]:
    why = f": {entry['why']}" if entry.get("why") else ""
    back = ", the best weights were put back" if entry.get("restored") else ""
    return "ended", f"{entry.get('status', '')}{why}{back}"


WORDS: dict[str, Callable[[Entry], tuple[str, str]]] = {
    "start": lambda entry: ("begun", f"{entry.get('epochs', '')} epochs, seed {entry.get('seed', '')}"),
    "finding": lambda entry: ("found", f"{entry.get('code')} {entry.get('title')}: {_text(entry)}"),
    "race": _race,
    "range test": lambda entry: ("tried", f"learning rates: {_text(entry)}"),
    "change": lambda entry: ("changed", f"{entry.get('fix')}: {_text(entry)}"),
    "prepared": lambda entry: ("changed", f"{entry.get('fix')}: {_text(entry)}"),
    "outcome": _outcome,
    "suggestion": lambda entry: ("suggested", f"{entry.get('fix')}: {_text(entry)}"),
    "quarantine": lambda entry: ("set aside", f"sample {entry.get('index')}: {_text(entry)}"),
    "save": lambda entry: ("saved", f"at step {entry.get('step')}"),
    "save failed": lambda entry: ("not saved", _text(entry)),
    "mirror failed": lambda entry: ("copying failed", _text(entry)),
    "resume": _resume,
    "rewind": lambda entry: ("went back", f"to step {entry.get('to')}"),
    "died": _died,
    "error": lambda entry: ("failed", str(entry.get("error", "")).strip().split("\n")[0]),
    "end": _end,
    "note": lambda entry: ("noted", _text(entry)),
}
