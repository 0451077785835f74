"""A finding is answered by a race: its candidates, its winner, and what is said and written of it."""

from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING, Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.policy.races import (
    FROM_THE_FIRST,
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

SLOW = frozenset({"L02"})
"""Illnesses of the pace: what helps may show after a few steps by the pace alone."""

QUICKER = 10.0
"""How many times as fast as the control a candidate must come down to win by its pace."""

AHEAD = 3.0
"""How many times as far a start that was watched may be thought on, to tell a slow one from none."""

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
    for number in range(RACES_BEFORE):
        if policy.mode != "auto" or policy.races.left(run.history) < LEAST_BEFORE:
            return
        candidates = policy.races.candidates_against(found, run, policy.may, again=number > 0)
        if not candidates or not _race(policy, _owner(run, candidates[0]), run, candidates, learnt=True):
            return
        found = [finding for finding in found if finding.code not in MENDED_AT_ONCE]


def _owner(run: Any, candidate: Candidate) -> Finding:
    return next(finding for finding in run.found_before if finding.code == candidate.code)


def _race(policy: "Policy", finding: Finding, run: Any, candidates: list[Candidate], *, learnt: bool) -> bool:
    any_fresh = any(one.fresh for one in candidates)
    steps, most = policy.races.steps_each(run.history, len(candidates), fresh=any_fresh, step=run.step_count)
    fresh = bool(candidates) and candidates[0].fresh
    race = run.race(candidates, steps, most, fresh=fresh) if candidates and steps else None
    if race is None:
        return False
    candidates = candidates[: len(race.scores)]
    winner = _winner(race, learnt=learnt)
    if winner is None and finding.code in SLOW and not learnt:
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
    return True


def _is_affordable(policy: "Policy", run: Any) -> bool:
    """Tell whether beginning again leaves steps to try something with."""
    return policy.races.left(run.history) - wasted(run.history, run.step_count) >= 40


def _winner(race: Race, *, learnt: bool) -> int | None:
    try:
        best = best_of(race.scores)
    except ValueError:
        return None
    one = race.scores[best]
    if not is_decisively_better(one, race.control, learnt=learnt):
        return None
    # Better than a control that fell apart is not enough: it must learn something, however slowly it starts.
    learns = is_decisively_better(one, race.start, learnt=False) or _gets_better(one, race.start, AHEAD)
    return best if learnt or learns else None


def _quickest(race: Race, left: float) -> int | None:
    """Return who came out best, if it came down so much faster than the control that all steps left will make it decisively better."""
    try:
        best = best_of(race.scores)  # whose training waits to be gone on with
    except ValueError:
        return None
    if not (race.control.is_sound and race.start.is_sound):
        return None
    one, control, start = race.scores[best], race.control, race.start
    faster = start.loss - one.loss > QUICKER * max(0.0, start.loss - control.loss)
    return best if faster and _gets_better(one, control, left / race.steps) else None


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
    policy.races.not_before[finding.code] = finding.step + max(100, int(PAUSE_SHARE * planned))
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
