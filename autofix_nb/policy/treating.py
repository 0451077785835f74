"""A finding is answered by a race: its candidates, its winner, and what is said and written of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.detectors.behind import TRIED
from autofix_nb.detectors.learning import is_learning
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes.cap_lr import has_risen
from autofix_nb.fixes.counting import are_places
from autofix_nb.policy.broken_off import whole_or_not
from autofix_nb.policy.candidates import Candidate, Offers, in_turn
from autofix_nb.policy.daring import OF_THE_RATE, dare_after, is_at_a_dead_end
from autofix_nb.policy.known_by import name_by_what_stood, standing_before
from autofix_nb.policy.naming import (
    name_by_its_gradients,
    name_by_what_helped,
    name_by_what_the_control_did,
    write_down,
)
from autofix_nb.policy.naming_rates import name_by_smaller_steps
from autofix_nb.policy.on_trial import try_another_rate
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
from autofix_nb.policy.rare import BEFORE, hearing_the_rare
from autofix_nb.policy.suspicion import (
    BEHIND,
    SHARE_LARGER,
    confirm,
    has_come_down,
    held_steps,
    is_of_faint_steps,
    is_suspicion,
    knows_little,
    knows_much,
    larger_steps,
    looked_into,
    may_be_tried,
    smaller_steps,
)
from autofix_nb.policy.winning import (
    PACE,
    gets_on,
    quicker,
    simplest_winner,
    surely_off_a_stand,
    usual_one,
    winner_of,
)

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy


RACES_BEFORE = 3
"""Races before the first step: what two faults did to a training may show only when the first is mended."""

CIRCLES = frozenset({"L03"})
"""Findings of steps too large to stay where it was good."""

MENDED_AT_ONCE = frozenset({"B06"})
"""Findings of numbers that are not finite: over as soon as something won, since that trained with finite ones."""

SHARE_BEFORE = 0.6
"""Share of the extra steps that are left which a race before the first step may take: worse may come."""

TRIES_BEFORE = 4
"""Candidates for which the steps of such a race are to be enough."""

MOST_TRIED = 5
"""Candidates that are tried where a simple model gets farther, and nothing says why."""

OF_FAR_SCORES = ("reinitialise", "insert_norm")
"""The fixes that tell a first loss far from chance from a loss that does not fit, which comes of nothing else."""

LEAST_BEFORE = 2 * LEAST_STEPS
"""Extra steps that must be left for a race before the first step: for the run as it is, and for one candidate."""

LEAST_FOR_PLACES = 5 * LEAST_STEPS
"""And for a race about rare places, as of a mask: they are heard only after the frequent ones, so that another race is
needed later on."""

MOST_GONE = 0.75
"""Share of the planned steps after which a dead run is not begun again any more: too few would be left."""


def wants_race(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Tell whether a finding is to be answered by a race, and may be."""
    if policy.mode != "auto" or finding.severity <= Severity.NOTE or not hasattr(run, "race"):
        return False
    raced = finding.code in RACED or (finding.code in UNLEARNT and not has_learnt(run.history))
    watching = any(trial.beside is not None for trial in policy.trials)
    return raced and not watching and policy.races.may_race(finding, run.history)


def treat(policy: "Policy", finding: Finding, run: Any, *, anew: bool = True) -> bool:
    """Race what could help against a finding that was noted, and take over the winner. Returns whether one was.

    `anew` says that beginning again may be thought of. Where what was learnt was thrown away, or never came far and
    there are no steps to begin again with, other rates begin at the best weights so far.
    """
    affordable = anew and policy.may("restart") and _is_affordable(policy, run)
    has = has_learnt(run.history)
    spoils = finding.code in FROM_THE_FIRST | CIRCLES and policy.may("rollback")
    best = spoils and (has or not affordable) and getattr(run, "has_lost_its_best", False)
    learnt = has and (best or not _is_lost(finding, run))
    fresh = not learnt and finding.code in FROM_THE_FIRST and affordable
    run.starts_fresh = fresh
    with hearing_the_rare(finding, run) as hearing:
        tried = set() if hearing.begins else set(policy.races.tried)
        offers = Offers(run=run, may=policy.may, seen=tried, fresh=fresh, fresh_is_affordable=affordable, best=best)
        candidates = offers.against(finding, learnt=learnt)
        # A range test may have taken the steps for beginning again.
        spent = affordable and any(one.fresh for one in candidates) and not _is_affordable(policy, run)
        if not spent:
            hearing.won = _race(policy, finding, run, candidates, learnt=learnt)
            return hearing.won
    return treat(policy, finding, run, anew=False)


def look_into(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Race smaller or larger steps against a run that is only suspected; returns whether they were taken over."""
    if not is_suspicion(policy, finding, run):
        return may_be_tried(policy, finding, run) and try_another_rate(policy, finding, run)
    looked_into(policy, finding, run)
    if is_of_faint_steps(finding):
        longest = int(SHARE_LARGER * float(run.history.facts.get("planned_steps") or 0))
        learnt = has_learnt(run.history) or knows_much(run)
        # What is raised beside a schedule that comes down would soon be low again.
        makes = held_steps if has_come_down(run.history) else larger_steps
        candidates = makes(policy, finding, run)
        return _race(policy, finding, run, candidates, learnt=learnt, longest=longest)
    fresh = policy.may("restart") and _is_affordable(policy, run)
    learnt = not knows_little(run)
    if finding.code == BEHIND:
        fresh = fresh and not learnt
        run.starts_fresh = fresh
        tried = set(policy.races.tried)
        offers = Offers(run=run, may=policy.may, seen=tried, fresh=fresh, fresh_is_affordable=fresh)
        candidates = offers.against(finding, learnt=learnt)
        if not learnt:
            return _race(policy, finding, run, candidates, learnt=False)
        # What ails it is not known yet: as many steps are left for when it is.
        candidates = candidates[:MOST_TRIED]
        longest = policy.races.left(run.history) // 2 // (len(candidates) + 1)
        return _race(policy, finding, run, candidates, learnt=True, longest=longest)
    candidates = smaller_steps(policy, run, fresh=fresh)
    return _race(policy, finding, run, candidates, learnt=learnt)


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
    found = causes_first(found)
    planned = int(run.history.facts.get("planned_steps") or 0)
    if policy.races.left(run.history) < LEAST_FOR_PLACES and are_places(run):
        found = [finding for finding in found if finding.code != BEFORE]
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
            rare = next((one for one in found if one.code == BEFORE), first)
            with hearing_the_rare(rare, run) as hearing:
                hearing.won = _race(policy, first, run, candidates, learnt=True, longest=planned // 8)
            if not hearing.won:
                return
        found = [finding for finding in found if finding.code not in MENDED_AT_ONCE]


def causes_first(found: Sequence[Finding]) -> list[Finding]:
    """Return findings with a first loss far from chance last: what is fed in unscaled comes out far too large."""
    return sorted(found, key=lambda finding: finding.code == "B08" and tuple(finding.fixes) == OF_FAR_SCORES)


def _race(
    policy: "Policy",
    finding: Finding,
    run: Any,
    candidates: list[Candidate],
    *,
    learnt: bool,
    longest: int = MOST_STEPS,
) -> bool:
    """Race candidates and take over the winner."""
    any_fresh = any(one.fresh for one in candidates)
    whole = would_be_cut_off(run)
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

    # A projection stands only as long as the control bears it out; that of new weights shows nothing of it.
    behind = finding.fixes == TRIED and policy.races.won > 0
    bears_out = finding.code in OF_THE_RATE or (finding.fixes == TRIED and not any_fresh)
    projected = finding.judged == "loss" and bears_out

    def win(race: Race) -> int | None:
        won = winner_of(race, learnt=learnt, begun=run.step_count > 0, left=left)
        if won is None and is_of_faint_steps(finding):
            won = surely_off_a_stand(race)
        if won is None and behind:
            # What a simple model reaches is out of its reach as it is: being quicker by much is enough.
            won = quicker(race, left=left, times=PACE)
            won = usual_one(race) if won is None else won
        return won

    def winner(race: Race) -> int | None:
        if projected and gets_on(race, left=left, limit=finding.limit):
            return None
        first = win(race)
        return first if first is None or finding.code not in OF_THE_RATE else simplest_winner(race, first, win)

    race = run.race(candidates, steps, most, fresh=candidates[0].fresh, winner=winner)
    if race is None:
        return False
    won = winner(race)
    race.best = -1 if won is None else won
    said = finding.severity > Severity.NOTE
    policy.races.note(finding, race, won=won is not None, is_due=said)
    write_down(policy, finding, race)
    if won is None:
        if is_at_a_dead_end(policy, finding, run) and dare_after(policy, finding, run, race):
            return True
        if run.step_count and said:
            _say_nothing_helps(policy, finding, run, race)
        return False
    chosen = race.raced[won]
    policy.races.spent += wasted(run.history, run.step_count) if chosen.fresh else 0
    before = standing_before(run.history)
    # Of the planned steps these are some; what a run that begins again did before is lost.
    policy.races.spent -= run.take_over(chosen, race)
    if not said:
        confirm(policy, finding, race, run)
    cause = next((one for one in run.found_before if one.code == chosen.code), finding)
    policy.take_note(chosen, replace(cause, step=run.step_count), race)
    name_by_what_helped(policy, chosen, race, run)
    name_by_what_stood(policy, chosen, race, run, before)
    name_by_what_the_control_did(policy, race, run)
    name_by_its_gradients(policy, race, run)
    name_by_smaller_steps(policy, chosen, race, run)
    return True


def _is_affordable(policy: "Policy", run: Any) -> bool:
    """Tell whether beginning again leaves steps to try something with, and most of the run to train."""
    left, gone = policy.races.left(run.history), wasted(run.history, run.step_count)
    planned = float(run.history.facts.get("planned_steps") or 0)
    if would_be_cut_off(run):
        return left - gone >= 2 * LEAST_STEPS
    return left // 2 >= LEAST_STEPS and gone <= MOST_GONE * planned


def would_be_cut_off(run: Any) -> bool:
    """Tell whether a shorter run would end before its schedule comes down; one that rose and taught nothing may."""
    scheduled = getattr(run, "scheduler", None) is not None
    return scheduled and not (has_risen(run) and not has_learnt(run.history))


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
