"""Easy examples drown the hard ones: the sum of many small losses outweighs the few large ones that matter.

Where nearly all rows (or positions) are answered rightly and surely, their small pulls together can be larger than
that of the few hard ones: the loss is low, and a rare class is hardly ever predicted. A training that still comes
down is left alone: it may get to the hard ones by itself.

Reference: Lin et al. (2017), Focal Loss for Dense Object Detection, https://arxiv.org/abs/1708.02002
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.goals import column, goals_of
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class EasyExamples(Detector):
    """Nearly all examples are easy, together they pull the most, and a class is hardly ever predicted."""

    code: ClassVar = "L08"
    title: ClassVar = "Easy examples drown the hard ones"
    when: ClassVar = "step"
    reads: ClassVar = ("easy_share", "easy_pull", "loss")
    shows: ClassVar = (("easy_pull", "easy_share"), ("loss",))
    fixes: ClassVar = ("mask_easy", "class_weights")
    why: ClassVar = (
        "Nearly every example is answered surely already, and what is left of their loss still decides where the "
        "weights go. The few hard ones, often the ones that matter, are not learnt."
    )
    how: ClassVar = (
        "Share of the targets predicted with a probability above 0.9, their share of the total pull, and a class "
        "whose predicted share is far below its true share, while loss and goal no longer become better."
    )

    newest: int = 20
    """Sampled steps that are looked at."""

    steps: int = 200
    """Steps before which a training has not had its chance."""

    planned_share: float = 0.2
    """Share of the planned steps before which it has not had it either."""

    easy: float = 0.9
    """Share of easy examples from which they can drown the others."""

    pull: float = 0.5
    """Share of the pull from which the easy ones outweigh the hard ones."""

    predicted: float = 0.2
    """Part of its true share below which a class is hardly predicted."""

    rows: float = 30.0
    """Rows of a class that must have come along in these steps, where the batch size is known."""

    epochs: int = 3
    """Newest epochs in which a goal, where there is one, must not have become better."""

    def check(self, history: History) -> Finding | None:
        share = float(np.median(self.finite(history, "easy_share", self.newest)))
        pull = float(np.median(self.finite(history, "easy_pull", self.newest)))
        planned = history.facts.get("planned_steps")
        early = self.planned_share * planned if isinstance(planned, int | float) and isfinite(planned) else 0
        steps, losses = history.now_series("loss")
        least = max(self.steps, early)
        done = int(steps[-1] - max(0, history.since)) if len(steps) else 0
        if done < least:
            raise NotApplicable(f"`loss`: {done} of {least:.0f} steps recorded")
        if share <= self.easy or pull <= self.pull:
            return None
        drowned = self._drowned(history)
        if not drowned or self._becomes_better(history, losses[np.isfinite(losses)]):
            return None
        name, predicted, true = drowned[0]
        return self.found(
            history,
            f"{share:.0%} of the targets are predicted with a probability above 0.9, and these easy ones make "
            f"{pull:.0%} of the pull (limit {self.pull:.0%}), while class {name} is {true:.1%} of the targets and "
            f"{predicted:.1%} of the predictions",
            severity=Severity.WARNING,
            measured=pull,
            limit=self.pull,
            judged="easy_pull",
            where=tuple(f"class {one}" for one, _, _ in drowned),
        )

    def _drowned(self, history: History) -> list[tuple[str, float, float]]:
        """Return the classes that are hardly predicted: name, predicted share and true share, worst first."""
        found = []
        batch = history.facts.get("batch_size")
        rows = self.newest * batch if isinstance(batch, int | float) and isfinite(batch) else float("inf")
        for signal in history.names():
            if not signal.startswith("target_share/"):
                continue
            name = signal.removeprefix("target_share/")
            try:
                true = float(np.mean(self.finite(history, signal, self.newest)))
                predicted = float(np.mean(self.finite(history, f"share/{name}", self.newest)))
            except NotApplicable:
                continue
            if true > 0 and true * rows >= self.rows and predicted < self.predicted * true:
                found.append((name, predicted, true))
        return sorted(found, key=lambda one: one[1] / one[2])

    def _becomes_better(self, history: History, losses: np.ndarray) -> bool:
        """Tell whether one of the losses still falls, or the goal was the best so far in one of the newest epochs."""
        half = len(losses) // 4  # the newer half of the chapter, once more in two
        before, now = losses[-2 * half : -half], losses[-half:]
        with np.errstate(all="ignore"):
            error = float(np.hypot(before.std(), now.std())) / half**0.5
            fallen = float(before.mean() - now.mean())
            if fallen > max(2 * error, 0.02 * abs(float(before.mean()))):
                return True
        try:
            goals = goals_of(history, self.epochs + 1)
            losses = column(goals.rows, "val/loss")
        except NotApplicable:
            return False
        with np.errstate(all="ignore"):
            gained = float(goals.values[-self.epochs :].max() - goals.values[: -self.epochs].max())
            usual = float(losses[: -self.epochs].min())
            lower = usual - float(losses[-self.epochs :].min()) > 0.02 * abs(usual)
        return lower or gained > goals.margin
