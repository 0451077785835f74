"""Train longer: a run that was mended late, and still gets better at its planned end, gets some of the time back.

Whether it still gets better is judged by the goal or the validation loss, as Prechelt judges the opposite (1998, Early
Stopping - But When?): the best of the newest fifth of the epochs against the best before.
"""

from math import ceil
from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

NEWEST = 0.2
"""Share of the epochs that must have brought something."""

POINTS = 0.005
"""Gain of a metric between 0 and 1 in these epochs that counts as still getting better."""

SHARE = 0.02
"""Share by which any other goal must have gained in them."""

MOST = 0.25
"""Share of the planned epochs that come on top, at most."""


class TrainLonger(SettingFix):
    """Add epochs to a run that still gets better at its end, as far as the budget for extra steps goes."""

    name: ClassVar = "train_longer"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        facts, controls = run.history.facts, run.controls
        planned, each = facts.get("planned_epochs"), facts.get("steps_per_epoch")
        left = getattr(run, "extra_steps_left", None)
        if not planned or not each or left is None or not _still_improves(run.history.rows()):
            return None
        more = min(int(left // each), ceil(MOST * planned))
        if more < 1:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"{more} more epoch{'s' if more > 1 else ''}, as the goal still gets better at the planned end",
            before={"extra_epochs": controls.extra_epochs},
            after={"extra_epochs": controls.extra_epochs + more},
            permanent=f"epochs={int(planned) + controls.extra_epochs + more}",
        )


def _still_improves(rows: list[dict]) -> bool:
    # A share of few rows jumps about while the loss tells that it goes on.
    return any(_improves(rows, name) for name in ("goal", "val/loss"))


def _improves(rows: list[dict], name: str) -> bool:
    rows = [row for row in rows if row.get(name, float("nan")) == row.get(name, float("nan"))]
    newest = max(1, round(NEWEST * len(rows)))
    if len(rows) < 3 or len(rows) <= newest:
        return False
    higher = name == "goal" and bool(rows[-1]["higher_is_better"])
    goals = [row[name] if higher else -row[name] for row in rows]
    before, now = max(goals[:-newest]), max(goals[-newest:])
    bounded = higher and all(0 <= goal <= 1 for goal in goals)
    return now - before > (POINTS if bounded else SHARE * abs(before))
