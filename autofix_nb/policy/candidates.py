"""What may be done against a finding: each change by itself, what answers several findings at once, and other rates.

Order matters, as the steps of a race may not last for all: what changes least comes first, then one of each kind.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from numpy import isfinite

from autofix_nb.detectors.life import held_back
from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES, Change, Fix
from autofix_nb.fixes.swap_optimizer import SAME_WITHIN, is_far_off
from autofix_nb.history import History
from autofix_nb.journal import plain

MOST_CANDIDATES = 10

AGAINST = {
    "B03": ("scale_pixels", "standardise"),
    "B04": ("mend_loss",),
    "B05": ("mend_loss",),
    "B07": ("join_optimizer", "unfreeze"),
    "B08": ("mend_output", "mend_loss", "scale_targets"),
    "D02": ("standardise",),
    "D03": ("fill_marks", "drop_outliers", "mend_loss"),
    "D04": ("drop_columns",),
    "D07": ("fill_missing",),
    "D09": ("shuffle",),
    "D11": ("drop_columns",),
}
"""What may be done while it trains about what the look before training found, besides that finding's own fixes."""

NO_CANDIDATES = frozenset({"early_stop", "tune_threshold", "quarantine", "skip_batch", "rollback", "restart"})
"""Fixes that are no other way to train: they end, leave out or go back."""

OF_THE_RATE = frozenset({"scale_lr", "cap_lr", "swap_optimizer", "hold_lr", "warm_up", "clip_gradients"})
"""Fixes of how far a step goes; all others change what is computed."""

HELD_BACK = ("set_dropout", "regularise")
"""What is done besides, whatever was found, where dropout or weight decay are strong enough to hold a model back."""

UNASKED = ("swap_activations", "insert_norm")
"""What is computed otherwise beside a usual rate, where the finding itself blames the rate alone."""

MEASURED = frozenset({"scale_targets"})
"""Fixes whose need is measured and not guessed: they are planned only where targets lie far from what a model says at
first. Where nothing was learnt, they come before all others."""

OF_THE_LOSS = frozenset({"mend_loss"})
"""And those that are tried alone before they are tried beside another optimizer, where the loss itself asks for them: a
loss that is another one is judged by another number, which another rate may hide."""

FEW_TRIES = 2
"""Candidates that can be tried, up to which gentle ones do not come first."""

HIGHER = 4.0
"""What the rate of a mended run is multiplied by, to see whether it could learn faster."""

LOWER = 0.2
"""And where its loss swings, or it is about to end: a noisy loss falls when the steps become smaller."""
TENFOLD = 10.0
"""What a rate is multiplied by that is held besides: the height of a schedule may be too low, too."""

COME_DOWN = 0.5
"""Share of its height below which a schedule is held as well where a rate is raised: else that is soon gone again."""

NEAR = 5.0
"""How many times a usual rate that of the same sort of optimizer may be, or it that one, to be left alone where the run
has not begun."""

MOST_TOGETHER = 2
"""Ways to compute otherwise that are tried beside a usual rate."""


@dataclass(kw_only=True)
class Candidate:
    """What may be done: one or several changes together, each with its fix, from the first weights or the present."""

    fixes: list[tuple[Fix, Change]]
    fresh: bool = False
    code: str = ""
    """Of the finding that it answers, where that is not the one that is raced."""

    resort: bool = False
    """Whether it is tried only where nothing simpler has won."""

    best: bool = False
    """Whether it begins at the best weights so far: what came after them was thrown away."""

    @property
    def says(self) -> str:
        """The changes in one sentence."""
        what = ", and ".join(change.says for _, change in self.fixes)
        if self.best:
            return f"from the best weights so far, {what}"
        return f"from the first weights, {what}" if self.fresh else what

    @property
    def loss(self) -> str | None:
        """Name of the loss that it puts in the place of the present one; None where it leaves that alone."""
        return next((change.after["loss"] for _, change in self.fixes if "loss" in change.after), None)

    @property
    def is_sure(self) -> bool:
        """Whether the data themselves say that it is right, so that a race need only show that it does no harm."""
        return all(change.after.get("sure") for _, change in self.fixes)

    @property
    def is_proven(self) -> bool:
        """Whether it mends nothing but what was proven to do something else than was meant, however that learns."""
        return all(change.after.get("proven") for _, change in self.fixes)

    made: int = 0
    """How many of the changes are made now."""

    def apply(self, run: Any) -> None:
        """Make all changes. Where one cannot be made, what it did until then is taken back as far as that goes."""
        self.made = 0
        for fix, change in self.fixes:
            try:
                fix.apply(change, run)
            except BaseException:
                with suppress(Exception):  # it may have nothing to take back yet
                    fix.undo(change, run)
                raise
            self.made += 1

    def undo(self, run: Any) -> None:
        """Take all changes back that were made."""
        while self.made:
            self.made -= 1
            fix, change = self.fixes[self.made]
            fix.undo(change, run)


@dataclass(kw_only=True)
class Offers:
    """Makes the candidates of one race."""

    run: Any
    may: Callable[..., bool]
    """Tells whether a fix, by its name, is allowed."""

    seen: set[str]
    """Candidates that were tried already, as `named` calls them; those that are made join them."""

    fresh: bool = False
    """Whether all of them begin at the first weights."""

    fresh_is_affordable: bool = False
    """Whether there are steps enough to begin again at all."""

    best: bool = False
    """Whether other rates begin at the best weights so far."""

    def against(self, finding: Finding, *, learnt: bool) -> list[Candidate]:
        """Return what could be done against a finding, gentlest first; first what the look before training blamed.

        A run that has not `learnt` anything is offered more: something else computed, at a usual rate.
        """
        by_fix = [
            self._of_fix(name, before, code=before.code)
            for before in self.run.found_before
            for name in dict.fromkeys((*AGAINST.get(before.code, ()), *before.fixes))
        ]
        held = HELD_BACK if held_back(self.run.history) else ()
        less = replace(finding, code="L05")  # what is too strong is to be weaker
        by_fix += [self._of_fix(name, less, code=finding.code) for name in held]
        by_fix += [self._of_fix(name, finding) for name in dict.fromkeys(finding.fixes)]
        if not learnt:
            by_fix.sort(key=lambda found: not (found and found[0].fixes[0][1].fix in MEASURED))
        held_up = self._held_and_raised(finding) if {"hold_lr", "scale_lr"} <= set(finding.fixes) else []
        by_fix.insert(0, held_up)
        if weights_are_to_blame(self.run.history):
            # Units that begin alike stay alike: whatever else ails the run, nothing helps before they differ. Nor does
            # a rate help where signals come to nothing.
            if not learnt and "reinitialise" not in finding.fixes:
                by_fix.append(self._of_fix("reinitialise", finding))
            by_fix.sort(key=lambda found: not (found and found[0].fixes[0][1].fix == "reinitialise"))
        others = (
            # A schedule that has come down is illness enough, and cannot begin again.
            []
            if learnt or held_up
            else [*self._all_that_was_blamed(finding), *self._at_a_usual_rate(by_fix or [[]], finding)]
        )
        candidates = [*_interleaved(by_fix)[: MOST_CANDIDATES - len(others)], *others]
        return [self._kept_down(one, finding) for one in candidates]

    def against_found(self, found: Sequence[Finding], *, again: bool = False) -> list[Candidate]:
        """Return what could be done about findings of the look before training: about each, and about all at once.

        `again` takes what was tried already, too: beside what has been mended since, it may help.
        """
        tried = set(self.seen)
        if again:
            self.seen.clear()
        by_finding = [
            _interleaved(
                [
                    self._of_fix(name, before, code=before.code)
                    for name in dict.fromkeys((*AGAINST.get(before.code, ()), *before.fixes))
                ]
            )
            for before in found
        ]
        # The steps may not last for all: what is most likely comes to its turn before the second thoughts.
        firsts, others = [own[0] for own in by_finding if own], [one for own in by_finding for one in own[1:]]
        together = [one for one in _together(by_finding) if named(one) not in tried]
        singles = [*firsts[:1], *together[:1], *firsts[1:], *together[1:], *others]
        if again:
            return singles
        thorough = self._at_a_usual_rate([[*firsts, *others]])
        # A rate that nobody means may be all that is wrong, and other fixes show nothing beside it.
        if not thorough or not is_far_off(self.run):
            return [*singles, *thorough]
        alone = replace(thorough[0], fixes=thorough[0].fixes[-1:], resort=False)
        return [*singles[:1], alone, *thorough[:1], *singles[1:], *thorough[1:]]

    def of_the_rate(self, *, lower: bool = False) -> list[Candidate]:
        """Return other rates for a run whose fault is mended: a usual optimizer, and a rate that is higher.

        The usual optimizer comes once, and before a higher rate of one of another sort. `lower` says that smaller steps
        may be what is wanted, too: they come last.
        """
        usual = FIXES["swap_optimizer"]().usual(self.run) if self.may("swap_optimizer") else None
        found = [] if usual is None else [Candidate(fixes=[(FIXES["swap_optimizer"](), usual)])]
        found = [one for one in found if named(one) not in self.seen]
        fix = FIXES["scale_lr"]()
        # Of an optimizer of the usual sort another rate is all that changes: it may want to be higher as well.
        sort = any({"betas", "alpha"} & set(group) for group in self.run.optimizer.param_groups)
        factors = ([HIGHER] if sort or not found else []) + ([LOWER] if lower else [])
        if self.may("scale_lr"):
            found += [Candidate(fixes=[(fix, fix.by(factor, self.run))]) for factor in factors]
        return found

    def _kept_down(self, one: Candidate, finding: Finding) -> Candidate:
        """Return the same beside a cap on the schedule that raised the rate, where it begins again and has none.

        The schedule begins low again, and rises long after the race is over.
        """
        bounded = any({"lr_ceiling", "optimizer"} & set(change.after) for _, change in one.fixes)
        cap = None if bounded or not one.fresh or not self.may("cap_lr") else FIXES["cap_lr"]().plan(finding, self.run)
        return one if cap is None else replace(one, fixes=[*one.fixes, (FIXES["cap_lr"](), cap)])

    def _held_and_raised(self, finding: Finding) -> list[Candidate]:
        """Return a higher rate, and a usual optimizer, each beside holding a schedule that has come far down."""
        rates = self.run.history.now("lr")
        rates = rates[isfinite(rates)]
        low = len(rates) > 0 and rates[-1] < COME_DOWN * rates.max()
        if (
            not low
            or not self.run.history.facts.get("scheduler")
            or not all(map(self.may, ("hold_lr", "scale_lr", "swap_optimizer")))
        ):
            return []
        hold = FIXES["hold_lr"]().plan(finding, self.run)
        raises = [FIXES["scale_lr"]().by(TENFOLD, self.run), FIXES["swap_optimizer"]().usual(self.run)]
        found = [
            Candidate(fixes=[(FIXES["hold_lr"](), hold), (FIXES[change.fix](), change)], fresh=self.fresh)
            for change in raises
            if hold is not None and change is not None
        ]
        found = [one for one in found if named(one) not in self.seen]
        self.seen |= {named(one) for one in found}
        return found

    def _all_that_was_blamed(self, finding: Finding) -> list[Candidate]:
        """Return all that the look before training blamed, mended at once beside a usual optimizer, tried or not.

        A few steps may not have shown what each of it gives; a run that is dead later on has one more reason.
        """
        fixes: dict[str, tuple[Fix, Change]] = {}
        now = {change.fix for change in getattr(self.run, "standing_changes", ())}
        for before in self.run.found_before:
            names = dict.fromkeys((*AGAINST.get(before.code, ()), *before.fixes))
            for name in (name for name in names if name not in NO_CANDIDATES and name in FIXES and self.may(name)):
                change = FIXES[name]().plan(replace(before, step=max(1, self.run.step_count)), self.run)
                if change is not None and name not in now and name not in OF_THE_RATE:
                    fixes.setdefault(name, (FIXES[name](), change))
                    break
        usual = FIXES["swap_optimizer"]().usual(self.run) if self.may("swap_optimizer") else None
        if not fixes:
            return []
        both = [*fixes.values(), *([(FIXES["swap_optimizer"](), usual)] if usual is not None else [])]
        one = Candidate(fixes=both, fresh=self.fresh, code=finding.code, resort=True)
        return [one] if named(one) not in self.seen else []

    def _at_a_usual_rate(self, by_fix: Sequence[list[Candidate]], finding: Finding | None = None) -> list[Candidate]:
        """Return what computes something else, beside a usual optimizer and rate: one fault hides the other.

        At a rate that is too low nothing shows what a better model would learn, and at the usual rate a model whose
        gradients vanish learns no more than before. Before the first step nothing speaks against a rate near it.
        """
        within = SAME_WITHIN if finding is not None else NEAR
        change = FIXES["swap_optimizer"]().usual(self.run, within) if self.may("swap_optimizer") else None
        if change is None:
            return []
        ways = [one for own in by_fix for one in own if one.fixes[0][1].fix not in OF_THE_RATE]
        if finding is not None and not ways:
            ways = [one for name in UNASKED for one in self._of_fix(name, finding)]
        # New weights come first: those that led nowhere are no better at another rate. Then what is done otherwise.
        ways.sort(key=lambda one: not any(made.after.get("fresh") for _, made in one.fixes))
        if held_back(self.run.history):  # what holds a model back does so at any rate
            ways.sort(key=lambda one: one.fixes[0][1].fix not in HELD_BACK)
        if finding is None:
            ways = list({one.fixes[0][1].fix: one for one in reversed(ways)}.values())[::-1]
        return [
            Candidate(
                fixes=[*one.fixes, (FIXES["swap_optimizer"](), change)], fresh=one.fresh, code=one.code, resort=True
            )
            for one in ways[:MOST_TOGETHER]
        ]

    def _of_fix(self, name: str, finding: Finding, code: str = "") -> list[Candidate]:
        """Return what one fix could do, without what was seen already."""
        if name in NO_CANDIDATES or name not in FIXES or not self.may(name):
            return []
        run, found = self.run, []
        # Of a training that begins, or is under way: what is done to the user's own loader before it is no race.
        for change in FIXES[name]().plans(replace(finding, step=max(1, run.step_count)), run):
            # Before the first step there is nothing to go back from: the present weights are the first ones.
            new = bool(change.after.get("fresh")) and run.step_count > 0
            best = self.best and name in OF_THE_RATE and not self.fresh
            one = Candidate(fixes=[(FIXES[name](), change)], fresh=self.fresh or new, best=best, code=code)
            if named(one) not in self.seen and (self.fresh_is_affordable or not one.fresh):
                self.seen.add(named(one))
                found.append(one)
        return found


def weights_are_to_blame(history: History) -> bool:
    """Tell whether the weights were found to be such as no rule draws: all the same, or far outside of usual sizes."""
    return bool(history.facts.get("equal_weights") or history.facts.get("odd_weights"))


def in_turn(candidates: Sequence[Candidate], tries: int, *, only_the_rate: bool = False) -> list[Candidate]:
    """Return the candidates against an illness of many causes in the order of their turns, when there are few tries.

    What mends most at once comes first, as gentle ones would use them up; and before it, where there are two tries or
    the rate is all that is blamed, its usual optimizer alone.
    """
    thorough = [one for one in candidates if one.resort]
    if not thorough or tries > FEW_TRIES:
        return list(candidates)
    usual = thorough[0].fixes[-1][1]
    alone = [one for one in candidates if [change for _, change in one.fixes] == [usual]]
    first = [*alone, *thorough] if tries > 1 or only_the_rate else thorough
    said = MEASURED | set(HELD_BACK) | OF_THE_LOSS
    measured = [one for one in candidates if not one.resort and one.fixes[0][1].fix in said]
    measured = [one for one in measured if one.fixes[0][1].fix not in OF_THE_LOSS or one.is_sure]
    first = [*measured, *(one for one in first if all(one is not other for other in measured))]
    return [*first, *(one for one in candidates if all(one is not other for other in first))]


def named(candidate: Candidate) -> str:
    """Return a text by which the same candidate is known again."""
    changes = [[change.fix, plain(change.after)] for _, change in candidate.fixes]
    return json.dumps(["best" if candidate.best else candidate.fresh, changes], sort_keys=True, default=str)


def _interleaved(by_fix: Iterable[list[Candidate]]) -> list[Candidate]:
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
