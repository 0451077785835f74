"""A finding is answered by a race: its candidates, its winner, and what is said and written of it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.detectors.exploding_gradients import ExplodingGradients
from autofix_nb.detectors.learning import is_learning
from autofix_nb.finding import Finding, Severity
from autofix_nb.policy.broken_off import whole_or_not
from autofix_nb.policy.candidates import Candidate, Offers, in_turn
from autofix_nb.policy.daring import OF_THE_RATE, dare_after, is_at_a_dead_end
from autofix_nb.policy.races import (
    FROM_THE_FIRST,
    LEAST_PAUSE,
    LEAST_STEPS,
    MOST_STEPS,
    PAUSE_SHARE,
    RACED,
    UNLEARNT,
    Race,
    has_learnt,
    score_of,
    wasted,
)
from autofix_nb.policy.winning import gets_on, winner_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy


RACES_BEFORE = 3
"""Races before the first step: what two faults did to a training may show only when the first is mended."""

MENDED_AT_ONCE = frozenset({"B06"})
"""Findings of numbers that are not finite: over as soon as something won, since that trained with finite ones."""

CURES = {
    "standardise": ("D02", "Features on very different scales"),
    "scale_pixels": ("B03", "Inputs unscaled"),
    "class_weights": ("D01", "Class imbalance"),
    "join_optimizer": ("G04", "A component does not train"),
    "unfreeze": ("G04", "A component does not train"),
    "rebalance_losses": ("G05", "Loss components out of balance"),
    "shuffle": ("D09", "Ordered and not shuffled"),
    "drop_outliers": ("D03", "Outliers"),
    "mend_output": ("B08", "The loss does not fit the outputs"),
}
"""What a fix that won against others and against going on says of the illness; `scale_lr` says it by its direction."""

ASKED_WITH = 3
"""How many times the least steps of a candidate must be left to ask for a mended run's rate; a share of them remains
for a longer training."""

EXPLODING = ExplodingGradients.severe
"""Gradient norm that counts as severe, here as there."""

TIMES_AS_LARGE = 100.0
"""How many times that of the winner it must be: losses in large units have large gradients, and are no worse for it."""

SHARE_BEFORE = 0.6
"""Share of the extra steps that are left which a race before the first step may take: worse may come."""

TRIES_BEFORE = 4
"""Candidates for which the steps of such a race are to be enough."""

LEAST_BEFORE = 2 * LEAST_STEPS
"""Extra steps that must be left for a race before the first step: for the run as it is, and for one candidate."""

MOST_GONE = 0.75
"""Share of the planned steps after which a dead run is not begun again any more: too few would be left."""


def wants_race(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Tell whether a finding is to be answered by a race, and may be."""
    if policy.mode != "auto" or finding.severity <= Severity.NOTE or not hasattr(run, "race"):
        return False
    raced = finding.code in RACED or (finding.code in UNLEARNT and not has_learnt(run.history))
    watching = any(trial.beside is not None for trial in policy.trials)
    return raced and not watching and policy.races.may_race(finding, run.history)


def treat(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Race what could help against a finding that was noted, and take over the winner. Returns whether one was."""
    learnt = has_learnt(run.history) and not _is_lost(finding, run)
    affordable = policy.may("restart") and _is_affordable(policy, run)
    fresh = not learnt and finding.code in FROM_THE_FIRST and affordable
    run.starts_fresh = fresh
    tried = set(policy.races.tried)
    offers = Offers(run=run, may=policy.may, seen=tried, fresh=fresh, fresh_is_affordable=affordable)
    return _race(policy, finding, run, offers.against(finding, learnt=learnt), learnt=learnt)


def _is_lost(finding: Finding, run: Any) -> bool:
    """Tell whether what was learnt is gone: the run is at the level of chance now, and surely ill. The best is kept."""
    dead = finding.severity >= Severity.CRITICAL and finding.code in FROM_THE_FIRST
    return dead and is_learning(run.history) is False


def treat_before(policy: "Policy", run: Any) -> None:
    """Before the first step: race what could be done about what the look before training found.

    Only what gains much is taken over: the run has not shown yet that anything ails it. Broken off in one of the
    races, it goes on with that one.
    """
    found = [finding for finding in run.found_before if finding.severity > Severity.NOTE]
    planned = int(run.history.facts.get("planned_steps") or 0)
    begun = policy.goes_on_from("before").get("number", 0)
    if begun:
        found = [finding for finding in found if finding.code not in MENDED_AT_ONCE]
    for number in range(begun, RACES_BEFORE):
        if policy.mode != "auto" or policy.races.left(run.history) < LEAST_BEFORE:
            return
        with whole_or_not(policy, run.step_count, {"when": "before", "number": number}):
            offers = Offers(run=run, may=policy.may, seen=set(policy.races.tried))
            candidates = offers.against_found(found, again=number > 0)
            if not candidates:
                return
            first = next((one for one in run.found_before if one.code == candidates[0].code), run.found_before[0])
            if not _race(policy, first, run, candidates, learnt=True, longest=planned // 8):
                return
        found = [finding for finding in found if finding.code not in MENDED_AT_ONCE]


def ask_again(policy: "Policy", finding: Finding, run: Any) -> None:
    """Race the rate of a run whose fault was mended, once: it was chosen for the run as it was before.

    A loss without its sum, features of usual size, units that are alive: each wants another rate than what ailed.
    """
    left = policy.races.left(run.history)
    planned = run.history.facts.get("ends_at") or run.history.facts.get("planned_steps") or 0
    if policy.races.asked_again or left < ASKED_WITH * LEAST_STEPS or planned - run.step_count < 2 * LEAST_STEPS:
        return
    offers = Offers(run=run, may=policy.may, seen=set())
    candidates = offers.of_the_rate()
    if candidates:
        policy.races.asked_again = True
        found = replace(finding, step=run.step_count)
        _race(policy, found, run, candidates, learnt=False, longest=left // ASKED_WITH, is_due=False)


def _race(
    policy: "Policy",
    finding: Finding,
    run: Any,
    candidates: list[Candidate],
    *,
    learnt: bool,
    longest: int = MOST_STEPS,
    is_due: bool = True,
) -> bool:
    """Race candidates and take over the winner; `is_due` tells whether an illness asks for it, so that silence lies."""
    any_fresh = any(one.fresh for one in candidates)
    whole = getattr(run, "scheduler", None) is not None
    steps, most = policy.races.steps_each(
        run.history, len(candidates), fresh=any_fresh, step=run.step_count, whole=whole
    )
    steps = min(steps, max(longest, LEAST_STEPS))
    if not run.step_count:
        most = min(most, max(int(SHARE_BEFORE * policy.races.left(run.history)), LEAST_BEFORE))
        steps = min(steps, max(most // (min(len(candidates), TRIES_BEFORE) + 1), LEAST_STEPS))
    if not candidates or not steps:
        return False
    if finding.code in FROM_THE_FIRST | OF_THE_RATE or not run.step_count:
        candidates = in_turn(candidates, most // steps - 1, only_the_rate=finding.code in OF_THE_RATE)
    left = float(run.history.facts.get("planned_steps") or 0) - run.step_count

    # A projection stands only as long as the control bears it out.
    projected = finding.code in OF_THE_RATE and finding.judged == "loss" and is_due

    def winner(race: Race) -> int | None:
        if projected and gets_on(race, left=left, limit=finding.limit):
            return None
        return winner_of(race, learnt=learnt, begun=run.step_count > 0, left=left)

    race = run.race(candidates, steps, most, fresh=candidates[0].fresh, winner=winner)
    if race is None:
        return False
    won = winner(race)
    race.best = -1 if won is None else won
    policy.races.note(finding, race, won=won is not None, is_due=is_due)
    _write_down(policy, finding, race)
    if won is None and not is_due:
        return False
    if won is None:
        if is_at_a_dead_end(policy, finding, run) and dare_after(policy, finding, run, race):
            return True
        if run.step_count:
            _say_nothing_helps(policy, finding, run, race)
        return False
    chosen = race.raced[won]
    policy.races.spent += wasted(run.history, run.step_count) if chosen.fresh else 0
    # Of the planned steps these are some; what a run that begins again did before is lost.
    policy.races.spent -= run.take_over(chosen, race)
    cause = next((one for one in run.found_before if one.code == chosen.code), finding)
    policy.take_note(chosen, replace(cause, step=run.step_count), race)
    if is_due:
        _name_by_what_helped(policy, chosen, race, run)
    _name_by_what_the_control_did(policy, race, run)
    _name_by_its_gradients(policy, race, run)
    return True


def _name_by_what_helped(policy: "Policy", chosen: Candidate, race: Race, run: Any) -> None:
    """Note the illness that the winner cures, where it was not named yet: symptoms are shared, remedies less so."""
    for _, change in chosen.fixes:
        code, title = CURES.get(change.fix, ("", ""))
        if change.fix == "scale_lr":
            up = change.after["lr_scale"] > change.before["lr_scale"]
            code, title = ("L02", "Learning rate too low") if up else ("L01", "Learning rate too high")
        if not code or code in policy.ignore or any(finding.code == code for finding in policy.findings):
            continue
        control, one = race.controls[race.best], race.scores[race.best]
        policy.note(
            Finding(
                code=code,
                title=title,
                severity=Severity.WARNING,
                step=run.step_count,
                measured=one.loss,
                limit=control.loss,
                says=f"known by what helped: with {change.fix} it came to {score_of(one)} in {race.steps} steps, "
                f"without to {score_of(control)}",
            )
        )


def _name_by_what_the_control_did(policy: "Policy", race: Race, run: Any) -> None:
    """Note that the run as it was came to numbers that are not finite, where no step of its own could show that."""
    control = race.controls[race.best]
    said = policy.ignore | {finding.code for finding in policy.findings}
    if "numbers went bad" not in control.failed or "G03" in said:
        return
    policy.note(
        Finding(
            code="G03",
            title="NaN or Inf",
            severity=Severity.WARNING,
            step=run.step_count,
            measured=float("nan"),
            limit=0.0,
            says=f"on the side, as it was, {control.failed}; what was changed trains on finite ones",
        )
    )


def _name_by_its_gradients(policy: "Policy", race: Race, run: Any) -> None:
    """Note that the gradients of the run as it was exploded, where its first steps show it and the winner's do not."""
    control, one = race.controls[race.best], race.scores[race.best]
    said = policy.ignore | {finding.code for finding in policy.findings}
    explodes = control.first_norm > EXPLODING and control.first_norm > TIMES_AS_LARGE * one.first_norm
    if "G01" in said or not explodes:
        return
    policy.note(
        Finding(
            code="G01",
            title="Exploding gradients",
            severity=Severity.WARNING,
            step=run.step_count,
            measured=control.first_norm,
            limit=EXPLODING,
            says=f"the gradient norm is {control.first_norm:.3g} within the first steps as it was (limit "
            f"{EXPLODING:g}), and {one.first_norm:.3g} with what was changed",
        )
    )


def _is_affordable(policy: "Policy", run: Any) -> bool:
    """Tell whether beginning again leaves steps to try something with, and most of the run to train."""
    left, gone = policy.races.left(run.history), wasted(run.history, run.step_count)
    planned = float(run.history.facts.get("planned_steps") or 0)
    if getattr(run, "scheduler", None) is not None:  # a schedule that is cut off never comes down
        return left - gone >= 2 * LEAST_STEPS
    return left // 2 >= LEAST_STEPS and gone <= MOST_GONE * planned


def _write_down(policy: "Policy", finding: Finding, race: Race) -> None:
    policy.journal.append(
        "race",
        code=finding.code,
        step=finding.step,
        steps=race.steps,
        taken=race.taken,
        start=race.start.to_dict(),
        control=race.control.to_dict(),
        candidates=[
            {
                "fixes": [change.fix for _, change in one.fixes],
                "fresh": one.fresh,
                "says": one.says,
                **score.to_dict(),
                "won": place == race.best,
            }
            for place, (one, score) in enumerate(zip(race.raced, race.scores, strict=True))
        ],
    )


def _say_nothing_helps(policy: "Policy", finding: Finding, run: Any, race: Race) -> None:
    planned = int(run.history.facts.get("planned_steps") or 0)
    policy.races.not_before[finding.code] = finding.step + max(LEAST_PAUSE, int(PAUSE_SHARE * planned))
    tried = ", ".join(dict.fromkeys(change.fix for one in race.raced for _, change in one.fixes))
    text = (
        f"{finding.code} {finding.title.lower()}: {len(race.raced)} changes were tried for {race.steps} steps each "
        f"({tried}), and none was decisively better than going on ({score_of(race.control)}); nothing was changed"
    )
    policy.journal.append("note", step=finding.step, code=finding.code, text=text)
    policy.say(f"{text}.")


def outcome_of(race: Race) -> str:
    """Return in words what the winner came to beside the control."""
    return (
        f"after {race.steps} steps on the side: {score_of(race.scores[race.best])}, as it was: {score_of(race.control)}"
    )
