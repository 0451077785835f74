"""Answers made by hand: checks that look at nothing, and what they would have said."""

from typing import Any

from autofix_nb.checks import Asked, Check
from autofix_nb.finding import Severity

ERROR, WARNING, NOTE = Severity.CRITICAL, Severity.WARNING, Severity.NOTE


def check(code: str = "D01", title: str = "Something", fixes: tuple[str, ...] = ()) -> Check:
    """Return a check of that name."""

    class Made(Check):
        def look(self, subject: Any) -> Any:
            raise AssertionError("nobody looks here")

    Made.code, Made.title, Made.fixes = code, title, fixes
    return Made()


def bad(
    code: str = "D01",
    severity: Severity = WARNING,
    says: str = "3 is above 2",
    *,
    title: str = "Something",
    also: tuple[tuple[Severity, str], ...] = (),
    shared: tuple[str, ...] = (),
    fixes: tuple[str, ...] = (),
    seconds: float = 0.25,
    **details: Any,
) -> Asked:
    """Return a check that found something, and `also` more; `shared` is evidence of the answer."""
    made = check(code, title, fixes)
    findings = [made.found(says, severity=severity, **details)]
    findings += [made.found(more, severity=each) for each, more in also]
    return Asked(check=made, answer=made.bad(*findings, evidence=shared), seconds=seconds)


def fine(code: str = "D02", says: str = "2 is below 3", *, title: str = "Something", evidence: Any = ()) -> Asked:
    """Return a check that found nothing."""
    made = check(code, title)
    return Asked(check=made, answer=made.fine(says, evidence=evidence), seconds=0.125)


def skipped(code: str = "D03", why: str = "no `val` was given", *, title: str = "Something") -> Asked:
    """Return a check that could not be asked."""
    return Asked(check=check(code, title), why_not=why)


def broken(code: str = "D04", why: str = "this check itself failed", *, title: str = "Something") -> Asked:
    """Return a check that failed."""
    return Asked(check=check(code, title), why_not=why, broke=ValueError(why))


ABOUT = {
    "model": "Net",
    "parameters": 12_345,
    "train": {"samples": 1797, "looked_at": "all 1,797 samples", "kind": "table"},
    "device": "cpu",
    "seconds": 6.25,
    "budget_seconds": 60.0,
    "deep": False,
    "preset": "default",
}
