"""Asks the checks, each once, and keeps what came of it."""

import time
from dataclasses import dataclass

from autofix_nb.checks.base import Answer, Check
from autofix_nb.errors import AutofixError
from autofix_nb.evidence import Subject
from autofix_nb.finding import Finding, NotApplicable, Severity

LEAST_SECONDS = 0.1
"""Seconds that must be left for a check that takes its time to be begun."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One check that was asked: its answer, or why there is none."""

    check: Check
    answer: Answer | None = None
    why_not: str = ""
    """Why the question was not applicable; empty where there is an answer."""

    broke: Exception | None = None
    """An error of the check's own, which is nobody's fault but ours; the report says so and goes on."""

    seconds: float = 0.0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, worst first."""
        return self.answer.findings if self.answer else ()

    @property
    def severity(self) -> Severity | None:
        """The worst severity found; None where nothing was."""
        return max((finding.severity for finding in self.findings), default=None)


def ask(check: Check, subject: Subject) -> Asked:
    """Ask one check. Nothing that it raises gets out."""
    began = time.perf_counter()
    answer, why_not, broke = None, "", None
    try:
        _have_what_it_needs(check, subject)
        answer = check.look(subject)
    except (NotApplicable, AutofixError) as reason:  # both say in words why there is no answer
        why_not = str(reason)
    except Exception as error:  # noqa: BLE001 - a report with one answer less is better than none
        why_not, broke = f"this check itself failed, please report it: {type(error).__name__}: {error}", error
    return Asked(check=check, answer=answer, why_not=why_not, broke=broke, seconds=time.perf_counter() - began)


def _have_what_it_needs(check: Check, subject: Subject) -> None:
    if check.deep and not subject.deep:
        raise NotApplicable("asked with `deep=True` only")
    given = {
        "model": subject.original,
        "train": subject.train,
        "val": subject.val,
        "optimizer": subject.optimizer,
    }
    for name in sorted(check.needs):
        if given[name] is None:
            raise NotApplicable(f"no `{name}` was given")
    if check.takes_time:
        subject.clock.need(LEAST_SECONDS, "this check")
