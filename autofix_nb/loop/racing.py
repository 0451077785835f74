"""Trainings on the side: from the same weights, on the same batches, each for the same number of steps."""

import copy
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from autofix_nb.data import GuardedLoader, structure
from autofix_nb.errors import AutofixError, StoreError
from autofix_nb.evidence.batches import length_of
from autofix_nb.loop.before_change import BeforeChange
from autofix_nb.loop.judging import Judge
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.side_batches import judging_batches, training_batches
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.training_state import TrainingState
from autofix_nb.policy import Candidate, Score, best_of
from autofix_nb.policy.races import Race, score_of
from autofix_nb.policy.verdict import in_units_of

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

MOST_NUMBERS = 20_000_000
"""Weights of all candidates together up to which what each trained to is kept; else what the best one did."""

SINGLES = 2
"""Candidates that come to their turn before steps are kept for a last resort."""

FAR_BEHIND = 0.15
"""Share of the best one's loss by which another is far behind it after a third of the steps."""

FIRST_NORMS = 5
"""Steps whose gradient norms are looked at."""

BAD_STEPS = 3
"""Steps whose numbers may be bad before a candidate is given up."""


def race(
    guard: "Guard",
    candidates: Sequence[Candidate],
    steps: int,
    most: int,
    *,
    fresh: bool,
    winner: Callable[[Race], int | None],
) -> Race | None:
    """Try candidates on the side for `steps` steps each, beside a control that goes on as it is, `most` in all.

    Afterwards everything is as it was, bit for bit. `fresh` candidates begin at the first weights; the control of
    those has had its steps already, unless it took fewer. A candidate that is far behind the best one after a third of
    its steps is given up. The last resorts have steps kept for one of them, and come to their turn where `winner` finds
    none among the others. Returns None where nothing can be tried: no batches that can be had again, or no objective
    that can be called on the side.
    """
    if guard.objective is None:
        return None
    with guard.aside(Phase.RACE, "preparing to try what could help", short="what could help"):
        rows = judging_batches(guard)
        return _race(guard, rows, candidates, steps, most, fresh=fresh, winner=winner) if rows else None


def _race(
    guard: "Guard",
    rows: list[Any],
    candidates: Sequence[Candidate],
    steps: int,
    most: int,
    *,
    fresh: bool,
    winner: Callable[[Race], int | None],
) -> Race:
    now = TrainingState(guard)
    judge = Judge(guard, rows)
    keeps_all = sum(part.numel() for part in guard.model.parameters()) * len(candidates) <= MOST_NUMBERS
    enough = most >= (SINGLES + 2) * steps and not candidates[0].resort
    kept_back = steps if enough and any(one.resort for one in candidates) else 0
    credit = steps if fresh or counts_for_the_run(guard) else 0
    pace = None
    try:
        if fresh:
            guard.to_first_weights()
        start = judge()
        now.restore(guard)
        had = guard.step_count - int(guard.history.facts.get("lineage_from", 0)) if fresh else 0
        ahead = _Heat(guard, judge, max(0, steps - had), keeps=not fresh and may_go_on(guard)).run(None)
        found = Race(start=start, control=ahead.score, steps=steps, taken=ahead.taken, ahead=ahead.after)
        by_loss = _by_loss(guard, judge, candidates)
        for number, candidate in enumerate(candidates, start=1):
            # The winner's steps are no extra ones where they are steps of the run.
            won = bool(found.raced) and winner(found) is not None
            if candidate.resort and won and kept_back:
                break
            left = most - found.taken + (credit if won else 0) - (0 if candidate.resort else kept_back)
            if found.raced and left < steps:
                continue
            now.restore(guard)
            says = f"trying {number} of {len(candidates)}: {candidate.says}"
            heat = _Heat(guard, judge, steps, candidate, says=says).run(pace)
            beside = by_loss.get(candidate.loss, found.control)
            is_own = beside is found.control
            found.raced.append(candidate)
            found.scores.append(heat.score if is_own else in_units_of(found.control, heat.score, beside))
            found.controls.append(beside)
            found.taken += -(-heat.taken // heat.often)
            place = len(found.raced) - 1
            leads = heat.score.is_sound and best_of(found.scores) == place
            if heat.after is not None and (leads or keeps_all):
                found.trained = (found.trained if keeps_all else {}) | {place: heat.after}
            if leads:
                pace = heat.early if is_own else None  # paces by another loss cannot be compared
    finally:
        now.restore(guard)
    return found


def counts_for_the_run(guard: "Guard") -> bool:
    """Tell whether a winner's steps are the run's own: it ends so much earlier, if no schedule is cut off by it."""
    return guard.scheduler is None and bool(guard.history.facts.get("steps_per_epoch"))


def may_go_on(guard: "Guard") -> bool:
    """Tell whether a run may go on from where the control came to: one that was changed already, with steps to count.

    A run that is as its user made it takes every step itself.
    """
    races = guard.policy.races
    small = sum(part.numel() for part in guard.model.parameters()) <= MOST_NUMBERS
    return bool(races.won or races.dared) and small and counts_for_the_run(guard)


def gathered(guard: "Guard") -> int:
    """Return the batches of a step: no more than an epoch has."""
    asked = guard.stepper.accumulate
    return min(asked, length_of(guard.train) or asked)


def take_over(guard: "Guard", candidate: Candidate, race: Race) -> None:
    """Make the winner's changes and go on from where its training came to.

    A schedule goes on where the run's steps are, or with a run that begins again: else it would be over before the run.
    """
    scheduled = guard.scheduler is not None and guard.each_step and not candidate.fresh
    schedule = copy.deepcopy(guard.scheduler.state_dict()) if scheduled else None
    settings = [_settings(group) for group in guard.stepper.users_optimizer.param_groups] if scheduled else []
    if candidate.fresh:
        guard.to_first_weights()
    _remember(guard, candidate)
    candidate.apply(guard)
    guard.follow_controls()
    if guard.first is not None:
        guard.first.take_in(guard, fresh=candidate.fresh)
    race.trained[race.best].restore(guard, taken_over=True)
    race.trained.clear()
    if scheduled:
        guard.scheduler.load_state_dict(schedule)
        for group, kept in zip(guard.stepper.users_optimizer.param_groups, settings, strict=False):
            group.update(kept)
    _reshuffle_from_here(guard)
    guard.follow_controls()


def adopt(guard: "Guard", candidate: Candidate) -> None:
    """Make the changes of a candidate at the present weights or the best, save those that it draws anew."""
    _remember(guard, candidate)
    if candidate.best:
        guard.to_best_weights()
    candidate.apply(guard)
    _reshuffle_from_here(guard)
    guard.follow_controls()
    guard.optimizer.zero_grad(set_to_none=True)
    if guard.first is not None:
        guard.first.take_in(guard, fresh=candidate.fresh)


def _reshuffle_from_here(guard: "Guard") -> None:
    """Note the epoch from which on samples are shuffled, where they are: the one at hand has its order already."""
    if guard.controls.reshuffle and "reshuffled_from" not in guard.history.facts:
        guard.history.facts["reshuffled_from"] = guard.epoch + bool(guard.position)


def _remember(guard: "Guard", candidate: Candidate) -> None:
    if any(fix.is_built_in(change) for fix, change in candidate.fixes):
        guard.before_change = BeforeChange.of(guard)


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    return {name: copy.deepcopy(value) for name, value in group.items() if name not in ("params", "param_names")}


class _Heat:
    """One training on the side: of a candidate, or of the run as it is."""

    def __init__(
        self,
        guard: "Guard",
        judge: Judge,
        steps: int,
        candidate: Candidate | None = None,
        *,
        says: str = "going on as it is, to compare",
        keeps: bool = False,
    ) -> None:
        self._guard, self._judge, self._steps, self._candidate = guard, judge, steps, candidate
        self._gathered = gathered(guard)
        self._says, self._keeps = says, keeps
        self.score = Score(failed="not tried")
        self.early: Score | None = None
        """What it came to after a third of its steps."""

        self.after: TrainingState | None = None
        """Where it came to, of a candidate; of the control where that is to be kept."""

        self.taken = 0
        self.often = 1
        """Steps of its own that stand for one of the run as it is."""

        self._norms: list[float] = []

    def run(self, pace: Score | None) -> "_Heat":
        """Apply the candidate, train, judge, and take it back. `pace` is what the best one came to after a third."""
        guard, candidate = self._guard, self._candidate
        names = "as it is" if candidate is None else "+".join(change.fix for _, change in candidate.fixes)
        with guard.aside(Phase.RACE, self._says, self._steps, short=names):
            if candidate is None:
                with guard.at_once():
                    score = self._train(None)
                self.score = replace(score, first_norm=self._first_norm())
                self.after = TrainingState(guard) if self._keeps and self.score.is_sound else None
            else:
                self._run(candidate, pace)
        return self

    def _run(self, candidate: Candidate, pace: Score | None) -> None:
        guard = self._guard
        if candidate.fresh:
            guard.to_first_weights()
        if candidate.best:
            guard.to_best_weights()
        try:
            candidate.apply(guard)
            guard.follow_controls()
            with guard.at_once():
                score = self._train(pace)
            self.score = replace(score, first_norm=self._first_norm())
            self.after = TrainingState(guard) if self.score.is_sound else None
        except StoreError:  # another kernel has taken the run over
            raise
        except (AutofixError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            self.score = Score(failed=f"{type(error).__name__}: {error}")
        finally:
            guard.optimizer.zero_grad(set_to_none=True)
            candidate.undo(guard)

    def _train(self, pace: Score | None) -> Score:
        """Take the steps as the loop would, and return what they came to."""
        guard, stepper, bad = self._guard, self._guard.stepper, 0
        if isinstance(guard.train_source, GuardedLoader):
            guard.train_source.reshuffled_from = 0 if guard.controls.reshuffle else None
        self.often = max(1, self._gathered // gathered(guard))
        steps = self._steps * self.often
        waiting = training_batches(guard, steps * gathered(guard))
        for number in range(steps):
            guard.heed(number)
            if self._candidate is not None and number == steps // 3:
                self.early = self._judge()
                if pace is not None and _is_far_behind(self.early, pace):
                    return Score(failed=f"far behind after {number} steps ({score_of(self.early)})")
            parts = list(itertools.islice(waiting, stepper.accumulate))
            if not parts:
                break
            attempt = self._attempt(parts)
            if len(self._norms) < FIRST_NORMS:
                self._norms.append(attempt.norm)
            if attempt.fine:
                _, stepped = stepper.take(attempt, guard.step_count + self.taken)
                if stepped and guard.each_step and guard.scheduler is not None:
                    with suppress(ValueError):  # a one-cycle schedule is over: the rate stays where it ended
                        guard.scheduler.step()
                self.taken += 1
                continue
            stepper.optimizer.zero_grad(set_to_none=True)
            stepper.before.restore_buffers()
            bad += 1
            if attempt.error is not None or bad > BAD_STEPS:
                why = f"{type(attempt.error).__name__}: {attempt.error}" if attempt.error else "the numbers went bad"
                return Score(failed=f"{why} after {self.taken} steps")
        stepper.optimizer.zero_grad(set_to_none=True)
        return self._judge()

    def _first_norm(self) -> float:
        known = [norm for norm in self._norms if not isnan(norm)]
        return max(known, default=nan)

    def _attempt(self, parts: list[Any]) -> Attempt:
        """Run the batches of one step forward and backward."""
        guard, stepper = self._guard, self._guard.stepper
        attempt = Attempt()
        for place, data in enumerate(parts):
            stepper.before.take()
            data = structure.to_device(data, stepper.device)
            attempt = guard.window.pieces(data, guard.objective, 1.0 / len(parts), first=place == 0).read()
            if not attempt.fine:
                break
        return attempt


def _by_loss(guard: "Guard", judge: Judge, candidates: Sequence[Candidate]) -> dict[str, Score]:
    """Return what the control came to by each other loss that a candidate puts in the place of the present one."""
    present = guard.controls.loss
    scores = {}
    for name in dict.fromkeys(one.loss for one in candidates if one.loss is not None and one.loss != present):
        guard.controls.loss = name
        scores[name] = judge()
    guard.controls.loss = present
    return scores


def _is_far_behind(score: Score, pace: Score) -> bool:
    """Tell whether a candidate is so far behind the best one after as many steps that the rest would be wasted."""
    if not score.is_sound:
        return True
    behind = score.loss - pace.loss > FAR_BEHIND * abs(pace.loss)
    return behind and not score.goal > pace.goal if score.higher_is_better else behind
