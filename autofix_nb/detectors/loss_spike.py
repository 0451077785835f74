"""Loss spike: the loss leaps far out of its own recent range within a few steps.

Judged by robust deviations (median absolute deviation) of the logarithm of the loss, or of the loss itself where it may
be negative. A spike that came back is a note; one that did not, or one that threw the loss above where the run
began, is worth going back for. What rises slowly, or with the learning rate, is none.

References: Chowdhery et al. (2022), PaLM, https://arxiv.org/abs/2204.02311, section 5.1: some 20 spikes, cured by going
back 100 steps; median absolute deviation as in Leys et al. (2013), https://doi.org/10.1016/j.jesp.2013.03.013
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.life import median_of
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History

LEAST_SPREAD = 0.05
"""Deviation of the log loss (or share of the loss) below which it is not taken to be: constant losses have none."""


@dataclass(frozen=True, kw_only=True)
class LossSpike(Detector):
    """The loss leapt out of its range, and came back or did not."""

    code: ClassVar = "L10"
    title: ClassVar = "Loss spike"
    when: ClassVar = "step"
    reads: ClassVar = ("loss", "lr")
    shows: ClassVar = (("loss",), ("grad_norm",))
    fixes: ClassVar = ("rollback", "clip_gradients", "scale_lr")
    why: ClassVar = "One step can undo an hour of training; what comes after it starts from worse weights."
    how: ClassVar = (
        "Robust deviations of the log loss from the steps before, the leap within a few steps, and whether the "
        "loss is back after 15 steps."
    )

    before: int = 60
    """Steps before that make the usual range."""

    newest: int = 65
    """Newest steps in which a spike is looked for: a hand-over, and the time to come back."""

    deviations: float = 8.0
    """Robust deviations above the usual range that make a spike."""

    leap: float = 3.0
    """How many times the loss of the steps just before a spike must reach."""

    back: int = 15
    """Steps in which a spike may come back."""

    huge: float = 50.0
    """How many times the usual loss a spike must reach to be more than a note although it came back."""

    matters: float = 0.1
    """Share of its start that a loss which stays high must reach: converged runs jump at the bottom."""

    fewest_rows: int = 4
    """Rows a batch below which a loss that seems to stay high is put down to the noise of the rows."""

    def check(self, history: History) -> Finding | None:
        with np.errstate(all="ignore"):
            return self._judge(history)

    def _judge(self, history: History) -> Finding | None:
        losses = self.finite(history, "loss", self.before + self.newest)
        first = history.now("loss")
        first = float(np.median(first[np.isfinite(first)][:10]))
        usual, newest = losses[: self.before], losses[self.before :]
        positive = bool(np.all(losses > 0))
        middle, limit, back = self._range(usual, positive)
        spikes = np.flatnonzero(newest > limit)
        if not len(spikes) or not np.isfinite(limit):
            return None
        at = int(spikes[0])
        just_before = median_of(losses[self.before + at - 10 : self.before + at])
        peak = float(np.max(newest[at : at + 5]))
        if peak - just_before < (self.leap - 1) * abs(just_before) or _rate_rose(history, self.newest - at):
            return None
        after = newest[at + 5 :]
        if len(after) < self.back - 5:
            raise NotApplicable("`loss`: a leap just now, it may come back")
        level = float(np.median(after[self.back - 10 :][:10]))
        rows = int(history.facts.get("batch_size") or self.fewest_rows)
        stays = level > max(back, self.matters * first) and rows >= self.fewest_rows
        huge = positive and peak > self.huge * middle and peak > 2 * first
        severity = Severity.WARNING if stays or huge else Severity.NOTE
        end = f"is at {level:.4g} {self.back} steps later" if stays else "came back"
        return self.found(
            history,
            f"the loss leapt from {middle:.4g} to {peak:.4g} {len(newest) - at} steps ago (limit {limit:.4g}) "
            f"and {end}",
            severity=severity,
            measured=peak,
            limit=limit,
            judged="loss",
            fixes=self.fixes if severity > Severity.NOTE else (),
        )

    def _range(self, usual: np.ndarray, positive: bool) -> tuple[float, float, float]:
        """Return the middle of the usual losses, the limit of a spike, and the level below which it is back."""
        middle = float(np.median(usual))
        scaled = np.log(usual) if positive else usual
        centre = float(np.median(scaled))
        least = LEAST_SPREAD if positive else LEAST_SPREAD * abs(centre)
        spread = max(1.4826 * float(np.median(np.abs(scaled - centre))), least)
        limit, back = centre + self.deviations * spread, centre + 3 * spread
        if positive:
            return middle, float(np.exp(limit)), float(max(np.exp(back), 1.5 * middle))
        return middle, limit, back


def _rate_rose(history: History, steps: int) -> bool:
    """Tell whether the learning rate rose around the spike: then the schedule did it."""
    rates = history.now("lr", steps + 20)
    return len(rates) > 1 and bool(np.max(rates) > 1.2 * rates[0])
