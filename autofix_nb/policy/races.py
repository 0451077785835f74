"""Races: several changes tried on the side, beside a control that goes on as it is, and the book of what they cost.

A finding says that something ails the run; which change helps is found out and not guessed. Each candidate starts from
the same weights, sees the same batches and is judged on the same rows. The winner is taken over only if it is
decisively better than the control; so a healthy run that was suspected wrongly goes on untouched.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any, Protocol

import numpy as np

from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES, Change, Fix
from autofix_nb.history import History
from autofix_nb.journal import plain
from autofix_nb.policy.verdict import Score

RACED = frozenset(
    {
        *("G02", "G04", "G05", "G06", "G07", "L01", "L02", "L03", "L04", "L05", "L06", "L07", "L08", "L11"),
    }
)
"""Findings that are answered by a race; others are answered at once, by the first fix that fits."""

FROM_THE_FIRST = frozenset({"G01", "G02", "G03", "G07", "L01", "L05", "L06", "L10"})
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

MOST_CANDIDATES = 10

AGAINST = {
    "B03": ("scale_pixels", "standardise"),
    "B05": ("mend_loss",),
    "B07": ("join_optimizer", "unfreeze"),
    "B08": ("mend_loss", "mend_output", "scale_targets"),
    "D02": ("standardise",),
    "D03": ("drop_outliers", "mend_loss"),
    "D09": ("shuffle",),
}
"""What may be done while it trains about what the look before training found, besides that finding's own fixes."""

NO_CANDIDATES = frozenset({"early_stop", "tune_threshold", "quarantine", "skip_batch", "rollback", "restart"})
"""Fixes that are no other way to train: they end, leave out or go back."""

HIGHER = (10.0, 3.0)
"""Rates that are tried, in multiples of the present one, after something else was mended before the first step."""

MOST_RACES = 2
"""Races for one code of findings in a run."""

LEAST_PAUSE = 100
"""Steps for which the same finding is not raced again after a race that nobody won, at least."""

PAUSE_SHARE = 0.1
"""After a race that nobody won, the same finding is not raced again for this share of the run."""

NEVER_LEARNT = 0.1
"""A run whose outputs never explained this share of the loss has learnt nothing yet."""


@dataclass(kw_only=True)
class Candidate:
    """What may be done: one or several changes together, each with its fix, from the first weights or the present."""

    fixes: list[tuple[Fix, Change]]
    fresh: bool = False
    code: str = ""
    """Of the finding that it answers, where that is not the one that is raced."""

    @property
    def says(self) -> str:
        """The changes in one sentence."""
        what = ", and ".join(change.says for _, change in self.fixes)
        return f"from the first weights, {what}" if self.fresh else what

    @property
    def loss(self) -> str | None:
        """Name of the loss that it puts in the place of the present one; None where it leaves that alone."""
        return next((change.after["loss"] for _, change in self.fixes if "loss" in change.after), None)

    def apply(self, run: Any) -> None:
        """Make all changes."""
        for fix, change in self.fixes:
            fix.apply(change, run)

    def undo(self, run: Any) -> None:
        """Take all changes back."""
        for fix, change in reversed(self.fixes):
            fix.undo(change, run)


@dataclass(kw_only=True)
class Race:
    """What came of a race; the state that the best candidate trained to waits at the runner's."""

    start: Score
    control: Score
    scores: list[Score]
    """Of the candidates that came to their turn, all in units of the present loss."""

    controls: list[Score]
    """What the control came to, by the loss of each candidate."""

    steps: int
    """Steps that each was watched."""

    taken: int
    """Steps that all of them took together."""

    trained: dict[int, Any]
    """By the place of a candidate: what the runner needs to go on from its last step. Of the best one at least."""

    best: int = -1


class Runner(Protocol):
    """Who runs a race for the policy: the loop."""

    history: History
    step_count: int

    def race(self, candidates: Sequence[Candidate], steps: int, most: int, *, fresh: bool) -> Race | None:
        """Try the candidates for `steps` steps each and `most` together; everything is as before afterwards.

        None where nothing can be tried here.
        """

    def take_over(self, candidate: Candidate, race: Race) -> None:
        """Make the changes of the winner, and go on from where its training came to."""


@dataclass
class Races:
    """The book of races: what was tried, how often, and what it cost."""

    spent: int = 0
    """Extra steps taken so far: by candidates and controls, and those that a restart made worthless."""

    won: int = 0
    """Races whose winner was taken over."""

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

    def steps_each(self, history: History, candidates: int, *, fresh: bool, step: int) -> tuple[int, int]:
        """Return for how many steps each candidate is watched, and how many all may take; 0 where too few are left."""
        left = self.left(history) - (wasted(history, step) if fresh else 0)
        each = left // min(FULL_TRIES, candidates + 1)
        # A few steps less, where that lets all of them come to their turn.
        least = each if each >= NEARLY * LEAST_STEPS else LEAST_STEPS
        return (0, 0) if left < LEAST_STEPS else (min(max(each, least), MOST_STEPS), left)

    def candidates(
        self, finding: Finding, run: Any, may: Callable[..., bool], *, fresh: bool, fresh_is_affordable: bool
    ) -> list[Candidate]:
        """Return what could be done against a finding, gentlest first; first what the look before training blamed."""
        seen = set(self.tried)
        by_fix = [
            self._of_fix(name, before, run, may, seen, fresh=fresh, affordable=fresh_is_affordable, code=before.code)
            for before in run.found_before
            for name in dict.fromkeys((*AGAINST.get(before.code, ()), *before.fixes))
        ]
        by_fix += [
            self._of_fix(name, finding, run, may, seen, fresh=fresh, affordable=fresh_is_affordable)
            for name in dict.fromkeys(finding.fixes)
        ]
        if run.history.facts.get("equal_weights"):
            # Units that begin alike stay alike: whatever else ails the run, nothing helps before they differ.
            by_fix.sort(key=lambda found: not (found and found[0].fixes[0][1].fix == "reinitialise"))
        return _interleaved(by_fix)[:MOST_CANDIDATES]

    def candidates_against(
        self, found: Sequence[Finding], run: Any, may: Callable[[str], bool], *, again: bool = False
    ) -> list[Candidate]:
        """Return what could be done about findings of the look before training: about each, and about all at once.

        `again` takes what was tried already, too: beside what has been mended since, it may help.
        """
        seen = set() if again else set(self.tried)
        by_finding = [
            _interleaved(
                [
                    self._of_fix(name, before, run, may, seen, fresh=False, affordable=False, code=before.code)
                    for name in dict.fromkeys((*AGAINST.get(before.code, ()), *before.fixes))
                ]
            )
            for before in found
        ]
        # The steps may not last for all: what is most likely comes to its turn before the second thoughts.
        firsts, others = [own[0] for own in by_finding if own], [one for own in by_finding for one in own[1:]]
        return [*firsts, *(one for one in _together(by_finding) if named(one) not in seen), *others]

    def higher_rates(self, run: Any, may: Callable[..., bool], code: str) -> list[Candidate]:
        """Return rates by powers of ten above the present one, without a test that would cost steps."""
        fix = FIXES["scale_lr"]
        changes = [fix().times(factor, run) for factor in HIGHER] if may("scale_lr") else []
        return [Candidate(fixes=[(fix(), change)], code=code) for change in changes]

    def _of_fix(
        self,
        name: str,
        finding: Finding,
        run: Any,
        may: Callable[[str], bool],
        seen: set[str],
        *,
        fresh: bool,
        affordable: bool,
        code: str = "",
    ) -> list[Candidate]:
        """Return what one fix could do, without what was seen already."""
        if name in NO_CANDIDATES or name not in FIXES or not may(name):
            return []
        found = []
        # Of a training that begins, or is under way: what is done to the user's own loader before it is no race.
        for change in FIXES[name]().plans(replace(finding, step=max(1, run.step_count)), run):
            # Before the first step there is nothing to go back from: the present weights are the first ones.
            new = bool(change.after.get("fresh")) and run.step_count > 0
            one = Candidate(fixes=[(FIXES[name](), change)], fresh=fresh or new, code=code)
            if named(one) not in seen and (affordable or not one.fresh):
                seen.add(named(one))
                found.append(one)
        return found

    def note(self, finding: Finding, candidates: Sequence[Candidate], race: Race, *, won: bool) -> None:
        """Write down what a race cost; nobody is tried twice."""
        self.of_code[finding.code] = self.of_code.get(finding.code, 0) + 1
        self.spent += race.taken
        self.won += won
        self.tried += [named(one) for one in candidates]


def named(candidate: Candidate) -> str:
    """Return a text by which the same candidate is known again."""
    changes = [[change.fix, plain(change.after)] for _, change in candidate.fixes]
    return json.dumps([candidate.fresh, changes], sort_keys=True, default=str)


def wasted(history: History, step: int) -> int:
    """Return the steps that a restart at `step` makes worthless: those of the present chapter's training."""
    return max(0, step - int(history.facts.get("lineage_from", 0)))


def has_learnt(history: History) -> bool:
    """Tell whether the run has learnt anything since its first weights, so that going back to them would lose it.

    By the share of the loss that the outputs explain (`gain` over `mispaired`), else by the loss itself.
    """
    gain, level = history.now("gain"), history.now("mispaired")
    count = min(len(gain), len(level))
    if count >= 5:
        share = gain[-count:] / np.maximum(np.abs(level[-count:]), 1e-12)
        share = share[np.isfinite(share)]
        if len(share) < 5 or _stays_at_chance(history):
            return False
        return _best_stretch(share, 5) - max(0.0, float(share[0])) > NEVER_LEARNT
    losses = history.now("loss")
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


def _interleaved(by_fix: Sequence[list[Candidate]]) -> list[Candidate]:
    """Return two of the first fix, then one of each, then one more of each, and so on: few steps try many ways."""
    rest = [list(found) for found in by_fix if found]
    order = [rest[0].pop(0)] if rest else []
    while any(rest):
        order += [found.pop(0) for found in rest if found]
    return order


def _together(by_finding: Sequence[list[Candidate]]) -> list[Candidate]:
    """Return the first, and the second, of what could be done about each finding, all at once.

    One fault hides what mending another gives: an output that is cut off learns from no features.
    """
    rows = [own for own in by_finding if own]
    if len(rows) < 2:
        return []
    found: dict[str, Candidate] = {}
    for place in range(2):
        fixes: dict[str, tuple[Fix, Change]] = {}
        for own in rows:
            one = own[min(place, len(own) - 1)]
            # Each with a fix of its own: what one candidate's fix did is not for another's to undo.
            fixes |= {change.fix: (FIXES[change.fix](), change) for _, change in one.fixes if change.fix not in fixes}
        if len(fixes) > 1:
            both = Candidate(fixes=list(fixes.values()), code=rows[0][0].code)
            found.setdefault(named(both), both)
    return list(found.values())


def _best_stretch(values: np.ndarray, width: int) -> float:
    """Return the largest median of so many values in a row."""
    pieces = [values[at : at + width] for at in range(0, len(values) - width + 1, width)]
    return max((float(np.median(piece)) for piece in pieces), default=float("-inf"))


def score_of(score: Score) -> str:
    """Return a score in words."""
    if not score.is_sound:
        return score.failed or "no finite loss"
    return f"loss {score.loss:.4g}" + (f", goal {score.goal:.4g}" if isfinite(score.goal) else "")
