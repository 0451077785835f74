"""Learning rate too high: the loss diverges, or jumps up and down, or never leaves the level of chance.

Diverging: the newest losses lie far above the first one and do not come down. Not learning: the outputs know
nothing of the targets (`is_learning`); said after 50 steps when the weights are thrown about, the loss stands above
its start or all rows get the same answer, and only after a tenth of the run when the loss merely sits there, because
slow starts are healthy; whatever moves (`signs_of_life`) keeps it silent. Thrown: a step changed nearly all weights,
or the rate rose, the loss leapt, and is back at chance at best. Oscillating: the loss stays close to chance
while the predicted classes change from step to step far more than the targets do.

References: no public tool sees a run that sits at chance (rates of 0.3 and 1 with Adam, 3 to 1000 with SGD on digits);
the limit of 0.1 for what a step changes is that of TheDeepChecker, Ben Braiek and Khomh (2022),
https://arxiv.org/abs/2204.00694; one row a batch at SGD 0.01/0.9 oscillates in AUTOTRAINER, Zhang et al. (2021)
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors import life
from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.hot import suspected
from autofix_nb.detectors.learning import LIFE, gain_of, is_learning
from autofix_nb.detectors.life import TOO_LITTLE, TREND, held_back, largest_update, median_of, signs_of_life, trend
from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History
from autofix_nb.signals import SAMPLED

NEWEST = 10
"""Losses whose median is the present level."""

RISEN = 1.5
"""How many times its start and chance a loss must reach to have risen, and not by the noise of small batches."""

LEAPT = 3
"""Steps whose loss must have been so high that it leapt."""

AT_CHANCE = 1.3
"""How many times the loss of a constant answer still counts as sitting at chance."""


@dataclass(frozen=True, kw_only=True)
class LearningRateTooHigh(Detector):
    """The loss diverges, oscillates around the level of chance, or never leaves it."""

    code: ClassVar = "L01"
    title: ClassVar = "Learning rate too high, or not learning at all"
    when: ClassVar = "step"
    reads: ClassVar = ("loss", "gain", "mispaired", "chance", "output_spread", "update_ratio", "lr", "grad_norm")
    shows: ClassVar = (("loss",), ("update_ratio",), ("lr",))
    fixes: ClassVar = (
        "scale_lr",
        "cap_lr",
        "warm_up",
        "swap_optimizer",
        "clip_gradients",
        "swap_activations",
        "insert_norm",
        "reinitialise",
        "scale_targets",
    )
    why: ClassVar = (
        "Steps that are too large throw the weights about: the model ends where a constant answer would, and waiting "
        "does not help."
    )
    how: ClassVar = (
        "The newest losses against the first one and the loss of the best constant answer; the loss with targets of "
        "the wrong rows, no higher when nothing was learnt; the share of the weights that a step changes."
    )

    soonest: int = 40
    """Losses needed before anything is said, save that the weights were thrown."""

    soonest_thrown: int = 10
    """Losses needed before that is said."""

    diverged: float = 3.0
    """How many times its start (or chance) the loss must reach to count as diverging."""

    diverged_unknown: float = 10.0
    """The same where the level of chance is unknown, as in steps of the user's own."""

    large_update: float = 0.1
    """Share of the weights changed in one step from which the weights are thrown about."""

    same_answer: float = 1e-6
    """Spread of the outputs across rows below which all rows get the same answer."""

    patience: int = 100
    """Steps at chance that are left alone at least, where nothing else is wrong."""

    patience_share: float = 0.1
    """Share of the planned steps that is left alone at least."""

    knows_nothing: float = 0.02
    """Share of the loss of wrongly paired targets that the gain must surely be below where nothing else is wrong."""

    thrown_update: float = 0.4
    """The same for a model that learns a little but stays close to chance, or within the first steps."""

    close_to_chance: float = 0.6
    """Share of the loss of a constant answer that counts as close to it there."""

    oscillating_update: float = 0.01
    """Share of the weights changed in one step below which jumps of the loss are not put down to the rate."""

    oscillates_at: float = 0.8
    """Share of the loss of a constant answer from which a model that swings between answers learns too little."""

    worse: float = 1.2
    """How many times the loss of a constant answer the mean loss must be, of a model that has learnt to do better."""

    restless: float = 2.5
    """How many times more than those of the targets the shares of the predicted classes must change."""

    def check(self, history: History) -> Finding | None:
        losses = self.finite(history, "loss", self.soonest_thrown)
        with np.errstate(all="ignore"):
            thrown = self._thrown(history, losses)
            if thrown is not None:
                return thrown
            if len(_finite(history.now("loss"))) < self.soonest and (early := self._suspected(history)):
                return early
            losses = self.finite(history, "loss", self.soonest)
            return (
                self._diverging(history, losses)
                or self._not_learning(history, losses)
                or self._near_chance(history)
                or self._worse_than_constant(history)
                or self._suspected(history)
            )

    def _suspected(self, history: History) -> Finding | None:
        """Return the suspicion of a rate that still learns a little: looked into on the side, and else a note."""
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
            fixes=("scale_lr", "swap_optimizer"),
        )

    def _diverging(self, history: History, losses: np.ndarray) -> Finding | None:
        first = _finite(history.now("loss"))[:NEWEST]
        start, level = float(first[0]), median_of(losses[-NEWEST:])
        earlier = float(np.median(losses[-3 * NEWEST : -2 * NEWEST]))
        chance = history.last("chance")
        known = np.isfinite(chance) or history.count("mispaired") > 0
        scale = max(abs(start), chance if np.isfinite(chance) else 0.0, median_of(np.abs(first - median_of(first))))
        limit = start + ((self.diverged if known else self.diverged_unknown) - 1) * scale
        comes_down = level - start < 0.9 * (earlier - start) and level - start < 100 * scale
        if not level > limit or comes_down:
            return None
        thrown = life.update_ratio(history)
        if not known and not thrown > self.oscillating_update:  # GANs and policies: no level to compare with
            return None
        return self.found(
            history,
            f"the loss is {level:.4g}, it began at {start:.4g} and does not come down (limit {limit:.4g})"
            + (f"; one step changes {thrown:.2g} of the weights" if np.isfinite(thrown) else ""),
            severity=Severity.CRITICAL,
            measured=level,
            limit=limit,
            judged="loss",
        )

    def _thrown(self, history: History, losses: np.ndarray) -> Finding | None:
        """Judge a model whose weights were replaced by a step: what is left is no better than before the first one.

        Said at once, also of one that learns a little by now: while there are steps left to begin again with.
        """
        largest, chance, level = largest_update(history), history.last("chance"), median_of(losses[-NEWEST:])
        rose = _rose(history)
        if not (largest > self.thrown_update or rose) or not chance > 0 or held_back(history):
            return None
        every = _finite(history.now("loss"))
        peak = float(np.sort(every)[-LEAPT:][0])
        if not peak > RISEN * max(float(every[0]), chance) or not level > self.oscillates_at * chance:
            return None
        why = rose or f"one step changed {largest:.2g} of the weights, limit {self.thrown_update:g}"
        return self.found(
            history,
            f"{why}; the loss leapt to {peak:.4g} or more, and is at {level:.4g} after {len(every)} steps, a constant "
            f"answer's is {chance:.4g}",
            severity=Severity.CRITICAL,
            measured=largest,
            limit=self.thrown_update,
            judged="update_ratio",
        )

    def _not_learning(self, history: History, losses: np.ndarray) -> Finding | None:
        # What was known at another rate, before a schedule raised it, says nothing about this one.
        gain = gain_of(history, newest=max(1, min(60, life.steps_at_rate(history) // SAMPLED)))
        if gain is None or is_learning(history) is not False:
            return None
        # With many measurements a trace is sure, too: one that stays a trace for long is no beginning.
        if gain.is_sure and (gain.share > LIFE / 2 or life.steps_at_rate(history) < self._patience(history, 2)):
            return None
        start, level = float(_finite(history.now("loss"))[0]), median_of(losses[-NEWEST:])
        thrown, chance = largest_update(history), history.last("chance")
        floor = chance if np.isfinite(chance) else median_of(history.now("mispaired", NEWEST))
        spread = median_of(history.now("output_spread", NEWEST))
        if trend(losses, blocks=8) < -TREND or (life.movement(history) < TOO_LITTLE and not spread < self.same_answer):
            return None  # it comes down; or it hardly moves, which is L02's
        steps, patience = life.steps_at_rate(history), self._patience(history)
        reasons = []
        limit = self.large_update if steps >= patience else self.thrown_update
        if thrown > limit:
            reasons.append(f"one step changed {thrown:.2g} of the weights, limit {limit:g}")
        if level > RISEN * max(abs(start), floor):
            reasons.append(f"it began at {start:.4g}")
        if spread < self.same_answer:
            reasons.append("every row gets the same answer")
        if not reasons:
            if level > AT_CHANCE * floor:
                patience *= 3  # far from chance yet: it may have a way to go down first
            certain = life.gain_bound(history) < self.knows_nothing
            if steps < patience or not certain or held_back(history) or signs_of_life(history):
                return None
        reasons = reasons or [f"{steps} steps without a sign of learning, limit {patience}"]
        return self.found(
            history,
            f"the model does not learn: its loss of {level:.4g} is that of answers that know nothing of the targets "
            f"({floor:.4g}); {' and '.join(reasons)}",
            severity=Severity.CRITICAL,
            measured=level,
            limit=floor,
            judged="loss",
        )

    def _near_chance(self, history: History) -> Finding | None:
        """Judge a model that learns a little: large steps threw it to a bad place, or it swings between answers."""
        largest, chance, steps = largest_update(history), history.last("chance"), life.steps_at_rate(history)
        known = largest > self.oscillating_update and chance > 0
        if not known or steps < self._patience(history, 2) or held_back(history):  # held back: L05's
            return None
        losses = _finite(history.now("loss", min(500, steps // 2)))
        half = len(losses) // 2
        before, level = float(losses[:half].mean()), float(losses[half:].mean())
        if not level > self.close_to_chance * chance or level < 0.97 * before or trend(losses) < -TREND:
            return None
        restless = 0.0
        if not largest > self.thrown_update:
            restless = life.restlessness(history)
            moves = life.rate_rises(history) or life.grows(history.now("gain", 60))
            excused = moves or steps < self._patience(history, 5)
            if not restless > self.restless or not level > self.oscillates_at * chance or excused:
                return None
        why = (
            f"the predicted classes swing {restless:.2g} times as much as the targets do, limit {self.restless:g}"
            if restless
            else f"one step changed {largest:.2g} of the weights, limit {self.thrown_update:g}"
        )
        return self.found(
            history,
            f"the loss stays at {level:.4g}, close to the {chance:.4g} of a constant answer; {why}",
            severity=Severity.WARNING,
            measured=restless or largest,
            limit=self.restless if restless else self.thrown_update,
            judged="" if restless else "update_ratio",
        )

    def _worse_than_constant(self, history: History) -> Finding | None:
        """Judge a model whose loss is on the whole above that of a constant answer, though it had learnt to be below.

        Medians hide it: with few rows a batch most losses are low, and a few sure and wrong answers cost more.
        """
        chance, thrown = history.last("chance"), largest_update(history)
        wanted = self._patience(history)
        every = _finite(history.now("loss"))
        if not chance > 0 or not thrown > self.oscillating_update or len(every) < 2 * wanted or held_back(history):
            return None
        if life.rate_rises(history) or life.steps_at_rate(history) < wanted:
            return None
        best = float(np.min(np.median(every[len(every) % NEWEST :].reshape(-1, NEWEST), axis=1)))
        before, newest = _trimmed(every[-2 * wanted : -wanted]), _trimmed(every[-wanted:])
        if not best < self.close_to_chance * chance or not newest > self.worse * chance or newest < 0.9 * before:
            return None
        return self.found(
            history,
            f"the loss had come down to {best:.4g} and is {newest:.4g} on the mean of the last {wanted} steps, more "
            f"than the {chance:.4g} of a constant answer; one step changes up to {thrown:.2g} of the weights",
            severity=Severity.WARNING,
            measured=newest,
            limit=self.worse * chance,
        )

    def _patience(self, history: History, times: int = 1) -> int:
        return max(times * self.patience, int(self.patience_share * history.facts.get("planned_steps", 0)))


def _rose(history: History) -> str:
    """Return in words that the rate rose and the loss with it, to twice what it was before; else nothing."""
    held, (_, rates) = life.steps_at_rate(history), history.now_series("lr")
    before, since = (_finite(part) for part in np.split(history.now("loss"), [-held] if held else [0]))
    if not NEWEST <= held < len(rates) or not min(len(before), len(since)) >= NEWEST:
        return ""
    if not median_of(since[-NEWEST:]) > 2 * median_of(before[-NEWEST:]):
        return ""
    return f"the learning rate rose from {rates[-held - 1]:.2g} to {rates[-1]:.2g}"


def _trimmed(values: np.ndarray) -> float:
    """Return the mean without the highest fiftieth: single rows that cannot be right do not decide."""
    return float(np.mean(np.sort(values)[: max(1, int(0.98 * len(values)))]))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]
