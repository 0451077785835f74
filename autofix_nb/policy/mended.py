"""The rate of a mended run: asked for when the mend has proved itself, and again at the half and the last quarter.

A rate was chosen for the run as it was before. A loss without its sum, features of usual size, units that are alive:
each wants another one. It is found out in races, beside the run as it is; where nobody wins, the run goes on from where
that came to, so that a race costs the steps of those that lost alone. What a few steps show of a lower rate is that
noise falls with it, which is no reason to be slow from then on (Wu et al. 2018, Understanding Short-Horizon Bias in
Stochastic Meta-Optimization): it is offered where the loss does not fall any more, or the end is near.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autofix_nb.detectors.life import TREND, trend
from autofix_nb.finding import Finding
from autofix_nb.policy.candidates import Offers
from autofix_nb.policy.races import LEAST_STEPS, MOST_STEPS, Race
from autofix_nb.policy.treating import write_down
from autofix_nb.policy.verdict import FEW_BATCHES
from autofix_nb.policy.winning import winner_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

LATER = (0.5, 0.75)
"""Shares of the run at which it is asked again."""

SHARE = 0.6
"""Share of the extra steps that are left which one asking may take; the others are for the next one, or a longer
training."""

OF_THE_REST = 0.5
"""Share of the run's own steps to come that a candidate is watched at most: what wins must have time to show."""

FEWEST_LOSSES = 40
"""Losses below which their trend is not judged."""

NO_WORSE = 1.02
"""How many times the loss of the control a usual optimizer may come to where the run knows nothing yet."""

MOVES = 0.02
"""Share of its loss by which a control that knows nothing gets on all the same."""


def ask_again(policy: "Policy", finding: Finding, run: Any) -> None:
    """Race the rate of a run whose fault was mended, once that has proved itself."""
    if not policy.races.asked:
        policy.races.mended = finding.to_dict()
        policy.races.asked = _stage(run)
        _ask(policy, finding, run)


def ask_later(policy: "Policy", run: Any) -> None:
    """Race the rate of a mended run once more, where the next time for it has come."""
    stage = _stage(run)
    if stage > policy.races.asked and hasattr(run, "race"):
        policy.races.asked = stage
        _ask(policy, Finding.from_dict(policy.races.mended), run)


def _stage(run: Any) -> int:
    return 1 + sum(run.step_count >= share * _end_of(run) for share in LATER)


def _end_of(run: Any) -> float:
    facts = run.history.facts
    return float(facts.get("ends_at") or facts.get("planned_steps") or 0)


def _ask(policy: "Policy", finding: Finding, run: Any) -> None:
    lower = policy.races.asked > len(LATER) or not _falls(run)
    offers = Offers(run=run, may=policy.may, seen=set(policy.races.tried))
    candidates = offers.of_the_rate(lower=lower)
    if policy.races.asked > len(LATER):
        candidates = candidates[-1:]
    # The steps of the winner, or of the control, are the run's own, where steps count at all.
    free = getattr(run, "scheduler", None) is None and bool(run.history.facts.get("steps_per_epoch"))
    left, to_come, steps = policy.races.left(run.history), _end_of(run) - run.step_count, 0
    while candidates:
        tried = len(candidates) + (not free)
        steps = int(min(SHARE * left / tried, OF_THE_REST * to_come, MOST_STEPS))
        if steps >= LEAST_STEPS:
            break
        candidates.pop()
    if not candidates:
        return

    def winner(race: Race) -> int | None:
        won = winner_of(race, learnt=False, begun=True, left=to_come)
        return _usual_one(race) if won is None else won

    race = run.race(candidates, steps, (len(candidates) + 1) * steps, fresh=False, winner=winner)
    if race is None:
        return
    won = winner(race)
    race.best = -1 if won is None else won
    finding = replace(finding, step=run.step_count)
    policy.races.note(finding, race, won=won is not None, is_due=False)
    write_down(policy, finding, race)
    if won is None:
        policy.races.spent -= run.go_on(race) if free else 0
        return
    policy.races.spent -= run.take_over(race.raced[won], race)
    policy.take_note(race.raced[won], finding, race)


def _falls(run: Any) -> bool:
    """Tell whether the loss of this chapter still falls beyond its noise; True where that is not known."""
    losses = run.history.now("loss")
    losses = losses[np.isfinite(losses)]
    return len(losses) < FEWEST_LOSSES or trend(losses[len(losses) // 3 :], blocks=8) < -TREND


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
