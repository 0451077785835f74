"""Rare classes that are never answered: an accuracy that was chosen for the user does not hear of them.

Where nearly all rows are of one class, never answering the others is right nearly always, and every change that makes
them heard costs some of that. So what is tried against it is judged by a goal in which a rare class counts as much as a
frequent one, and so is the run from there on, if something wins. A goal that the user named is never replaced.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autofix_nb.finding import Finding

CODES = frozenset({"L06", "L07", "L08"})
"""Findings that a class is hardly ever answered."""

BEFORE = "D01"
"""The look before training finds that one of two classes is rare; before the first step it is heard by that."""

MOSTLY = 0.8
"""Share of the validation rows of one class from which accuracy hardly hears of the others."""


@contextmanager
def hearing_the_rare(finding: Finding, run: Any) -> Iterator["Hearing"]:
    """Context in which what is tried is judged evenly, where it must be.

    Whether something won is told to what it gives: then the run is judged so from there on.
    """
    facts = run.history.facts
    hearing = Hearing(begins=not facts.get("even_goal") and _drowns(finding, run))
    if hearing.begins:
        facts["even_goal"] = True
    try:
        yield hearing
    finally:
        if hearing.begins and not hearing.won:
            del facts["even_goal"]


@dataclass
class Hearing:
    """One finding that is answered."""

    begins: bool
    """Whether rare classes are heard from here on: what was tried before that may be tried again."""

    won: bool = False


def _drowns(finding: Finding, run: Any) -> bool:
    facts, rows = run.history.facts, run.history.rows()
    usual = bool(facts.get("usual_goal")) and facts.get("goal") == "val/accuracy"
    if finding.code == BEFORE and not run.step_count:
        return usual and getattr(run.task, "classes", 0) == 2 and finding.measured <= 1 - MOSTLY
    share = float(rows[-1].get("val/majority", float("nan"))) if rows else float("nan")
    return finding.code in CODES and usual and share >= MOSTLY
