"""Keep a schedule from raising the learning rate above where the loss was lowest.

A warm-up without an end, a cycle or a decay whose factor was turned round goes through good rates on its way to one
that throws the weights about. What learnt on that way is known; what comes after the few steps of a race is not.
"""

from typing import ClassVar

import numpy as np

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

WIDTH = 10
"""Losses in a row whose mean is compared: single ones of small batches say little."""

RISEN = 1.5
"""How many times the lowest rate before it the present one must be for a schedule to have raised it."""

NEAR_ITS_HEIGHT = 0.5
"""Share of the highest rate so far from which a schedule is not on its way down."""


class CapLr(SettingFix):
    """Let the schedule raise the rate no higher than where the loss was lowest."""

    name: ClassVar = "cap_lr"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        ceiling, best = ceiling_of(run), _best_rate(run)
        if ceiling is None or not 0 < best < ceiling[0] / RISEN:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the schedule raises the learning rate no higher than to {best:.3g}, where the loss was lowest",
            before={"lr_ceiling": None},
            after={"lr_ceiling": [best / ceiling[0] * rate for rate in ceiling]},
            permanent=f"# a scheduler that goes no higher than to a rate of {best:.3g}",
        )


def ceiling_of(run: Trainee) -> list[float] | None:
    """Return the present rate of each of the user's groups where a schedule raised it, or is to; else None."""
    controls, optimizer = run.controls, getattr(run, "optimizer", None)
    ours = controls.optimizer is not None or optimizer is None  # of which no schedule raises the rate
    if ours or controls.lr_ceiling is not None or not run.history.facts.get("scheduler"):
        return None
    now = [float(group.get("lr", 0.0)) for group in optimizer.param_groups]
    rates = np.append(_rates(run)[1], now[0])
    rises = now[0] < float(optimizer.param_groups[0].get("max_lr") or 0.0)
    at_its_height = now[0] >= NEAR_ITS_HEIGHT * rates.max()
    return now if now[0] > 0 and at_its_height and (rises or now[0] > RISEN * rates.min()) else None


def has_risen(run: Trainee) -> bool:
    """Tell whether a schedule has raised the rate since the beginning, wherever it is now."""
    rates = run.history.now("lr")
    rates = rates[np.isfinite(rates)]
    return bool(run.history.facts.get("scheduler")) and len(rates) > 0 and bool(rates.max() > RISEN * rates[0])


def _best_rate(run: Trainee) -> float:
    """Return the rate, before `lr_scale`, at the beginning of the stretch whose loss was lowest; 0 where it is unknown.

    A rate that rose within that stretch may have spoilt what came after it.
    """
    steps, losses = run.history.now_series("loss")
    at, rates = _rates(run)
    pieces = range(WIDTH, len(losses) + 1)
    if not len(rates) or not pieces:
        return 0.0
    with np.errstate(all="ignore"):
        means = np.array([losses[stop - WIDTH : stop].mean(dtype=np.float64) for stop in pieces])
    means[~np.isfinite(means)] = np.inf
    best = steps[int(means.argmin())]
    return float(np.interp(best, at, rates)) if np.isfinite(means.min()) else 0.0


def _rates(run: Trainee) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and the rates recorded at them, before `lr_scale`."""
    at, rates = run.history.now_series("lr")
    known = np.isfinite(rates)
    return at[known], rates[known] / run.controls.lr_scale
