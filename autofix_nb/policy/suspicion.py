"""Suspicions: a note that may be right is looked into on the side, and something is done where that is decisive.

A run that learns a little at a rate far too high looks like one whose task is hard. Smaller steps tell them apart:
where they are worth little, the run goes on as it was, bit for bit, and nothing but the note is said. So do steps of a
usual size where those of the run are faint by now.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autofix_nb.detectors.behind import TRIED
from autofix_nb.detectors.hot import yardstick
from autofix_nb.detectors.learning import gain_of
from autofix_nb.detectors.life import median_of
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES
from autofix_nb.history import History
from autofix_nb.policy.candidates import Candidate, named
from autofix_nb.policy.races import LEAST_STEPS, Race, score_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

BEHIND = "L05"
"""Code of the suspicion that a simple model gets much farther: what is amiss is not known, so that more is tried."""

SUSPECTED = frozenset({"L01", "L02", BEHIND})
"""Codes whose notes are suspicions."""

NEWEST = 10
"""Losses whose median is the present level."""

NEAR_CHANCE = 0.8
"""Share of the loss of a constant answer from which little is known, and beginning again costs little."""

MUCH = 0.3
"""Share of the loss of wrongly paired targets from which much is known."""

MOST_LOOKS = 2
"""Suspicions of one code that are looked into in a run."""

PAUSE_SHARE = 0.1
"""Share of the planned steps after which one that came to nothing is looked into again."""

LOWER = (0.1, 0.01)
"""What the rate is multiplied by, to see what comes of smaller steps."""

TOO_FAINT = "L02"
"""Code of the suspicion that asks for larger steps."""

LARGER = 10.0
"""What the rate is multiplied by, to see what comes of these."""

COME_DOWN = 0.5
"""Share of its height below which a schedule has brought the rate down."""

SHARE_LARGER = 0.1
"""Share of the planned steps for which these are watched at most: a task that is as good as it gets pays them, too."""


def is_suspicion(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Tell whether a note is to be looked into, and may be."""
    noted = finding.code in SUSPECTED and finding.severity == Severity.NOTE and bool(finding.fixes)
    noted = noted and (finding.code != BEHIND or finding.fixes == TRIED)
    watching = any(trial.beside is not None for trial in policy.trials)
    may = policy.mode == "auto" and hasattr(run, "race") and not watching
    book, its_own = policy.races, _named(finding)
    due = book.of_code.get(its_own, 0) < MOST_LOOKS and finding.step >= book.not_before.get(its_own, 0)
    return noted and may and due and book.may_race(finding, run.history)


def may_be_tried(policy: "Policy", finding: Finding, run: Any) -> bool:
    """Tell whether a mended run is known to end too high still, and no steps are left to race anything."""
    mended = policy.mode == "auto" and policy.races.won > 0 and hasattr(run, "adopt")
    is_known = finding.code == BEHIND and finding.severity == Severity.NOTE and finding.fixes == TRIED
    return mended and is_known and policy.races.left(run.history) < 2 * LEAST_STEPS


def knows_little(run: Any) -> bool:
    """Tell whether the newest losses are near that of a constant answer or of the start, whatever was known then."""
    losses, (chance, _) = run.history.now("loss", NEWEST), yardstick(run.history)
    return bool(chance > 0) and median_of(losses) > NEAR_CHANCE * chance


def is_of_faint_steps(finding: Finding) -> bool:
    """Tell whether a finding is the suspicion that asks for larger steps."""
    return finding.code == TOO_FAINT and finding.severity == Severity.NOTE


def knows_much(run: Any) -> bool:
    """Tell whether the outputs surely know much of the targets, wherever they began, as in fine-tuning."""
    gain = gain_of(run.history)
    return gain is not None and gain.is_sure and gain.share > MUCH


def has_come_down(history: History) -> bool:
    """Tell whether a schedule has brought the rate far below its height."""
    rates = history.now("lr")
    rates = rates[np.isfinite(rates)]
    return bool(history.facts.get("scheduler")) and len(rates) > 0 and bool(rates[-1] < COME_DOWN * rates.max())


def looked_into(policy: "Policy", finding: Finding, run: Any) -> None:
    """Write down in the book of races that a suspicion is looked into now."""
    book, its_own = policy.races, _named(finding)
    book.of_code[its_own] = book.of_code.get(its_own, 0) + 1
    book.not_before[its_own] = finding.step + int(PAUSE_SHARE * float(run.history.facts.get("planned_steps") or 0))


def confirm(policy: "Policy", finding: Finding, race: Race, run: Any) -> None:
    """Say a suspicion that bore out as a warning: what a race has shown is no note any more."""
    one, control = score_of(race.scores[race.best]), score_of(race.controls[race.best])
    says = f"{finding.says}; on the side, changed, it came to {one}, as it was to {control}"
    policy.note(replace(finding, step=run.step_count, severity=Severity.WARNING, says=says))


def _named(finding: Finding) -> str:
    """Return the name of a suspicion in the book, beside that of the illness itself."""
    return f"{finding.code}?"


def smaller_steps(policy: "Policy", run: Any, *, fresh: bool) -> list[Candidate]:
    """Return the candidates: a usual optimizer, and lower rates, from here on or from the best weights where those are
    lost; and, where it is affordable (`fresh`), the usual optimizer from the first weights.

    Where little is known that one comes alone: what it is worth takes longer to show than a few steps, as weights that
    were thrown about are soon better than new ones, and never good.
    """
    usual = FIXES["swap_optimizer"]().usual(run) if policy.may("swap_optimizer") else None
    if usual is not None and fresh:
        anew = Candidate(fixes=[(FIXES["swap_optimizer"](), usual)], fresh=True)
        if knows_little(run) and named(anew) not in policy.races.tried:
            return [anew]
    best = bool(getattr(run, "has_lost_its_best", False)) and policy.may("rollback")
    found = []
    if usual is not None:
        found.append(Candidate(fixes=[(FIXES["swap_optimizer"](), usual)], best=best))
    if policy.may("scale_lr"):
        fix = FIXES["scale_lr"]()
        found += [Candidate(fixes=[(FIXES["scale_lr"](), fix.by(factor, run))], best=best) for factor in LOWER]
    return [one for one in found if named(one) not in policy.races.tried]


def larger_steps(policy: "Policy", finding: Finding, run: Any) -> list[Candidate]:
    """Return the candidates: a usual optimizer, and a higher rate, from here on."""
    usual = FIXES["swap_optimizer"]().usual(run) if policy.may("swap_optimizer") else None
    found = [] if usual is None else [Candidate(fixes=[(FIXES["swap_optimizer"](), usual)])]
    if policy.may("scale_lr"):
        fix = FIXES["scale_lr"]()
        found.append(Candidate(fixes=[(fix, fix.by(LARGER, run))]))
    return [one for one in found if named(one) not in policy.races.tried]


def held_steps(policy: "Policy", finding: Finding, run: Any) -> list[Candidate]:
    """Return the candidates: the schedule held at its height, alone and beside a usual optimizer, from here on."""
    fix = FIXES["hold_lr"]()
    held = fix.plan(finding, run) if policy.may("hold_lr") else None
    if held is None:
        return []
    usual = FIXES["swap_optimizer"]().usual(run) if policy.may("swap_optimizer") else None
    found = [Candidate(fixes=[(fix, held)])]
    if usual is not None:
        found.append(Candidate(fixes=[(FIXES["hold_lr"](), held), (FIXES["swap_optimizer"](), usual)]))
    return [one for one in found if named(one) not in policy.races.tried]
