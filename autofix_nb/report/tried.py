"""What was tried on the side, as the journal has it: each race with its candidates, their numbers and its winner."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from autofix_nb.journal import Entry

Plain = dict[str, Any]


def races_of(entries: Sequence[Entry]) -> list[Plain]:
    """Return the races of a run, with the change that came closest where nobody won."""
    races = []
    for entry in entries:
        if entry["kind"] != "race":
            continue
        candidates = [
            _score(one) | {"fixes": list(one["fixes"]), "says": one["says"], "won": bool(one["won"])}
            for one in entry["candidates"]
        ]
        control = _score(entry["control"])
        winner = next((one for one in entry["candidates"] if one["won"]), None)
        races.append(
            {
                "code": entry["code"],
                "step": entry["step"],
                "steps": entry["steps"],
                "control": control,
                "candidates": candidates,
                "won": winner is not None,
                "restarted": winner is not None and bool(winner.get("fresh")),
                "guess": "" if winner is not None else _guess(candidates, control),
            }
        )
    return races


def outcome(score: Plain, goal: str) -> str:
    """Return what a training on the side came to, in words."""
    if score["loss"] is None:
        return str(score["failed"] or "no finite loss")
    return f"loss {score['loss']:.4g}" + (f", {goal} {score['goal']:.4g}" if score["goal"] is not None else "")


def _guess(candidates: Sequence[Plain], control: Plain) -> str:
    """Return the fixes of the candidate with the lowest loss, if it came lower than going on; empty where none did."""
    sound = [one for one in candidates if one["loss"] is not None]
    best = min(sound, key=lambda one: one["loss"], default=None)
    if best is None or (control["loss"] is not None and not best["loss"] < control["loss"]):
        return ""
    return ", ".join(best["fixes"])


def _score(plain: Plain) -> Plain:
    """Return loss and goal as numbers, None where there is none: NaN is text in the journal."""
    failed = str(plain.get("failed") or "")
    numbers = {name: float(plain.get(name, "nan")) for name in ("loss", "goal")}
    sound = {name: value if isfinite(value) and not failed else None for name, value in numbers.items()}
    return sound | {"failed": failed}
