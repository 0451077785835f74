"""Plateau: the goal has not become better for many epochs.

A run that has converged ends on a plateau, and that is a note: time to stop. It is a warning when the training loss
is flat far above 0 and something says that the run is stuck: steps that throw the weights about, steps too small to
leave, or a class that is never predicted. Label noise makes such a plateau too, without any of these.

Of a run with few, long epochs the losses of the steps are asked instead: two halves of a long stretch, compared by the
means of their pieces, since losses of small batches are far from Gaussian.

Reference: Prechelt (1998), Early Stopping - But When?
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import FIRST_LOSSES, gain_of, is_learning
from autofix_nb.detectors.life import TREND, median_of, steps_at_rate, trend, update_ratio
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History

PIECES = 10
"""Pieces into which a stretch of losses is cut."""


@dataclass(frozen=True, kw_only=True)
class Plateau(Detector):
    """No epoch within the patience was better than the best before."""

    code: ClassVar = "L03"
    title: ClassVar = "Plateau"
    when: ClassVar = "both"
    reads: ClassVar = ("goal", "higher_is_better", "loss", "chance", "update_ratio")
    shows: ClassVar = (("goal",), ("loss",), ("update_ratio",))
    fixes: ClassVar = ("decay_lr", "scale_lr", "swap_optimizer", "early_stop")
    why: ClassVar = "Further epochs bring nothing as things are: either the run is done, or it is stuck."
    how: ClassVar = (
        "Epochs since the goal was last better; for a warning also the training loss against that of a constant "
        "answer, its trend, and the share of the weights that a step changes. With few epochs, all of this by steps."
    )

    patience: int = 20
    """Epochs without a better goal before it is a plateau."""

    better_by: float = 1e-3
    """Share of the best value by which an epoch must beat it to count as better."""

    stuck: int = 10
    """Epochs without a better goal before a run may be called stuck."""

    stuck_share: float = 0.1
    """The same as a share of the planned epochs, where that is more."""

    high_loss: float = 0.25
    """Share of the loss of a constant answer (else of the run's start) above which the training loss is not low."""

    left: float = 0.2
    """Share of the planned epochs that must be left for a warning."""

    large_update: float = 0.02
    """Share of the weights changed in one step from which the rate is too high to settle."""

    small_movement: float = 0.05
    """Share of the weights that all steps left can change, below which the rate is too low to get away."""

    few_epochs: int = 15
    """Planned epochs below which the steps are asked: they would be over before enough of them were seen."""

    stretch: int = 200
    """Steps without a lower loss before a run of few epochs may be called stuck."""

    stretch_share: float = 0.2
    """The same as a share of the planned steps, where that is more."""

    flat: float = 0.03
    """Share of the loss by which the second half of that stretch may be lower and count as flat."""

    thrown: float = 0.4
    """Share of the weights that a random walk of so many steps covers, from which they are too large to settle."""

    nothing_learnt: float = 0.9
    """Share of the loss of a constant answer above which such a run has learnt nothing: another illness."""

    def check(self, history: History) -> Finding | None:
        with np.errstate(all="ignore"):
            return self._by_steps(history) or self._judge(history)

    def _by_steps(self, history: History) -> Finding | None:
        """Return that a run of few, long epochs circles its best."""
        epochs, planned = (history.facts.get(f"planned_{unit}") for unit in ("epochs", "steps"))
        if not planned or not epochs or epochs >= self.few_epochs:
            return None
        steps = max(self.stretch, int(self.stretch_share * planned))
        losses = history.now("loss", steps)
        losses = losses[np.isfinite(losses)]
        left = planned - history.step("loss")
        if len(losses) < steps or steps_at_rate(history) < steps or left < self.left * planned:
            return None
        pieces = losses[len(losses) % PIECES :].reshape(PIECES, -1).mean(axis=1)
        first, second = pieces[: PIECES // 2], pieces[PIECES // 2 :]
        fall, level = float(first.mean() - second.mean()), float(second.mean())
        chance = history.last("chance")
        ceiling = chance if isfinite(chance) and chance > 0 else median_of(history.now("loss")[:FIRST_LOSSES])
        if fall > self.flat * level or trend(losses) < -TREND / 2 or not level > self.high_loss * ceiling > 0:
            return None
        thrown = update_ratio(history, looks=5)
        if not thrown * steps**0.5 > self.thrown or level > self.nothing_learnt * ceiling:
            return None
        # Without a gain, losses this noisy do not tell whether it learns: that they are below a constant's does.
        if gain_of(history) is not None and is_learning(history) is False:
            return None
        return self.found(
            history,
            f"the training loss has not fallen for {steps} steps; it stays at {level:.4g}, {level / ceiling:.0%} of "
            f"{ceiling:.4g}, and a step changes {thrown:.2g} of the weights: too much to settle",
            severity=Severity.WARNING,
            measured=thrown,
            limit=self.thrown / steps**0.5,
            judged="update_ratio",
            step=history.step("loss"),
            fixes=tuple(name for name in self.fixes if name != "early_stop"),  # it is stuck, not done
        )

    def _judge(self, history: History) -> Finding | None:
        rows = [row for row in history.rows() if isfinite(float(row.get("goal", "nan")))]
        planned = int(history.facts.get("planned_epochs") or 0)
        stuck_after = max(self.stuck, int(self.stuck_share * planned))
        patience = min(self.patience, stuck_after) if planned else self.patience
        if len(rows) <= patience:
            raise NotApplicable(f"`goal`: {len(rows)} of {patience + 1} epochs recorded")
        best, best_epoch = rows[0]["goal"], rows[0]["epoch"]
        for row in rows[1:]:
            gain = row["goal"] - best if row["higher_is_better"] else best - row["goal"]
            if gain > self.better_by * abs(best):
                best, best_epoch = row["goal"], row["epoch"]
        waited = rows[-1]["epoch"] - best_epoch
        reason = ""
        if planned and waited >= stuck_after and planned - rows[-1]["epoch"] >= self.left * planned:
            reason = self._why_stuck(history, rows, stuck_after)
        if waited < self.patience and not reason:
            return None
        limit = stuck_after if reason else self.patience
        return self.found(
            history,
            f"{rows[-1]['goal_name']} has not become better for {waited} epochs (best {best:.4g} in epoch "
            f"{best_epoch}), limit {limit}{reason}",
            severity=Severity.WARNING if reason else Severity.NOTE,
            measured=waited,
            limit=limit,
            step=rows[-1]["step"],
            fixes=self.fixes if reason else ("early_stop",),
        )

    def _why_stuck(self, history: History, rows: list[dict[str, Any]], epochs: int) -> str:
        """Return what says that the run is stuck and not done, as the end of a sentence; empty when nothing does."""
        if is_learning(history) is False:
            return ""  # L01's
        losses = np.array([float(row.get("loss", "nan")) for row in rows])
        level = median_of(losses[-3:])
        chance = history.last("chance")
        ceiling = chance if isfinite(chance) and chance > 0 else losses[0]
        if not level > self.high_loss * ceiling or ceiling <= 0:
            return ""
        recent = losses[-epochs:]
        if trend(recent, blocks=len(recent) // 2) < -TREND / 2 or median_of(recent[:3]) - level > 0.03 * level:
            return ""
        high = f"; the training loss stays at {level:.4g}, {level / ceiling:.0%} of {ceiling:.4g}"
        thrown = update_ratio(history, looks=5)
        left = float(history.facts.get("planned_steps") or 0) - rows[-1]["step"]
        if thrown > self.large_update:
            return f"{high}, and a step changes {thrown:.2g} of the weights: too much to settle"
        if left > 0 and thrown * left < self.small_movement:
            return f"{high}, and the steps left can change only {thrown * left:.2g} of the weights"
        missing = _never_predicted(history)
        if missing:
            return f"{high}, and class {missing[0]} is hardly ever predicted"
        return ""


def _never_predicted(history: History) -> list[str]:
    """Return the classes with a fair share of the targets that are hardly predicted."""
    missing = []
    for name in history.names():
        if name.startswith("target_share/"):
            label = name.removeprefix("target_share/")
            wanted, given = (np.nanmean(history.now(f"{kind}/{label}", 40)) for kind in ("target_share", "share"))
            if wanted > 0.05 and given < 0.1 * wanted:
                missing.append(label)
    return missing
