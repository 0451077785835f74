"""The four small plots of a run: loss, goal (or time and memory), gradients, learning rate."""

from collections.abc import Sequence

import numpy as np

from autofix_nb.history import History
from autofix_nb.report.plot import Line, Plot

MOST_PARTS = 3
"""Parts of a loss that are drawn beside it."""

STRIP_PIECES = 48
"""Pieces of the strip that shows how many steps were clipped."""

NEWEST = 1000
"""Newest steps that say which share of them was clipped."""

MEBIBYTE = 2.0**20


def plots_of(history: History, *, goal: str | None = None, clip_norm: float | None = None) -> list[Plot]:
    """Return what is to be drawn of a run, in order.

    `goal` is the column that tells which epoch is best, `clip_norm` the limit of the gradient norm, if there is one.
    """
    second = _goal(history, goal) or _speed(history)
    return [_loss(history), second, _gradients(history, clip_norm), _rate(history)]


def span_of(history: History) -> tuple[float, float]:
    """Return the first and last step that any of the plots shows."""
    steps, _ = history.series("loss")
    last = [float(steps[-1])] if len(steps) else []
    last += [float(row["step"]) for row in history.epochs[-1:]]
    return float(steps[0]) if len(steps) else 1.0, max(last, default=1.0)


def _loss(history: History) -> Plot:
    lines = [_series(history, "loss", "train"), _column(history, "val/loss", "val", colour="s2")]
    parts = sorted(name for name in history.names() if name.startswith("loss/") and name != "loss/loss")
    if len(parts) > 1:
        lines += [
            _series(history, name, name.removeprefix("loss/"), colour=colour, kind="smooth")
            for name, colour in zip(parts[:MOST_PARTS], ("s3", "s4", "s5"), strict=False)
        ]
    left = len(parts) - MOST_PARTS
    return Plot(title="Loss", lines=lines, aside=f"{left} more parts" if left > 0 else "")


def _goal(history: History, goal: str | None) -> Plot | None:
    """Return the plot of the goal; None where that is the validation loss, which stands beside the other already."""
    rows = [row for row in history.epochs if "goal" in row]
    name = str(rows[-1]["goal_name"]) if rows else goal or "val/loss"
    bare = name.removeprefix("val/")
    if name == "val/loss" or not (rows or history.facts.get("has_val")):
        return None
    line = _column(history, "goal", "val", colour="s2")
    lines = [_column(history, f"train/{bare}", "train"), line] if bare != name else [line]
    finite = np.isfinite(line.values)
    star, aside = None, ""
    if finite.any():
        sound = np.where(finite, line.values, -np.inf if rows[-1]["higher_is_better"] else np.inf)
        best = int(np.argmax(sound) if rows[-1]["higher_is_better"] else np.argmin(sound))
        # Of equal goals the run has chosen one, by its validation loss.
        chosen = [place for place, row in enumerate(rows) if row.get("is_best") and line.values[place] == sound[best]]
        best = chosen[-1] if chosen else best
        star = float(line.steps[best]), float(line.values[best])
        aside = f"★ epoch {rows[best]['epoch']}"
    title, empty = bare[:1].upper() + bare[1:], "from the end of the first epoch on"
    return Plot(title=title, lines=lines, star=star, aside=aside, log=False, empty=empty)


def _speed(history: History) -> Plot:
    lines = [_series(history, "step_seconds", "computing", scale=1e3)]
    loading = _series(history, "load_seconds", "loading", colour="s4", kind="smooth", scale=1e3)
    memory = history.last("memory_bytes")
    aside = f"{memory / MEBIBYTE:,.0f} MiB of memory" if np.isfinite(memory) and memory > 0 else ""
    return Plot(title="Time a step", unit="ms", lines=[*lines, loading], aside=aside)


def _gradients(history: History, clip_norm: float | None) -> Plot:
    shares = _clipped(history)
    newest = history.values("clipped", NEWEST)
    aside = f"{newest.mean():.0%} clipped" if newest.any() else ""
    level = None if clip_norm is None else (clip_norm, f"clipped to {clip_norm:.3g}")
    norm = _series(history, "grad_norm", "norm")
    return Plot(title="Gradient norm", lines=[norm], log=True, aside=aside, shares=shares, level=level)


def _clipped(history: History) -> tuple[np.ndarray, np.ndarray] | None:
    """Return steps, and the share of those from there on that were clipped; None where none was.

    Of old steps the epochs' rows know it: the thinned series keeps its ones rather than its noughts.
    """
    rows = [row for row in history.epochs if "clip_share" in row and "step" in row]
    every = max(1, -(-len(rows) // STRIP_PIECES))
    groups = [rows[place : place + every] for place in range(0, len(rows), every)]
    starts = [float(group[0]["step"] - group[0].get("steps", 0)) for group in groups]
    shares = [float(np.mean([row["clip_share"] for row in group])) for group in groups]
    since = rows[-1]["step"] if rows else 0
    newest, clipped = history.series("clipped", NEWEST)
    newest, clipped = newest[newest > since], clipped[newest > since]
    if len(newest):
        pieces = np.array_split(np.arange(len(newest)), min(len(newest), 12))
        starts += [float(newest[piece[0]]) for piece in pieces]
        shares += [float(clipped[piece].mean()) for piece in pieces]
    return (np.array(starts), np.array(shares)) if any(shares) else None


def _rate(history: History) -> Plot:
    return Plot(title="Learning rate", lines=[_series(history, "lr", "rate", kind="exact")], log=True)


def _series(
    history: History, name: str, label: str, *, colour: str = "s1", kind: str = "band", scale: float = 1.0
) -> Line:
    steps, values = history.series(name)
    return Line(label=label, steps=steps, values=values * scale, colour=colour, kind=kind)


def _column(history: History, name: str, label: str, *, colour: str = "s1") -> Line:
    rows: Sequence[dict] = [row for row in history.epochs if name in row]
    return Line(
        label=label,
        steps=np.array([float(row["step"]) for row in rows]),
        values=np.array([float(row[name]) for row in rows]),
        colour=colour,
        kind="dots",
    )
