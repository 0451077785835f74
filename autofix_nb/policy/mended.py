"""The rate of a mended run: asked for when the mend has proved itself, and again at the half and the last quarter.

A rate was chosen for the run as it was before. A loss without its sum, features of usual size, units that are alive:
each wants another one. It is found out in races, beside the run as it is; where nobody wins, the run goes on from where
that came to, so that a race costs the steps of those that lost alone. What a few steps show of a lower rate is that
noise falls with it, which is no reason to be slow from then on (Wu et al. 2018, Understanding Short-Horizon Bias in
Stochastic Meta-Optimization): it is offered where the loss does not fall any more, or the end is near.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autofix_nb.detectors.life import TREND, trend
from autofix_nb.finding import Finding
from autofix_nb.policy.candidates import Candidate, Offers
from autofix_nb.policy.naming import raced_unasked
from autofix_nb.policy.races import LEAST_STEPS, MOST_STEPS, Race
from autofix_nb.policy.verdict import FEW_BATCHES, best_of, is_surely_lower
from autofix_nb.policy.winning import quicker, winner_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

LATER = (0.5, 0.75)
"""Shares of the run at which it is asked again."""

SHARE = 0.6
"""Share of the extra steps that are left which one asking may take, where that is enough; the others are for the next
one, or a longer training."""

OF_THE_REST = 0.5
"""Share of the run's own steps to come that a candidate is watched at most: what wins must have time to show."""

FEWEST_LOSSES = 100
"""Losses below which their trend is not judged."""

SURELY = 0.02
"""Share of its loss by which a usual optimizer or a lower rate must come out lower, beyond chance: either does little
harm. Of a higher rate more is asked."""

EPOCHS = 2
"""Epochs in a row without a better goal after which smaller steps may be what is wanted."""

CLEARLY = 0.01
"""Share of its loss by which an epoch must be below all before it to count as a better one, whatever its goal says."""

NO_WORSE = 1.02
"""How many times the loss of the control a usual optimizer may come to where the run knows nothing yet."""

PACE = 1.6
"""How many times as far as the control another rate must bring the loss down to win by its pace, where nothing else
tells: a mended run that would need several times its steps is lost as surely as a sick one. A higher rate has settled
by then, so that its noise is no reason to ask for more."""

MOVES = 0.02
"""Share of its loss by which a control that knows nothing gets on all the same."""


def ask_again(policy: "Policy", finding: Finding, run: Any) -> None:
    """Race the rate of a run whose fault was mended, once that has proved itself."""
    if not policy.races.asked:
        policy.races.mended = finding.to_dict()
        policy.races.asked = _stage(run)
        _ask(policy, finding, run, policy.races.asked)


def ask_later(policy: "Policy", run: Any) -> None:
    """Race the rate of a mended run once more, where the next time for it has come.

    In the last quarter, where there are no steps to race it with, the loss may come to a stand later on.
    """
    stage = _stage(run)
    if stage > policy.races.asked and hasattr(run, "race"):
        done = _ask(policy, Finding.from_dict(policy.races.mended), run, stage)
        policy.races.asked = stage if done or stage <= len(LATER) else stage - 1


def _stage(run: Any) -> int:
    return 1 + sum(run.step_count >= share * _end_of(run) for share in LATER)


def _end_of(run: Any) -> float:
    facts = run.history.facts
    return float(facts.get("ends_at") or facts.get("planned_steps") or 0)


def _ask(policy: "Policy", finding: Finding, run: Any, stage: int) -> bool:
    """Race the rate, or let it come down where there is nothing to race it with; returns whether either was done."""
    is_last = stage > len(LATER)
    lower = is_last or _stands(run, at_times=True)
    offers = Offers(run=run, may=policy.may, seen=set(policy.races.tried))
    candidates = offers.of_the_rate(lower=lower)
    if is_last:
        candidates = [one for one in candidates if one.fixes[0][1].fix == "scale_lr" and not _is_higher(one)]
    # The steps of the winner, or of the control, are the run's own, where steps count at all.
    free = run.may_go_on
    last = list(candidates)
    left, to_come, steps = policy.races.left(run.history), _end_of(run) - run.step_count, 0
    while candidates:
        tried = len(candidates) + (not free)
        steps = int(min(max(SHARE * left, LEAST_STEPS * tried), left) / tried)
        steps = int(min(steps, OF_THE_REST * to_come, MOST_STEPS))
        if steps >= LEAST_STEPS:
            break
        candidates.pop()
    if not candidates:
        comes_down = is_last and bool(last) and _stands(run)
        if comes_down:
            _come_down(policy, finding, run, last)
        return comes_down

    def winner(race: Race) -> int | None:
        by_far = winner_of(race, learnt=False, begun=True, left=to_come)
        each = (by_far, _surely_lower(race), _usual_one(race), quicker(race, left=to_come, times=PACE))
        return next((won for won in each if won is not None), None)

    says = "the run was mended, and the rate that fits it now may be another one"
    finding = replace(finding, step=run.step_count, says=says)
    most = (len(candidates) + 1) * steps
    race = raced_unasked(policy, run, finding, candidates, steps=steps, most=most, winner=winner)
    if race is None:
        return True
    if race.best < 0:
        policy.races.spent -= run.go_on(race) if free else 0
        return True
    policy.races.spent -= run.take_over(race.raced[race.best], race)
    policy.take_note(race.raced[race.best], finding, race)
    return True


def _come_down(policy: "Policy", finding: Finding, run: Any, last: Sequence[Candidate]) -> None:
    """Lower the rate for the last quarter where no steps are left to race it: a loss that stands has little to lose."""
    for fix, change in (made for one in last for made in one.fixes):
        says = "the mended run has become no better of late, and less than a quarter of it is left"
        policy._apply(fix, change, replace(finding, step=run.step_count, says=says), run)


def _stands(run: Any, *, at_times: bool = False) -> bool:
    """Tell whether the goal has become no better of late, or `at_times`; where it is not known, whether the loss falls.

    Of this chapter: what was before the mend says nothing. A share of few rows stays the same while the loss that it
    comes from falls: that counts as better, too.
    """
    rows = [row for row in run.history.rows() if "is_best" in row]
    if len(rows) >= EPOCHS:
        better = [row["is_best"] or _is_lowest(rows[: place + 1]) for place, row in enumerate(rows)][-EPOCHS:]
        return not (all(better) if at_times else any(better))
    losses = run.history.now("loss")
    losses = losses[np.isfinite(losses)]
    return len(losses) >= FEWEST_LOSSES and trend(losses[len(losses) // 3 :], blocks=8) > -TREND


def _is_lowest(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the validation loss of the last row is clearly below those of all before it."""
    *before, now = (float(row.get("val/loss", np.nan)) for row in rows)
    return bool(before) and now < min(before) - CLEARLY * abs(min(before))


def _surely_lower(race: Race) -> int | None:
    """Return the place of the best of those that ask for little and are lower beyond chance; None where none is."""
    places = [
        place
        for place in sorted(race.trained)
        if is_surely_lower(race.scores[place], race.control, SURELY) and not _is_higher(race.raced[place])
    ]
    return places[best_of([race.scores[place] for place in places])] if places else None


def _is_higher(candidate: Candidate) -> bool:
    change = candidate.fixes[0][1]
    return change.fix == "scale_lr" and change.after["lr_scale"] > change.before["lr_scale"]


def _usual_one(race: Race) -> int | None:
    """Return the place of the usual optimizer where the run knows nothing still, and stands; None where it does.

    A rate chosen for a model that has been mended since has nothing to say for itself but what the run shows.
    """
    start, control = race.start, race.control
    ignorant = all(len(one.gains) >= FEW_BATCHES and not one.known for one in (start, control))
    if not (ignorant and control.is_sound and start.loss - control.loss < MOVES * abs(start.loss)):
        return None
    for place in sorted(race.trained):
        score, fixes = race.scores[place], race.raced[place].fixes
        if fixes[0][1].fix == "swap_optimizer" and score.is_sound and score.loss < NO_WORSE * control.loss:
            return place
    return None
