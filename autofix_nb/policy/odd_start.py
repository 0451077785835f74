"""Weights that no rule draws: before the first step they are drawn anew on the side, and the run begins with what wins.

Odd weights are no illness by themselves, and many a run learns all the same, only less: gates that are shut, tables
far wider than what is read of them, gains of next to nothing. No signal of such a run looks ill for long, so that the
remedy is tried where the weights alone speak for it. It must come out clearly better than the run as it is.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.evidence.odd_parts import odd_parts
from autofix_nb.evidence.odd_weights import ONE_SIDED
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.anatomy import SATURATING
from autofix_nb.fixes.tracing import anatomy_of
from autofix_nb.policy.candidates import Candidate, named
from autofix_nb.policy.naming import name_by_its_gradients, name_by_what_the_control_did, raced_unasked
from autofix_nb.policy.races import LEAST_STEPS, Race
from autofix_nb.policy.winning import winner_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

SHARE = 1 / 12
"""Share of the planned steps for which each is watched: a healthy run pays them, too."""

MOST_STEPS = 100
"""And for at most so many steps."""

SHUTS = ("GRU", "LSTM", "RNN", "MultiheadAttention")
"""Layers, as their names have it, in which sums that are too large shut what should let through."""


TITLES = {
    "B08": "First loss far from chance",
    "G01": "Exploding gradients",
    "G02": "Vanishing gradients",
    "G07": "Dead units",
}
"""What odd weights do: answers far out, where the look before training saw them; sums that grow from layer to layer;
gates that are shut or signals that come to nothing; and what lies far below 0, from which no unit comes back."""


def treat_odd_start(policy: "Policy", run: Any) -> None:
    """Before the first step: draw odd weights anew, where that makes a clearly better beginning."""
    left, planned = policy.races.left(run.history), int(run.history.facts.get("planned_steps") or 0)
    if policy.mode != "auto" or left < 2 * LEAST_STEPS or not policy.may("reinitialise") or policy.races.won:
        return
    facts = run.history.facts
    # Small matrices are common, a last one above all, and only begin later: detectors wait for them.
    large = {name: times for name, times in (facts.get("odd_weights") or {}).items() if times > 1}
    odd = {**large, **odd_parts(run.model)}
    if not odd or facts.get("equal_weights"):
        return  # units that begin alike are another illness, which shows at once
    finding = _finding(odd, run)
    changes = FIXES["reinitialise"]().plans(replace(finding, step=1), run)[:1]  # gentlest first
    candidates = [Candidate(fixes=[(FIXES["reinitialise"](), change)], code=finding.code) for change in changes]
    candidates = [one for one in candidates if named(one) not in policy.races.tried]
    if not candidates:
        return
    steps = min(max(int(SHARE * planned), LEAST_STEPS), MOST_STEPS, left // 2)

    def winner(race: Race) -> int | None:
        return winner_of(race, learnt=race.control.known > 0, begun=False, left=float(planned))

    race = raced_unasked(policy, run, finding, candidates, steps=steps, most=2 * steps, winner=winner)
    if race is None or race.best < 0:
        return
    policy.note(finding)
    chosen = race.raced[race.best]
    policy.races.spent -= run.take_over(chosen, race)
    policy.take_note(chosen, replace(finding, step=run.step_count), race)
    name_by_what_the_control_did(policy, race, run)
    name_by_its_gradients(policy, race, run)


def _finding(odd: dict[str, float], run: Any) -> Finding:
    """Return what is said of odd weights, by the oddest of them."""
    name, times = max(odd.items(), key=lambda item: max(item[1], 1 / max(item[1], 1e-9)))
    owner = name.rpartition(".")[0]
    module = run.model.get_submodule(owner)
    shuts = any(kind in type(module).__name__ for kind in SHUTS)
    shuts |= any(site.kind in SATURATING and owner in site.sources for site in anatomy_of(run).sites)
    part = getattr(module, name.rpartition(".")[2])
    shows = times > 1 and any(one.code == "B08" for one in run.found_before)
    code = "G02" if shuts or times < 1 else "B08" if shows else "G01"
    values = part.detach().float()
    if times > 1 and not shuts and float(values.mean()) < -ONE_SIDED * float(values.square().mean().sqrt()):
        code = "G07"
    return Finding(
        code=code,
        title=TITLES[code],
        severity=Severity.WARNING,
        step=0,
        measured=times,
        limit=1.0,
        says=f"`{name}` has {times:.2g} times the size that such parameters begin with at most or at least, and drawn "
        "anew the run begins clearly better",
        where=tuple(dict.fromkeys(one.rpartition(".")[0] for one in odd)),
        fixes=("reinitialise",),
    )
