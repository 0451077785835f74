"""What ailed a run, told by what stood in it before the mend and what the mend took away.

A race says that something helped; what was measured before it says why. A weight decay strong enough to hold a model
back, and a winner that is without it: underfitting. Weights such as no rule draws, and a winner that drew them anew, or
answers that knew nothing until other activations or a normalisation let signals through: vanishing gradients, which in
so many layers need not be small enough in any one step to be told by their size.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autofix_nb.detectors.life import held_back, largest_update, median_of
from autofix_nb.detectors.weak_signals import HEARD
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes.anatomy import SATURATING
from autofix_nb.fixes.tracing import anatomy_of
from autofix_nb.history import History
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.races import Race, score_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

LET_THROUGH = frozenset({"swap_activations", "insert_norm"})
"""Fixes that let signals and gradients through layers that they came to nothing in."""

OF_GRADIENTS = frozenset({"G01", "G02", "G03", "G04", "G07"})
"""Findings that name already what was wrong with signals or gradients."""

THROWN = 0.4
"""Share of the weights that one step changed, above which the rate spoilt them and not how they were drawn."""

ALIKE = 0.05
"""Spread of the answers across rows, over their size, below which hardly anything of the inputs comes through."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What stood in the run before the winner of a race was taken over."""

    decay: str
    """A weight decay strong enough to hold a model back, in words; empty where there is none."""

    odd: dict[str, float]
    """Weights such as no rule draws, with how many times the usual size they have."""

    thrown: bool
    """Whether a step replaced the weights."""

    spread: float
    """Standard deviation of the answers across rows, over their size; NaN where unknown."""

    deaf: str
    """A recurrent layer that heard nothing of the beginning of its sequences each time it was looked at, or nothing."""


def standing_before(history: History) -> Standing:
    """Return what stands in a run now that may have ailed it."""
    return Standing(
        decay=next((one for one in held_back(history) if "decay" in one), ""),
        odd=dict(history.facts.get("odd_weights") or {}),
        thrown=largest_update(history) > THROWN,
        spread=median_of(history.now("output_spread", 10)),
        deaf=next(filter(lambda name: _is_deaf(history, name), history.facts.get("recurrent") or ()), ""),
    )


def _is_deaf(history: History, name: str) -> bool:
    reach = history.now(f"reach/{name}")
    reach = reach[np.isfinite(reach)]
    return len(reach) > 1 and bool(reach.max() < HEARD)


def name_by_what_stood(policy: "Policy", chosen: Candidate, race: Race, run: Any, before: Standing) -> None:
    """Note the illness that was measured before and is gone with the winner, where it was not named yet."""
    named = {change.fix for _, change in chosen.fixes}
    control, one = race.controls[race.best], race.scores[race.best]
    said = policy.ignore | {finding.code for finding in policy.findings}
    if before.decay and named & {"regularise", "swap_optimizer"} and "L05" not in said:
        _note(policy, run, race, "L05", "Underfitting", f"{before.decay}, and without it", Severity.WARNING)
    if said & OF_GRADIENTS or not control.is_sound or control.known:
        return
    if before.odd and "reinitialise" in named:
        name, times = max(before.odd.items(), key=lambda item: max(item[1], 1 / max(item[1], 1e-9)))
        passes = times > 1 and not any(site.kind in SATURATING for site in anatomy_of(run).sites if site.feeds)
        code, title = ("G01", "Exploding gradients") if passes else ("G02", "Vanishing gradients")
        why = f"`{name}` had {times:.2g} times the size that weights are drawn with at most or at least, and drawn anew"
        _note(policy, run, race, code, title, why, Severity.WARNING)
    elif before.deaf and "reinitialise" in named:
        why = f"nothing of the beginning of a sequence reached the last state of `{before.deaf}`, and drawn anew"
        _note(policy, run, race, "G02", "Vanishing gradients", why, Severity.WARNING)
    elif named & LET_THROUGH and not before.thrown and (one.known or before.spread < ALIKE):
        why = "the answers knew nothing of the targets until signals came through all layers: then"
        _note(policy, run, race, "G02", "Vanishing gradients", why, Severity.NOTE)


def _note(policy: "Policy", run: Any, race: Race, code: str, title: str, why: str, severity: Severity) -> None:
    control, one = race.controls[race.best], race.scores[race.best]
    policy.note(
        Finding(
            code=code,
            title=title,
            severity=severity,
            step=run.step_count,
            measured=one.loss,
            limit=control.loss,
            says=f"known by what helped: {why} it came to {score_of(one)} in {race.steps} steps, as it was to "
            f"{score_of(control)}",
        )
    )
