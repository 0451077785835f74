"""How the run is doing, in words: one sentence on its health, and a few on samples, saving and time.

Health is not judged anew: the detectors' findings are, and beside them whether the loss fell and the goal still moves.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from autofix_nb.history import History
from autofix_nb.report.numbers import roughly, short

FEW_STEPS = 30
"""Before so many steps nothing is said of how it learns."""

FALLEN = 0.02
"""A loss is said to fall when the newest tenth of the steps lies below the first by this share of it."""

NO_BETTER = 4
"""After so many epochs without a new best the sentence says so."""

LIGHTS = {"good": "●", "busy": "◐", "calm": "○", "bad": "▲", "done": "✓", "over": "■"}
"""The sign before the sentence: its shape says what its colour says."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the sentences are made from."""

    status: str = "running"
    """`new`, `running`, `finished`, `stopped`, `interrupted`, `failed`, or `refused`: it never began."""

    step: int = 0
    why: str = ""
    """Why it ended, or is about to end."""

    aside: tuple[str, int, int | None] | None = None
    """What is done on the side: what, so much of it, of so much."""

    trying: str = ""
    """What was changed and is being watched."""

    alarm: str = ""
    """What the detectors see at present."""

    set_aside: int = 0
    skipped: int = 0
    saved_ago: float | None = None
    """Seconds since the last save; None before the first."""

    saved_step: int = -1
    copied_ago: float | None = None
    copied_to: str = ""
    seconds_left: float | None = None


def headline(state: State, history: History) -> tuple[str, str]:
    """Return the light's name and the sentence on how the run is doing."""
    if state.status == "refused":
        return "over", "It did not begin."
    if state.status in ("finished", "stopped", "interrupted", "failed"):
        return _ended(state)
    if state.why:
        return "busy", f"Stopping after this step and saving: {state.why}."
    if state.aside is not None:
        what, done, of = state.aside
        return "busy", f"{what[:1].upper()}{what[1:]}" + (f": {done} of {of} steps." if of else ".")
    if state.alarm:
        return "bad", f"Something is wrong: {state.alarm}."
    if state.trying:
        return "busy", f"Watching whether it helps: {state.trying}."
    return _learning(state, history)


def more(state: State) -> str:
    """Return the sentences after it: samples, saving, time."""
    said = []
    if state.set_aside:
        said.append(f"{_count(state.set_aside, 'sample')} set aside.")
    if state.skipped:
        said.append(f"{_count(state.skipped, 'batch', 'batches')} left out.")
    if state.status not in ("new", "running"):
        if state.status in ("finished", "refused"):
            return " ".join(said)
        saved = f"Everything up to step {state.saved_step:,} is saved" if state.saved_step >= 0 else "Nothing was saved"
        again = " Run the cell again to go on." if state.saved_step >= 0 else ""
        return " ".join([*said, f"{saved}{_copied(state)}.{again}"])
    if state.saved_ago is not None:
        said.append(f"Saved {_ago(state.saved_ago)}{_copied(state)}.")
    elif state.step:
        said.append("Not saved yet.")
    if state.seconds_left is not None:
        said.append(f"About {roughly(state.seconds_left)} left.")
    return " ".join(said)


def _ended(state: State) -> tuple[str, str]:
    at = f"at step {state.step:,}"
    if state.status == "finished":
        early = f" early {at}: {state.why}" if state.why and "stop button" not in state.why else f" {at}"
        return "done", f"Finished{early}."
    if state.status == "failed":
        return "bad", f"Failed {at}: {state.why or 'an exception'}."
    if state.status == "interrupted":
        return "over", f"Interrupted {at}."
    by_you = "stop button" in state.why
    return "over", f"Stopped by you {at}." if by_you else f"Stopped {at}: {state.why or 'on request'}."


def _learning(state: State, history: History) -> tuple[str, str]:
    if not state.step:
        return "calm", "Getting ready."
    rows: list[dict[str, Any]] = history.rows()
    judged = [row for row in rows if "is_best" in row]
    since = next((back for back, row in enumerate(reversed(judged)) if row["is_best"]), len(judged))
    if judged and since >= NO_BETTER:
        best = [row for row in history.epochs if row.get("is_best")][-1:]
        was = [f"{_bare(row['goal_name'])} {short(float(row['goal']))} in epoch {row['epoch']}" for row in best]
        return "calm", f"No better for {since} epochs" + (f": {was[0]} is the best." if was else ".")
    values = history.now("loss")
    values = values[np.isfinite(values)]
    if len(values) < FEW_STEPS:
        return "calm", "Just begun."
    tenth = max(5, len(values) // 10)
    early, late = float(np.median(values[:tenth])), float(np.median(values[-tenth:]))
    if early - late > FALLEN * abs(early) or (judged and since == 0 and len(judged) > 1):
        return "good", "Learning well."
    return "calm", "The loss has not come down yet." if not judged or len(judged) < 2 else "Learning slowly."


def _ago(seconds: float) -> str:
    return "just now" if seconds < 5 else f"{roughly(seconds)} ago"


def _copied(state: State) -> str:
    if not state.copied_to:
        return ""
    if state.copied_ago is None:
        return f", not yet on {state.copied_to}"
    return (
        f", on {state.copied_to} {_ago(state.copied_ago)}"
        if state.status == "running"
        else f", on {state.copied_to} too"
    )


def _bare(name: str) -> str:
    return name.removeprefix("val/")


def _count(number: int, word: str, plural: str = "") -> str:
    return f"{number:,} {word if number == 1 else plural or word + 's'}"
