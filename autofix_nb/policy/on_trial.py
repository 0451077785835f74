"""Another rate on trial, where a run is known to end too high and no steps are left to race it on the side.

The trial is the run itself, so that it costs nothing where it helps: a loss that falls, and too slowly, is given a
higher rate, one that stands a lower one. After a while it must not have fallen behind where it was; else the rate is
what it was before, and the weights go back.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.detectors.pace import pace_of
from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES
from autofix_nb.policy.candidates import LOWER, Candidate

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

HIGHER = 3.0
"""What the rate is multiplied by where the loss falls too slowly."""

HORIZON = 50
"""Steps after which it is judged, at most."""

SHARE = 0.25
"""The same as a share of the steps that are left, where that is less: there must be time to go back."""

LEAST = 20
"""Steps of a trial, at least."""

MOST = 2
"""Such trials in a run."""


def try_another_rate(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Go on at another rate, and watch what comes of it. Returns whether that was done."""
    races = policy.races
    done = races.of_code.get(_BOOK, 0)
    pace = pace_of(run.history)
    planned = float(run.history.facts.get("ends_at") or run.history.facts.get("planned_steps") or 0)
    steps = int(min(HORIZON, SHARE * (planned - run.step_count)))
    if done >= MOST or policy.trials or pace is None or steps < LEAST or not policy.may("scale_lr"):
        return False
    before = run.judge()
    if before is None or not before.is_sound:
        return False
    races.of_code[_BOOK] = done + 1
    fix = FIXES["scale_lr"]()
    chosen = Candidate(fixes=[(fix, fix.by(HIGHER if pace.falls else LOWER, run))])
    run.adopt(chosen)
    says = "it would end too high as it was, and this is judged by what comes of it"
    policy.watch(chosen, replace(finding, step=run.step_count), run.step_count + steps, before, says, rewinds=True)
    return True


_BOOK = "on trial"
