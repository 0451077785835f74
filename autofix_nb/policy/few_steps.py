"""A run that is to take hardly any steps: all batches of an epoch are gathered for each, and it is over too soon.

Half of its steps are no budget for a race in the usual sense: of eight, four. But what is gathered is batches, and what
a race costs is batches too: beside one step of the run as it is, a candidate takes as many batches in many steps. More
steps come farther in nearly any training; so the run must also be one that gets nowhere as it is, thought on in a line.
"""

from typing import TYPE_CHECKING, Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.naming import raced_unasked
from autofix_nb.policy.races import Race
from autofix_nb.policy.winning import winner_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

FEW = 100
"""Planned steps below which a run that gathers batches is one of hardly any steps."""

FEW_AN_EPOCH = 4
"""Steps of an epoch up to which it is as good as one, where very many batches are gathered."""

VERY_MANY = 8
"""Batches gathered for a step from which that is so: two or four are gathered on purpose."""

FAR_ENOUGH = 0.7
"""Share of its first loss to which the run, thought on from its first steps, must come for that to be enough."""

TRIED = 2
"""Numbers of batches that are tried besides the run's own."""


def treat_few_steps(policy: "Policy", run: Any) -> None:
    """Before the first step: try on the side whether steps after fewer batches come farther with the same batches."""
    facts = run.history.facts
    planned, gathered = int(facts.get("planned_steps") or 0), int(facts.get("accumulate") or 1)
    by_steps = getattr(run, "scheduler", None) is not None and getattr(run, "each_step", False)
    if policy.mode != "auto" or "L02" in policy.ignore or not 0 < planned < FEW or gathered < 2 or by_steps:
        return
    few = FEW_AN_EPOCH if gathered >= VERY_MANY else 1
    if not 0 < int(facts.get("steps_per_epoch") or 0) <= few:
        return
    finding = Finding(
        code="L02",
        title="Learning rate too low",
        severity=Severity.WARNING,
        step=0,
        measured=planned,
        limit=FEW,
        says=f"the whole training is to take {planned} steps (limit {FEW}), as the gradients of {gathered} batches are "
        f"gathered for each, {facts['steps_per_epoch']} an epoch: hardly any rate gets far in so few",
        fixes=("gather_less",),
    )
    fix = FIXES["gather_less"]()
    changes = fix.plans(finding, run) if policy.may("gather_less") else []
    steps = policy.races.left(run.history) // (TRIED + 1)
    if not changes or steps < 1:
        return

    def winner(race: Race) -> int | None:
        start, control = race.start.loss, race.control.loss
        ends = start - max(0.0, start - control) * planned / race.steps
        won = winner_of(race, learnt=True, begun=False, left=planned)
        # Losses fall ever more slowly: what is as far by now as the whole run would be in a line is far ahead of it.
        gets_on = race.control.is_sound and ends < FAR_ENOUGH * start
        return None if gets_on and (won is None or ends < race.scores[won].loss) else won

    candidates = [Candidate(fixes=[(FIXES["gather_less"](), change)]) for change in changes]
    race = raced_unasked(policy, run, finding, candidates, steps=steps, most=(TRIED + 1) * steps, winner=winner)
    if race is None or race.best < 0:
        return
    policy.note(finding)
    chosen = race.raced[race.best]
    taken = run.take_over(chosen, race)
    # What was counted in steps of many batches is more of them now.
    policy.races.spent = policy.races.spent * int(run.history.facts["planned_steps"]) // planned - taken
    policy.take_note(chosen, finding, race)
