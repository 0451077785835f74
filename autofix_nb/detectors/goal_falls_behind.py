"""The loss falls and the goal does not: what is minimised is not what is wanted.

Both losses, of training and of validation, fall robustly, while the goal stays where a constant answer would be. Of an
accuracy that level is known: the share of the most frequent class. Of any other goal it is known only where the model
gives one answer for all validation rows. So a goal that was reached in the first epoch and stays there is left alone.

Reference: a loss and a metric that do not go together are one of the checks of Braiek and Khomh (2023), "Testing
feedforward neural networks training programs", https://doi.org/10.1145/3529318
"""

from dataclasses import dataclass
from math import ceil, isfinite
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.goals import Goals, column, falls, goals_of, number
from autofix_nb.detectors.learning import is_above_chance
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class GoalFallsBehind(Detector):
    """The losses of training and validation fall, and the goal stays at what a constant answer gives."""

    code: ClassVar = "L07"
    title: ClassVar = "The loss falls, the goal does not"
    when: ClassVar = "epoch"
    reads: ClassVar = ("goal", "val/loss", "loss")
    shows: ClassVar = (("goal",), ("loss", "val/loss"))
    fixes: ClassVar = ("class_weights", "mend_loss", "tune_threshold", "rebalance_losses")
    why: ClassVar = (
        "A falling loss looks like success. Where the goal stays at what one and the same answer for every row gives, "
        "the loss rewards something else: rare classes count too little, or another part of it is being learnt."
    )
    how: ClassVar = (
        "Both losses fall over at least five epochs (Kendall's test), and the goal is flat and no better than the "
        "best constant answer."
    )

    epochs: int = 5
    """Epochs that both losses must have been falling for."""

    planned_share: float = 0.25
    """Share of the planned epochs before which it is too early to say."""

    fall: float = 0.02
    """Share of its first value by which each loss must have fallen."""

    constant_share: float = 0.99
    """Share of the validation rows given the same answer from which answers are constant."""

    heard: float = 0.1
    """Share of the rows of all other classes below which they are never answered."""

    late: float = 0.4
    """Share of the planned epochs from which a loss still above that of a constant answer is no excuse."""

    well: float = 0.5
    """F1 at the best threshold from which a model that never says the rare class ranks its rows well."""

    high: float = 0.9
    """Goal of a constant answer from which it is only a note: a goal so high has little room to move."""

    threshold_gain: float = 0.03
    """Gain of F1 by another decision threshold from which it is only a note: the model ranks its rows well."""

    def check(self, history: History) -> Finding | None:
        planned = history.facts.get("planned_epochs")
        early = ceil(self.planned_share * planned) if isinstance(planned, int | float) and isfinite(planned) else 0
        goals = goals_of(history, max(self.epochs, early))
        if goals.is_loss:
            raise NotApplicable(f"`goal`: {goals.name} is the loss itself")
        share_done = len(goals.values) / planned if isinstance(planned, int | float) and planned > 0 else 0.0
        if is_above_chance(history) and not share_done >= self.late:
            return None  # it comes down to what a constant answer loses: no goal can follow that yet
        middle = len(goals.values) // 2
        level = self._constant(goals, middle)
        if level is None or not all(falls(column(goals.rows, name), self.fall) for name in ("loss", "val/loss")):
            return None
        constant, why = level
        with np.errstate(all="ignore"):
            before, now = float(np.median(goals.values[:middle])), float(np.median(goals.values[middle:]))
        if now > constant or now - before > goals.margin or goals.values[-1] > constant:
            return None
        shown, limit = (value if goals.higher_is_better else -value for value in (now, constant))
        return self.found(
            history,
            f"{goals.name} is {shown:.4g} over the last {len(goals.values) - middle} epochs, not above {limit:.4g} "
            f"({why}), while the loss fell from {number(goals.rows[0], 'loss'):.3g} to "
            f"{number(goals.rows[-1], 'loss'):.3g} and the validation loss with it",
            severity=Severity.NOTE if self._is_no_worry(goals, limit, history) else Severity.WARNING,
            measured=shown,
            limit=limit,
            judged="goal",
            step=goals.rows[-1]["step"],
        )

    def _is_no_worry(self, goals: Goals, limit: float, history: History) -> bool:
        """Tell whether the goal has little room to move, or would move with another threshold: then that is enough.

        Of an accuracy that nobody asked for little room is no excuse, where all other classes are never answered.
        """
        row = goals.rows[-1]
        tuned = number(row, "val/f1_at_threshold")
        ranks_well = tuned - number(row, "val/f1_at_half") > self.threshold_gain
        unheard = number(row, "val/top_share") >= self._one_answer(number(row, "val/majority"))
        if history.facts.get("usual_goal") and goals.name == "val/accuracy" and unheard:
            return ranks_well and tuned >= self.well
        return ranks_well or (goals.higher_is_better and limit >= self.high)

    def _one_answer(self, share: float) -> float:
        """Return the share of the rows given one answer from which the others are never given.

        Where one class has nearly all rows, few answers are left for the others in any training.
        """
        return max(self.constant_share, 1 - self.heard * (1 - share))

    def _constant(self, goals: Goals, middle: int) -> tuple[float, str] | None:
        """Return up to which value (larger is better) a goal is no better than a constant answer's, and why.

        None where the answers differ from row to row, and the goal is one of which no such value is known.

        Raises:
            NotApplicable: when it was not recorded what was answered.
        """
        share = column(goals.rows, "val/majority")[-1]
        if goals.name == "val/accuracy":
            return goals.constant, f"one answer for all rows is right in {share:.1%} of them"
        tops = column(goals.rows, "val/top_share")[middle:]
        if share < 1 and bool((tops >= self._one_answer(share)).all()):
            return float(goals.values[middle:].max()), f"{tops[-1]:.0%} of the rows get the same answer"
        return None
