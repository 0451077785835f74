"""Races: several changes tried on the side, beside a control that goes on as it is, and the book of what they cost.

A finding says that something ails the run; which change helps is found out and not guessed. Each candidate starts from
the same weights, sees the same batches and is judged on the same rows. The winner is taken over only if it is
decisively better than the control; so a healthy run that was suspected wrongly goes on untouched.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Protocol

import numpy as np

from autofix_nb.detectors.aims import aimed_gains, aimed_losses, aims_of
from autofix_nb.finding import Finding
from autofix_nb.history import History
from autofix_nb.policy.candidates import Candidate, named
from autofix_nb.policy.verdict import Score

RACED = frozenset(
    {
        *("G02", "G04", "G05", "G06", "G07", "L01", "L02", "L03", "L04", "L05", "L06", "L07", "L08", "L11"),
    }
)
"""Findings that are answered by a race; others are answered at once, by the first fix that fits."""

FROM_THE_FIRST = frozenset({"G01", "G02", "G03", "G05", "G07", "L01", "L05", "L06", "L10", "L11"})
"""Illnesses that spoil the weights: where nothing was learnt yet, what could help is tried from the first ones."""

UNLEARNT = frozenset({"G01", "G03", "L10"})
"""Findings answered by a race only where the run has not learnt anything yet: there is nothing to go back to."""

BUDGET = 0.5
"""Extra steps that races and restarts may take, as a share of the steps that the run was planned with."""

LEAST_STEPS = 20
"""A candidate is watched for at least so many steps."""

NEARLY = 0.9
"""Share of these that does too, where the steps that are left are just short of enough for all."""

MOST_STEPS = 200
"""And for at most so many."""

FULL_TRIES = 5
"""The steps that are left are shared out so that so many candidates can be watched to the end."""

MOST_RACES = 2
"""Races for one code of findings in a run."""

LEAST_PAUSE = 100
"""Steps for which the same finding is not raced again after a race that nobody won, at least."""

PAUSE_SHARE = 0.25
"""After a race that nobody won, the same finding is not raced again for this share of the run."""

NEVER_LEARNT = 0.1
"""A run whose outputs never explained this share of the loss has learnt nothing yet."""


@dataclass(kw_only=True)
class Race:
    """What came of a race; the state that the best candidate trained to waits at the runner's."""

    start: Score
    control: Score
    steps: int
    """Steps that each was watched."""

    taken: int = 0
    """Steps that all of them took together."""

    raced: list[Candidate] = field(default_factory=list)
    """The candidates that came to their turn."""

    scores: list[Score] = field(default_factory=list)
    """Of each of these, all in units of the present loss."""

    controls: list[Score] = field(default_factory=list)
    """What the control came to, by the loss of each of these."""

    trained: dict[int, Any] = field(default_factory=dict)
    """By the place of a candidate: what the runner needs to go on from its last step. Of the best one at least."""

    ahead: Any = None
    """The state that the control trained to, where its steps may be the run's own."""

    best: int = -1


class Runner(Protocol):
    """Who runs a race for the policy: the loop."""

    history: History
    step_count: int

    def race(
        self,
        candidates: Sequence[Candidate],
        steps: int,
        most: int,
        *,
        fresh: bool,
        winner: Callable[[Race], int | None],
    ) -> Race | None:
        """Try the candidates for `steps` steps each and `most` together; everything is as before afterwards.

        None where nothing can be tried here.
        """

    @property
    def may_go_on(self) -> bool:
        """Whether the steps of a control may be the run's own."""

    def go_on(self, race: Race) -> int:
        """Go on from where the control came to; returns how many of the run's planned steps that stands for."""

    def adopt(self, candidate: Candidate) -> None:
        """Make the changes of a candidate that was not raced, and go on from here."""

    def take_over(self, candidate: Candidate, race: Race) -> int:
        """Make the changes of the winner, and go on from where its training came to.

        Returns how many of the run's planned steps its training stands for.
        """


@dataclass
class Races:
    """The book of races: what was tried, how often, and what it cost."""

    spent: int = 0
    """Extra steps taken so far: by candidates and controls, and those that a restart made worthless."""

    won: int = 0
    """Races whose winner was taken over."""

    dared: bool = False
    """Whether the best guess was put to work without a race that it won."""

    raised: bool = False
    """Whether the rate of that guess was raised, as it had taught nothing."""

    asked: int = 0
    """How far a mended run is in being asked for its rate: at its verdict, and later."""

    mended: dict[str, Any] = field(default_factory=dict)
    """The finding that it was mended for, as plain values; empty before."""

    of_code: dict[str, int] = field(default_factory=dict)
    not_before: dict[str, int] = field(default_factory=dict)
    """By code: the step before which it is not raced again."""

    tried: list[str] = field(default_factory=list)
    """Changes that were raced, as text."""

    rate_found: list[Any] = field(default_factory=list)
    """What the newest range test was made for, and the rate that it suggests."""

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return asdict(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        vars(self).update(state)

    def may_race(self, finding: Finding, history: History) -> bool:
        """Tell whether this finding may be raced now."""
        if self.of_code.get(finding.code, 0) >= MOST_RACES or finding.step < self.not_before.get(finding.code, 0):
            return False
        return self.left(history) >= 2 * LEAST_STEPS

    def left(self, history: History) -> int:
        """Return the extra steps that are left."""
        planned = float(history.facts.get("planned_steps") or 0)
        return int(BUDGET * planned) - self.spent if isfinite(planned) else 0

    def steps_each(
        self, history: History, candidates: int, *, fresh: bool, step: int, whole: bool = False
    ) -> tuple[int, int]:
        """Return for how many steps each candidate is watched, and how many all may take; 0 where too few are left."""
        left = self.left(history)
        if fresh:
            # What is dead has nothing to lose: a restart that the budget does not cover in full ends earlier instead.
            # `whole` says that it must not, as its schedule would be cut off.
            left = max(left - wasted(history, step), 0 if whole else left // 2)
        each = left // min(FULL_TRIES, candidates + 1)
        # A few steps less, where that lets all of them come to their turn.
        least = each if each >= NEARLY * LEAST_STEPS else LEAST_STEPS
        return (0, 0) if left < LEAST_STEPS else (min(max(each, least), MOST_STEPS), left)

    def note(self, finding: Finding, race: Race, *, won: bool, is_due: bool = True) -> None:
        """Write down what a race cost; nobody is tried twice. One that no illness asked for (`is_due`) uses up none."""
        self.of_code[finding.code] = self.of_code.get(finding.code, 0) + is_due
        self.spent += race.taken
        self.won += won
        self.tried += [named(one) for one in race.raced]


def wasted(history: History, step: int) -> int:
    """Return the steps that a restart at `step` makes worthless: those of the present chapter's training."""
    return max(0, step - int(history.facts.get("lineage_from", 0)))


def has_learnt(history: History) -> bool:
    """Tell whether the run has learnt anything since its first weights, so that going back to them would lose it.

    By the share of the loss that the outputs explain (`gain` over `mispaired`), else by the loss itself. Where it is
    known what the training is for, by that alone: the rest of the loss may fall for another reason.
    """
    aims = aims_of(history)
    if aims:
        return _has_learnt_aims(history, aims)
    gain, level = history.now("gain"), history.now("mispaired")
    count = min(len(gain), len(level))
    if count >= 5:
        share = gain[-count:] / np.maximum(np.abs(level[-count:]), 1e-12)
        share = share[np.isfinite(share)]
        if len(share) < 5 or _stays_at_chance(history):
            return False
        return _best_stretch(share, 5) - max(0.0, float(share[0])) > NEVER_LEARNT
    return _has_fallen(history.now("loss"))


def _has_learnt_aims(history: History, aims: tuple[str, ...]) -> bool:
    gains = aimed_gains(history, aims)
    if len(gains):
        return bool(gains.max() > NEVER_LEARNT)
    return _has_fallen(aimed_losses(history, aims))


def _has_fallen(losses: np.ndarray) -> bool:
    losses = losses[np.isfinite(losses)]
    if len(losses) < 20:
        return False
    first, best = float(np.median(losses[:10])), -_best_stretch(-losses, 10)
    return first - best > NEVER_LEARNT * abs(first)


def _stays_at_chance(history: History) -> bool:
    """Tell whether the loss has never been clearly below that of a constant answer, where that is known.

    Outputs thrown far out make wrongly paired targets dear: they seem to explain much of a loss that explains nothing.
    """
    chance, losses = history.last("chance"), history.now("loss")
    losses = losses[np.isfinite(losses)]
    known = isfinite(chance) and chance > 0 and len(losses) >= 10
    return known and -_best_stretch(-losses, 10) > (1 - NEVER_LEARNT) * chance


def _best_stretch(values: np.ndarray, width: int) -> float:
    """Return the largest median of so many values in a row."""
    pieces = [values[at : at + width] for at in range(0, len(values) - width + 1, width)]
    return max((float(np.median(piece)) for piece in pieces), default=float("-inf"))


def score_of(score: Score) -> str:
    """Return a score in words."""
    if not score.is_sound:
        return score.failed or "no finite loss"
    return f"loss {score.loss:.4g}" + (f", goal {score.goal:.4g}" if isfinite(score.goal) else "")
