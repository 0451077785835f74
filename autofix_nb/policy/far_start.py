"""Numbers that the model begins far from: targets in units of their own, or answers far wider than the targets.

Targets of 25 to 346 are no illness where the rate is made for them, and at a usual rate the whole run goes by on the
way there: its loss falls at each step, and nothing looks wrong. What tells both apart is how far the run gets as it is.
So before the first step the remedy is tried beside it, and taken only where the way, thought on kindly, would take a
large part of the run. Answers grow towards far targets ever faster at first (layers grow together, so with the square
of the steps or quicker, measured); too wide ones come down by the same share in each stretch, or slower.
"""

from dataclasses import replace
from math import isfinite, log
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.evidence.chance import quietly
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.answers import Answers, answers
from autofix_nb.fixes.scale_targets import FAR, distance_power
from autofix_nb.objective import total_loss, treated
from autofix_nb.policy.candidates import Candidate, named
from autofix_nb.policy.naming import name_by_its_gradients, name_by_what_the_control_did, raced_unasked
from autofix_nb.policy.races import LEAST_STEPS, Race
from autofix_nb.policy.verdict import Score, best_of, is_decisively_better

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

WIDE = 3.0
"""How many times as wide as the targets the first answers must be to begin with narrower ones."""

SHARE = 1 / 12
"""Share of the planned steps for which each is watched: a healthy run pays them, too."""

MOST_STEPS = 100
"""And for at most so many steps."""

LONG = 0.4
"""Share of the run that the way towards far targets would take as it is, from which it is too long."""

LONG_DOWN = 0.25
"""The same of the way down of answers that are too wide: they come down ever more slowly."""

STILL_ABOVE = 2.0
"""How many times the loss of a constant answer such a run must be at still, after its steps on the side."""

FAR_ABOVE = 100.0
"""How many times that loss is too far, however fast it falls: tiny targets lie below what one step changes."""

FEWEST_ROWS = 4
"""Targets of one batch below which nothing is said of their spread."""

MOST_WAYS = 2
"""Ways that are tried, so that steps are left for what else may ail the run."""


def treat_far_start(policy: "Policy", run: Any) -> None:
    """Before the first step: bring answers and targets together, where the run as it is would be long on its way."""
    planned = int(run.history.facts.get("planned_steps") or 0)
    if policy.mode != "auto" or policy.races.left(run.history) < 2 * LEAST_STEPS:
        return
    if run.task is None or run.task.kind != "regression" or _rate_rises(run):
        return
    asked = answers(run)
    if asked is None or not asked.targets.is_floating_point() or distance_power(run, asked) is None:
        return
    wide = _are_too_wide(asked)
    finding = _finding(asked, wide=wide)
    candidates = _ways(policy, run, finding, wide=wide) if finding is not None else []
    left = policy.races.left(run.history)
    candidates = candidates[: left // LEAST_STEPS - 1]
    if not candidates:
        return
    steps = min(max(int(SHARE * planned), LEAST_STEPS), MOST_STEPS, left // (len(candidates) + 1))
    constant = _of_a_constant(run, asked) if wide else None

    def winner(race: Race) -> int | None:
        return nearer(race, planned=planned, constant=constant)

    most = (len(candidates) + 1) * steps
    race = raced_unasked(policy, run, finding, candidates, steps=steps, most=most, winner=winner)
    if race is None or race.best < 0:
        return
    policy.note(finding)
    chosen = race.raced[race.best]
    policy.races.spent -= run.take_over(chosen, race)
    policy.take_note(chosen, replace(finding, step=run.step_count), race)
    name_by_what_the_control_did(policy, race, run)
    name_by_its_gradients(policy, race, run)


def nearer(race: Race, *, planned: float, constant: float | None = None) -> int | None:
    """Return the place of the best of those that spare the run a long way; None where it is not long.

    `constant`, the loss of a constant answer, says that answers have to come down (by shares), and not to grow (with
    the square of the steps).
    """
    falls, control = constant is not None, race.control
    if falls and control.is_sound and not control.loss > STILL_ABOVE * constant:
        return None
    limit = (LONG_DOWN if falls else LONG) * planned
    if falls and control.is_sound and control.loss > FAR_ABOVE * constant:
        limit = 0.0
    places = [
        place
        for place in sorted(race.trained)
        if is_decisively_better(race.scores[place], race.control, learnt=True)
        and steps_needed(race.start, race.control, race.scores[place].loss, race.steps, falls=falls) > limit
    ]
    return places[best_of([race.scores[place] for place in places])] if places else None


def steps_needed(start: Score, control: Score, loss: float, steps: int, *, falls: bool) -> float:
    """Return the steps after which the run as it is comes to `loss`, thought on from its first ones, kindly."""
    if not (start.is_sound and control.is_sound):
        return float("inf")
    if min(start.loss, control.loss, loss) <= 0 or not control.loss < start.loss:
        return float("inf") if not control.loss < start.loss else 0.0
    if falls:
        return steps * log(start.loss / loss) / log(start.loss / control.loss)
    way, gone = start.loss**0.5 - loss**0.5, start.loss**0.5 - control.loss**0.5
    return steps * (way / gone) ** 0.5 if way > 0 else 0.0


def _ways(policy: "Policy", run: Any, finding: Finding, *, wide: bool) -> list[Candidate]:
    found = []
    for name in ("reinitialise", "scale_targets") if wide else ("scale_targets",):
        changes = FIXES[name]().plans(replace(finding, step=1), run) if policy.may(name) else []
        for change in changes[:1]:
            one = Candidate(fixes=[(FIXES[name](), change)], code=finding.code)
            found += [one] if named(one) not in policy.races.tried else []
    return found[:MOST_WAYS]


def _finding(asked: Answers, *, wide: bool) -> Finding | None:
    """Return what is said of answers and targets that are far apart; None where they are not."""
    targets = asked.targets.float()
    mean, spread = float(targets.mean()), float(targets.std(correction=0))
    outputs = float(asked.outputs.float().std(correction=0))
    far = max(abs(mean), spread) > FAR or spread < 1 / FAR
    if targets.numel() < FEWEST_ROWS or not (isfinite(mean) and spread > 0) or not (wide or far):
        return None
    return Finding(
        code="B08",
        title="First loss far from chance",
        severity=Severity.WARNING,
        step=0,
        measured=outputs / spread if wide else max(abs(mean), spread),
        limit=WIDE if wide else FAR,
        says=f"the answers begin with the spread {outputs:.3g}, and the targets have the mean {mean:.4g} and the "
        f"spread {spread:.3g}: the way there would take a large part of the run",
        fixes=("reinitialise", "scale_targets"),
    )


def _of_a_constant(run: Any, asked: Answers) -> float:
    """Return the loss of the mean of the targets, for every row."""
    constant = asked.targets.reshape(asked.outputs.shape).float().mean(0, keepdim=True).expand_as(asked.outputs)
    with quietly():
        return float(total_loss(treated(run.task, run.controls)(constant.to(asked.outputs.dtype), asked.targets))[0])


def _are_too_wide(asked: Answers) -> bool:
    outputs, targets = asked.outputs.float(), asked.targets.float()
    return bool(outputs.std(correction=0) > WIDE * targets.std(correction=0) > 0)


def _rate_rises(run: Any) -> bool:
    """Tell whether a schedule begins below its height: what hardly moves now will later."""
    if getattr(run, "scheduler", None) is None:
        return False
    return any(
        group["lr"] < 0.99 * max(float(torch.as_tensor(group.get(name, 0.0))) for name in ("initial_lr", "max_lr"))
        for group in run.optimizer.param_groups
    )
