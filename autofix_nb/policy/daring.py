"""The best guess on trial, where a run is surely dead: it has nothing to lose, and no race could tell what helps.

A few steps on the side do not show what learns slowly at first. Where a run is at the level of chance, for so long or
in such a way that a critical finding says so, and no candidate was decisively better, the most thorough remedy is put
to work once, and must show within a stated number of steps that something is learnt; else it is undone.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.policy.candidates import Candidate, Offers
from autofix_nb.policy.races import Race, has_learnt, wasted
from autofix_nb.policy.verdict import best_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

LEAST_STEPS = 100
"""Steps after which it must have learnt something, at least."""

SHARE = 0.2
"""The same as a share of the planned steps, where that is more."""

WORSE = 1.02
"""How many times the loss of the control a guess may come to in its race: its first steps move the weights about."""


def is_at_a_dead_end(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Tell whether the run is surely dead, no change is being watched, and nothing was dared yet."""
    may = policy.mode == "auto" and not policy.races.dared and hasattr(run, "adopt")
    watching = any(trial.beside is not None for trial in policy.trials)
    dead = finding.severity >= Severity.CRITICAL and run.step_count > 0
    return may and dead and not watching and not has_learnt(run.history)


def dare_after(policy: "Policy", finding: Finding, run: Any, race: Race) -> bool:
    """Go on with the best guess of a race that nobody won. Returns whether there was one."""
    limit = WORSE * race.control.loss
    places = [
        place for place in sorted(race.trained) if race.scores[place].is_sound and race.scores[place].loss < limit
    ]
    # What mends most at once is the best guess, then a usual optimizer; of several the one that came lowest.
    usual = [place for place in places if race.raced[place].fixes[-1][1].fix == "swap_optimizer"]
    thorough = [place for place in places if race.raced[place].resort] or usual or places
    if not thorough:
        return False
    race.best = thorough[best_of([race.scores[place] for place in thorough])]
    chosen = race.raced[race.best]
    policy.races.spent += wasted(run.history, run.step_count) if chosen.fresh else 0
    policy.races.spent -= run.take_over(chosen, race)
    _watch(policy, finding, run, chosen, race.controls[race.best])
    return True


def dare(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Make the most thorough changes where no steps are left to race them. Returns whether there were any."""
    offers = Offers(run=run, may=policy.may, seen=set(), fresh_is_affordable=policy.may("restart"))
    guesses = [one for one in offers.against(finding, learnt=False) if one.resort]
    if not guesses:
        return False
    before = run.judge()
    run.adopt(guesses[0])
    _watch(policy, finding, run, guesses[0], before)
    return True


def _watch(policy: "Policy", finding: Finding, run: Any, chosen: Candidate, before: Any) -> None:
    planned = float(run.history.facts.get("planned_steps") or 0)
    policy.races.dared = True
    says = "nothing was surely better, and there is nothing to lose"
    finding = replace(finding, step=run.step_count)
    horizon = max(LEAST_STEPS, int(SHARE * planned))
    policy.watch(chosen, finding, finding.step + horizon, before, says, must_gain=True)
