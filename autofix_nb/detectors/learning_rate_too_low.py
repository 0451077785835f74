"""Learning rate too low: at this pace the whole run, or what is left of it, will get nowhere.

Two things together: the steps planned can move the weights by a small share of their size only, and the loss,
carried on at its present pace, covers a small part of its way by the end. A saddle (large steps, no progress) and
fine-tuning (small steps, but the loss is low or falls well) each fail one of the two.

Or the loss falls and the weights move, and yet it will end where it began, close to the loss of a constant answer,
thought on with what is left of the schedule. That is said late, when healthy slow starts have
begun.

Or a schedule that has brought a good rate to next to nothing far before the end: one made for epochs and stepped every
step, or one too steep. A rate that is low for a moment, between two cycles or at the end of the run, is none, nor is
one that fell when the loss was down already.

Reference: TheDeepChecker, Ben Braiek and Khomh (2022), https://arxiv.org/abs/2204.00694, calls a step that changes less
than 1e-4 of the weights untrained; how many such steps are to come matters as much, and is counted here
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.faint import suspected
from autofix_nb.detectors.learning import FIRST_LOSSES, gain_of
from autofix_nb.detectors.life import TOO_LITTLE, grows, held_back, median_of, movement, rate_rises, steps_at_rate
from autofix_nb.detectors.pace import ERRORS, error_of_median, pace_of
from autofix_nb.detectors.schedule import fall_of
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class LearningRateTooLow(Detector):
    """The weights will hardly move in the whole run, and the loss will have covered little of its way."""

    code: ClassVar = "L02"
    title: ClassVar = "Learning rate too low"
    when: ClassVar = "step"
    reads: ClassVar = ("loss", "update_ratio", "lr", "gain", "mispaired")
    shows: ClassVar = (("loss",), ("lr",), ("update_ratio",))
    fixes: ClassVar = ("scale_lr", "swap_optimizer", "hold_lr", "scale_targets")
    why: ClassVar = "The run ends close to where it began: the time it took is lost."
    how: ClassVar = (
        "The share of the weights that a step changes, times the steps planned; and the fall of the loss so far, "
        "carried on to the end of the run, as a share of its way to 0. Or where the loss will be at the end, beside "
        "that of a constant answer, with what the schedule leaves of the rate. Or the rate beside its height, with the "
        "steps that are left, where the loss is not low and was still falling when the rate fell. A suspicion, "
        "looked into on the side: what the newest steps can still change of the weights, or of one part of the model."
    )

    soonest: int = 25
    """Steps at the present rate before anything is said."""

    shortest: int = 100
    """Steps that a run must be planned with: one of fewer is a trial, and gets nowhere at any rate."""

    soonest_share: float = 0.08
    """Share of the planned steps before anything is said."""

    movement: float = TOO_LITTLE
    """Share of their size that the weights can move in the whole run, above which the rate is not too low."""

    warming: float = 0.2
    """Share of the planned steps after which a rate that still rises is judged by where it is going."""

    dead: float = 0.5
    """Share of that movement below which a run that hardly gets on has nothing to lose."""

    way: float = 0.3
    """Share of the way of the loss that the whole run will cover at this pace, above which it is fast enough."""

    knows: float = 0.3
    """Share of the loss of wrongly paired targets from which the model has learnt already, as in fine-tuning."""

    ends_high: float = 0.3
    """Share of the loss of a constant answer above which weights that hardly move are to end, for a fall that is fast
    enough to count as slow nevertheless."""

    late: float = 0.25
    """Share of the planned steps from which a training whose weights do move is judged by where it will end."""

    ends_at_chance: float = 0.8
    """Share of the loss of a constant answer at which it is to end then, above which it is too slow."""

    above: float = 1.1
    """How many times that loss it must be at then to be above it still."""

    ends_above: float = 0.6
    """The share at which it is to end, thought on by shares, above which it is too slow where it is above it still."""

    gone: float = 1e-3
    """Share of its height below which a schedule has brought the rate to next to nothing."""

    gone_left: float = 1 / 3
    """Share of the planned steps that must be left for that to be too early."""

    gone_steps: int = 10
    """Steps for which the rate must have been so low."""

    gone_share: float = 0.05
    """The same as a share of the planned steps, where that is more: between two cycles it is lower for a moment."""

    brief: float = 0.15
    """Share of the planned steps at work below which a schedule was over before anything could be learnt."""

    high_loss: float = 0.1
    """Share of the loss of a constant answer, else of the run's start, below which nothing was missed."""

    def check(self, history: History) -> Finding | None:
        with np.errstate(all="ignore"):
            sure = self._gone(history) or self._ends_high(history) or self._judge(history)
            return sure or self._suspected(history)

    def _suspected(self, history: History) -> Finding | None:
        """Return the suspicion of steps that are too faint by now: looked into on the side, and else a note."""
        why = None if held_back(history) else suspected(history)
        if why is None:
            return None
        return self.found(
            history,
            why.says,
            severity=Severity.NOTE,
            measured=why.measured,
            limit=why.limit,
            judged=why.judged,
            fixes=("swap_optimizer", "scale_lr"),
        )

    def _ends_high(self, history: History) -> Finding | None:
        """Return that the run will end at the level of a constant answer although its loss falls."""
        planned, chance = history.facts.get("planned_steps"), history.last("chance")
        taken = history.step("loss") - max(0, history.since)
        if not planned or planned < self.shortest or not chance > 0 or taken < self.late * planned:
            return None
        pace, gain = pace_of(history), gain_of(history)
        if grows(history.now("output_spread", 80)) or grows(history.now("grad_norm", 400)):
            return None  # it begins to learn: where it will end cannot be told yet
        if pace is None or not pace.falls or (gain is not None and gain.is_sure and gain.share > self.knows):
            return None
        above = pace.now > self.above * chance
        end, limit = (pace.share, self.ends_above) if above else (pace.end, self.ends_at_chance)
        if not limit * chance < end < pace.now or history.last("output_spread") < 1e-6:
            return None
        return self.found(
            history,
            f"at its present pace the loss of {pace.now:.4g} will be at {end:.4g} or more after all {planned} steps, "
            f"{end / chance:.0%} of that of a constant answer (limit {limit:.0%})",
            severity=Severity.WARNING,
            measured=end,
            limit=limit * chance,
            judged="loss",
        )

    def _gone(self, history: History) -> Finding | None:
        """Return that a schedule has ended the training before its time."""
        planned = history.facts.get("planned_steps")
        fall = fall_of(history, self.gone) if planned else None
        if fall is None or fall.steps < max(self.gone_steps, self.gone_share * planned):
            return None
        left = planned - history.step("lr")
        losses = history.now("loss")
        losses = losses[np.isfinite(losses)]
        chance, level = history.last("chance"), median_of(losses[-2 * self.soonest :])
        ceiling = chance if np.isfinite(chance) and chance > 0 else median_of(losses[:FIRST_LOSSES])
        if left <= self.gone_left * planned or not level > self.high_loss * ceiling or not ceiling > 0:
            return None
        # Of several parameter groups only the first one's rate is recorded: nothing may move any more.
        moved = history.now("update_ratio")
        still = not len(moved) or moved[-1] < 0.1 * np.nanmax(moved)
        if not still or not (fall.was_learning or fall.at_work < self.brief * planned):
            return None
        return self.found(
            history,
            f"the schedule has brought the learning rate from {fall.height:.3g} to {fall.rate:.2g} (limit "
            f"{self.gone:g} of its height) with {left} of {planned} steps left, and the loss stays at {level:.4g}",
            severity=Severity.WARNING,
            measured=fall.rate / fall.height,
            limit=self.gone,
            fixes=("hold_lr",),
        )

    def _judge(self, history: History) -> Finding | None:
        planned = history.facts.get("planned_steps")
        if not planned:
            raise NotApplicable("`planned_steps`: unknown")
        if planned < self.shortest:
            raise NotApplicable(f"`planned_steps`: {planned:g}, fewer than {self.shortest}")
        moves = movement(history)
        if not np.isfinite(moves):
            raise NotApplicable("`update_ratio`: nothing recorded")
        rises = rate_rises(history)
        if rises:
            taken = len(history.now("lr"))
            if taken < max(2 * self.soonest, self.warming * planned):
                raise NotApplicable("`lr`: still rising")
            moves *= planned / taken  # as high as it gets at this pace
        steps = len(history.now("lr")) if rises else steps_at_rate(history)
        losses = history.now("loss", steps)
        losses = losses[np.isfinite(losses)]
        if min(steps, len(losses)) < max(self.soonest, self.soonest_share * planned):
            raise NotApplicable(f"`loss`: {len(losses)} steps at this rate, too few of {planned} planned")
        if not moves < self.movement or history.last("output_spread") < 1e-6:
            return None
        gain = gain_of(history)
        if gain is not None and gain.is_sure and gain.share > self.knows:
            return None
        third = len(losses) // 3
        first, last = median_of(losses[:third]), median_of(losses[-third:])
        # The medians lie two thirds of the steps apart.
        fall = (first - last) * planned / (2 * third)
        level = abs(first)
        covered = max(0.0, fall) / level if level else 0.0
        pace, chance = pace_of(history), history.last("chance")
        high = pace is not None and chance > 0 and pace.share > self.ends_high * chance
        if not covered < self.way and not high:
            return None
        unknown = gain is not None and not gain.is_sure
        # A fall within the noise of a few losses is none.
        noise = ERRORS * float(np.hypot(error_of_median(losses[:third]), error_of_median(losses[-third:])))
        covered = covered if first - last > noise else 0.0
        dead = (moves < self.dead * self.movement or unknown) and covered < self.way / 2
        where = f"have covered {covered:.1%} of its way by the end (limit {self.way:.0%})"
        if not covered < self.way:
            where = (
                f"be at {pace.share:.4g} by the end (limit {self.ends_high:.0%} of a constant answer's {chance:.4g})"
            )
        return self.found(
            history,
            f"a step changes {moves / planned:.2g} of the weights, all {planned} steps together at most "
            f"{moves:.2g} (limit {self.movement:g}), and at this pace the loss of {last:.4g} will {where}",
            severity=Severity.CRITICAL if dead else Severity.WARNING,
            measured=moves,
            limit=self.movement,
        )
