"""Overfitting: the goal on validation data has fallen clearly below its best, and the training loss goes on falling.

The best is the best median of three neighbouring epochs, not one lucky epoch. All of the newest epochs must be worse
than it by more than the noise of the goal. That the validation loss rises for an epoch, or for long while the goal
stays (a model that grows too sure of itself), is common in sound trainings and at most a note: a public rule that
takes one such epoch for overfitting fires on healthy models (Schoop et al. 2021,
https://doi.org/10.1145/3411764.3445538).

Reference: Prechelt (1998), Early Stopping - But When?
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.goals import SURE, Goals, column, goals_of, levels, noise
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class Overfitting(Detector):
    """The goal became clearly worse than its best for several epochs, while the training loss went on falling."""

    code: ClassVar = "L04"
    title: ClassVar = "Overfitting"
    when: ClassVar = "epoch"
    reads: ClassVar = ("goal", "loss")
    shows: ClassVar = (("goal",), ("loss", "val/loss"))
    fixes: ClassVar = ("regularise", "set_dropout", "early_stop")
    why: ClassVar = (
        "The model learns its training samples by heart: it becomes better on them and worse on new ones. More "
        "regularisation or more data helps; the best weights are kept in any case."
    )
    how: ClassVar = (
        "The median goal of the newest epochs is compared with the best median of three neighbouring epochs; all of "
        "the newest must be worse by more than the noise, while the training loss has fallen since."
    )

    worse: int = 5
    """Epochs in a row that must be worse than the best."""

    points: float = 0.03
    """Fall of a goal between 0 and 1 (an accuracy, an F1) from which it is a warning."""

    share: float = 0.10
    """Share of its best by which any other goal must become worse."""

    loss_share: float = 0.20
    """Share of its best by which the validation loss must rise."""

    way_share: float = 0.10
    """Share of the way from its first level down to its best by which the validation loss must rise as well."""

    def check(self, history: History) -> Finding | None:
        goals = goals_of(history, self.worse + 3)
        losses = column(goals.rows, "loss")
        best, at, now = self._best_and_now(goals.values)
        training = self._still_falls(losses, at)
        if training is None:
            return None
        limit = max(self._limit(goals, best), goals.margin)
        if self._validation_loss_still_falls(goals):
            return None
        if best - now > limit and bool((best - goals.values[-self.worse :] > noise(goals.values)).all()):
            sign = 1 if goals.higher_is_better else -1
            return self.found(
                history,
                f"{goals.name} went from {sign * best:.4g} (epoch {goals.rows[at]['epoch']}) to {sign * now:.4g} in "
                f"the last {self.worse} epochs, limit {sign * (best - limit):.4g}, while {training}",
                severity=Severity.WARNING,
                measured=sign * now,
                limit=sign * (best - limit),
                judged="goal",
                step=goals.rows[-1]["step"],
            )
        return None if goals.is_loss else self._too_sure(history, goals, training)

    def _validation_loss_still_falls(self, goals: Goals) -> bool:
        """A share of few rows falls by chance while their loss is still at its lowest: nothing is learnt by heart."""
        try:
            losses = column(goals.rows, "val/loss")
        except NotApplicable:
            return False
        newest = losses[-self.worse :]
        return not goals.is_loss and float(newest[-1]) <= float(losses.min()) + noise(losses)

    def _best_and_now(self, values: np.ndarray) -> tuple[float, int, float]:
        """Return the best level, the epoch in its middle, and the level of the newest epochs; larger is better."""
        before = levels(values[: -self.worse])
        at = int(np.argmax(before))
        return float(before[at]), at + 1, float(levels(values[-self.worse :], self.worse)[0])

    def _still_falls(self, losses: np.ndarray, at: int) -> str | None:
        then, now = float(levels(losses[at - 1 : at + 2])[0]), float(levels(losses[-3:])[0])
        if then - now > max(2 * noise(losses), 0.02 * abs(then)):
            return f"the training loss went on falling from {then:.3g} to {now:.3g}"
        return None

    def _limit(self, goals: Goals, best: float) -> float:
        if goals.is_loss:
            return self._rise_allowed(goals.values, best)
        if goals.is_share:
            return self.points
        return self.share * abs(best)

    def _rise_allowed(self, values: np.ndarray, best: float) -> float:
        """A loss near 0 rises by many times itself without any harm: its way down counts as well."""
        return max(self.loss_share * abs(best), self.way_share * (best - float(values.min())))

    def _too_sure(self, history: History, goals: Goals, training: str) -> Finding | None:
        """The goal stays and the validation loss rises: nothing to mend, and worth a note."""
        try:
            values = -column(goals.rows, "val/loss")
        except NotApplicable:
            return None
        best, at, now = self._best_and_now(values)
        limit = max(self._rise_allowed(values, best), SURE * noise(values))
        if not best - now > limit:
            return None
        return self.found(
            history,
            f"the validation loss rose from {-best:.4g} (epoch {goals.rows[at]['epoch']}) to {-now:.4g}, limit "
            f"{limit - best:.4g}, while {training}; {goals.name} is no worse than before by more than its limit, so "
            "the model only grows too sure of itself",
            severity=Severity.NOTE,
            measured=-now,
            limit=limit - best,
            judged="val/loss",
            step=goals.rows[-1]["step"],
            fixes=(),
        )
