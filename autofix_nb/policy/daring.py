"""The best guess on trial, where a run is surely dead: it has nothing to lose, and no race could tell what helps.

A few steps on the side do not show what learns slowly at first. Where a run is at the level of chance, for so long or
in such a way that a critical finding says so, and no candidate was decisively better, the most thorough remedy is put
to work once, and must show within a stated number of steps that something is learnt; else its rate is raised, once, and
it is watched for as long again; else it is undone. What must remember over many steps, or grow out of tiny tables, sits
still at the usual rate for longer than a run lasts, and starts at ten times that rate (GRUs and embeddings, measured).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from autofix_nb.policy.candidates import HELD_BACK, MEASURED, Candidate, Offers, weights_are_to_blame
from autofix_nb.policy.races import Race, has_learnt, wasted
from autofix_nb.policy.verdict import Score, best_of, is_worse

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy
    from autofix_nb.policy.trials import Trial

OF_THE_RATE = frozenset({"L02"})
"""Findings that blame the rate alone."""

LEAST_STEPS = 100
"""Steps after which it must have learnt something, at least."""

SHARE = 0.2
"""The same as a share of the planned steps, where that is more."""

HIGHER = 10.0
"""What the rate of a guess is multiplied by that was sound and taught nothing."""

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
    # What was measured is the best guess, then what mends most at once, then a usual optimizer; of several the one that
    # came lowest.
    seen = MEASURED | set(HELD_BACK) | ({"reinitialise"} if weights_are_to_blame(run.history) else set())
    measured = [place for place in places if race.raced[place].fixes[0][1].fix in seen]
    measured = [place for place in measured if race.raced[place].resort] or measured
    usual = [place for place in places if race.raced[place].fixes[-1][1].fix == "swap_optimizer"]
    thorough = measured or [place for place in places if race.raced[place].resort] or usual or places
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
    of_the_rate = finding.code in OF_THE_RATE
    offered = offers.against(finding, learnt=of_the_rate)
    # Where the rate alone is blamed, a usual one is the guess; else what mends most at once.
    guesses = [one for one in offered if (_is_usual(one) if of_the_rate else one.resort)]
    if not guesses:
        return False
    before = run.judge()
    run.adopt(guesses[0])
    _watch(policy, finding, run, guesses[0], before)
    return True


def _is_usual(one: Candidate) -> bool:
    return [change.fix for _, change in one.fixes] == ["swap_optimizer"]


def dare_more(policy: "Policy", together: "list[Trial]", now: Score | None, run: Any, step: int) -> bool:
    """Raise the rate of a guess that taught nothing within its steps, once. Returns whether that was done.

    Not where it made things worse, and not where too few steps would be left to see what comes of it.
    """
    before, finding = together[0].beside, together[0].finding
    planned = float(run.history.facts.get("ends_at") or run.history.facts.get("planned_steps") or 0)
    horizon = horizon_of(run)
    at_work = any(trial.change.fix in ("swap_optimizer", "scale_lr") for trial in together)
    sound = now is not None and now.is_sound and not (before is not None and is_worse(now, before))
    if policy.races.raised or not at_work or not sound or planned - step < horizon:
        return False
    if not policy.may("scale_lr"):
        return False
    policy.races.raised = True
    fix = FIXES["scale_lr"]()
    chosen = Candidate(fixes=[(fix, fix.by(HIGHER, run))])
    run.adopt(chosen)
    until = step + horizon
    for trial in together:
        trial.until = until
    says = "nothing is learnt yet, and there is nothing to lose"
    policy.watch(chosen, replace(finding, step=step), until, before, says, must_gain=True)
    return True


def horizon_of(run: Any) -> int:
    """Return the steps after which a guess must have shown that something is learnt."""
    return max(LEAST_STEPS, int(SHARE * float(run.history.facts.get("planned_steps") or 0)))


def _watch(policy: "Policy", finding: Finding, run: Any, chosen: Candidate, before: Any) -> None:
    policy.races.dared = True
    says = "nothing was surely better, and there is nothing to lose"
    finding = replace(finding, step=run.step_count)
    policy.watch(chosen, finding, finding.step + horizon_of(run), before, says, must_gain=True)
