"""A finding is answered by a race: its candidates, its winner, and what is said and written of it."""

from collections.abc import Callable
from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING, Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.policy.races import (
    FROM_THE_FIRST,
    LEAST_PAUSE,
    LEAST_STEPS,
    MOST_STEPS,
    PAUSE_SHARE,
    RACED,
    UNLEARNT,
    Candidate,
    Race,
    has_learnt,
    score_of,
    wasted,
)
from autofix_nb.policy.verdict import Score, best_of, is_decisively_better

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy


RACES_BEFORE = 3
"""Races before the first step: what two faults did to a training may show only when the first is mended."""

MENDED_AT_ONCE = frozenset({"B06"})
"""Findings of numbers that are not finite: over as soon as something won, since that trained with finite ones."""

QUICKER = 10.0
"""How many times as fast as the control a candidate must come down to win by its pace: a few steps show no more, where
nothing was learnt yet."""

AHEAD = 3.0
"""How many times as far a start that was watched may be thought on, to tell a slow one from none."""

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

LEAST_BEFORE = 60
"""Extra steps that must be left for a race before the first step."""


def wants_race(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Tell whether a finding is to be answered by a race, and may be."""
    if policy.mode != "auto" or finding.severity <= Severity.NOTE or not hasattr(run, "race"):
        return False
    raced = finding.code in RACED or (finding.code in UNLEARNT and not has_learnt(run.history))
    watching = any(trial.beside is not None for trial in policy.trials)
    return raced and not watching and policy.races.may_race(finding, run.history)


def treat(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Race what could help against a finding that was noted, and take over the winner. Returns whether one was."""
    learnt = has_learnt(run.history)
    affordable = _is_affordable(policy, run)
    fresh = not learnt and finding.code in FROM_THE_FIRST and affordable
    run.starts_fresh = fresh
    candidates = policy.races.candidates(finding, run, policy.may, fresh=fresh, fresh_is_affordable=affordable)
    return _race(policy, finding, run, candidates, learnt=learnt)


def treat_before(policy: "Policy", run: Any) -> None:
    """Before the first step: race what could be done about what the look before training found.

    Only what gains much is taken over: the run has not shown yet that anything ails it.
    """
    found = [finding for finding in run.found_before if finding.severity > Severity.NOTE]
    planned = int(run.history.facts.get("planned_steps") or 0)
    for number in range(RACES_BEFORE):
        if policy.mode != "auto" or policy.races.left(run.history) < LEAST_BEFORE:
            return
        candidates = policy.races.candidates_against(found, run, policy.may, again=number > 0)
        if number:
            # A rate that was right for the data, loss or weights as they were need not be for what they are now.
            candidates += policy.races.higher_rates(run, policy.may, found[0].code if found else "")
        if not candidates:
            return
        first = next((one for one in run.found_before if one.code == candidates[0].code), run.found_before[0])
        if not _race(policy, first, run, candidates, learnt=True, longest=planned // 8):
            return
        found = [finding for finding in found if finding.code not in MENDED_AT_ONCE]


def _race(
    policy: "Policy",
    finding: Finding,
    run: Any,
    candidates: list[Candidate],
    *,
    learnt: bool,
    longest: int = MOST_STEPS,
) -> bool:
    any_fresh = any(one.fresh for one in candidates)
    steps, most = policy.races.steps_each(run.history, len(candidates), fresh=any_fresh, step=run.step_count)
    steps = min(steps, max(longest, LEAST_STEPS))
    fresh = bool(candidates) and candidates[0].fresh
    race = run.race(candidates, steps, most, fresh=fresh) if candidates and steps else None
    if race is None:
        return False
    candidates = candidates[: len(race.scores)]
    winner = _winner(race, learnt=learnt)
    if winner is None and not learnt:
        left = float(run.history.facts.get("planned_steps") or 0) - run.step_count
        winner = _quickest(race, left)
    race.best = -1 if winner is None else winner
    policy.races.note(finding, candidates, race, won=winner is not None)
    _write_down(policy, finding, candidates, race, winner)
    if winner is None:
        if run.step_count:
            _say_nothing_helps(policy, finding, run, candidates, race)
        return False
    chosen = candidates[winner]
    if chosen.fresh:
        # The steps of the winner are the first of the planned ones; those of the run so far are lost.
        policy.races.spent += wasted(run.history, run.step_count) - race.steps
    run.take_over(chosen, race)
    cause = next((one for one in run.found_before if one.code == chosen.code), finding)
    policy.take_note(chosen, replace(cause, step=run.step_count), race, run)
    _name_by_what_helped(policy, chosen, race, run)
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


def _is_affordable(policy: "Policy", run: Any) -> bool:
    """Tell whether beginning again leaves steps to try something with."""
    return policy.races.left(run.history) - wasted(run.history, run.step_count) >= 40


def _winner(race: Race, *, learnt: bool) -> int | None:
    """Return the best of those that came out decisively better than going on; None where nobody did."""

    def wins(one: Score) -> bool:
        if not is_decisively_better(one, race.control, learnt=learnt):
            return False
        # Better than a control that fell apart is not enough: it must learn something, however slowly it starts.
        return learnt or is_decisively_better(one, race.start, learnt=False) or _gets_better(one, race.start, AHEAD)

    return _best(race, wins)


def _quickest(race: Race, left: float) -> int | None:
    """Return the best of those so much faster than the control that the steps left make them decisively better."""
    control, start = race.control, race.start
    if not (control.is_sound and start.is_sound):
        return None

    def wins(one: Score) -> bool:
        faster = start.loss - one.loss > QUICKER * max(0.0, start.loss - control.loss)
        return faster and _gets_better(one, control, left / race.steps)

    return _best(race, wins)


def _best(race: Race, wins: Callable[[Score], bool]) -> int | None:
    """Return the best of the candidates that win and can be gone on with."""
    places = [place for place in sorted(race.trained) if race.scores[place].is_sound and wins(race.scores[place])]
    return places[best_of([race.scores[place] for place in places])] if places else None


def _gets_better(one: Score, than: Score, times: float) -> bool:
    """Tell whether one comes out decisively better by its loss when it goes so many times as far ahead."""
    times = max(1.0, times)
    pairs = zip(one.losses, than.losses, strict=False)
    losses = tuple(its - times * (its - mine) for mine, its in pairs)
    ahead = replace(one, goal=nan, loss=than.loss - times * (than.loss - one.loss), losses=losses)
    return is_decisively_better(ahead, replace(than, goal=nan), learnt=False)


def _write_down(
    policy: "Policy", finding: Finding, candidates: list[Candidate], race: Race, winner: int | None
) -> None:
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
                "won": place == winner,
            }
            for place, (one, score) in enumerate(zip(candidates, race.scores, strict=True))
        ],
    )


def _say_nothing_helps(policy: "Policy", finding: Finding, run: Any, candidates: list[Candidate], race: Race) -> None:
    planned = int(run.history.facts.get("planned_steps") or 0)
    policy.races.not_before[finding.code] = finding.step + max(LEAST_PAUSE, int(PAUSE_SHARE * planned))
    tried = ", ".join(dict.fromkeys(change.fix for one in candidates for _, change in one.fixes))
    text = (
        f"{finding.code} {finding.title.lower()}: {len(candidates)} changes were tried for {race.steps} steps each "
        f"({tried}), and none was decisively better than going on ({score_of(race.control)}); nothing was changed"
    )
    policy.journal.append("note", step=finding.step, code=finding.code, text=text)
    policy.say(f"{text}.")


def outcome_of(race: Race) -> str:
    """Return in words what the winner came to beside the control."""
    return (
        f"after {race.steps} steps on the side: {score_of(race.scores[race.best])}, as it was: {score_of(race.control)}"
    )
