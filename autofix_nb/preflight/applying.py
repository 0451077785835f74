"""Does what the findings before training ask for, to the very loaders, loss and optimizer, and takes it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Self

from autofix_nb.checks import Asked
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES, Change
from autofix_nb.fixes.prepared import Prepared, forget, note
from autofix_nb.fixes.preparing import Owned, PreparingFix

__all__ = ["Applied", "Owned", "Planned", "plan_changes"]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One change that could be made, the finding that asks for it, and what it would be made to."""

    finding: Finding
    fix: PreparingFix
    change: Change
    owned: Owned
    """Without the evidence: that is needed for the plan alone."""


def plan_changes(
    asked: Sequence[Asked], owned: Owned, evidence: Any = None, *, least: Severity = Severity.WARNING
) -> list[Planned]:
    """Return the first fix that fits of each finding, worst finding first, no two that do the same; touches nothing.

    `evidence` is what was measured, a `Subject` or None. Findings milder than `least` are worth knowing, and nothing
    to act upon without being asked.
    """
    seen = Owned(**vars(owned) | {"evidence": evidence})
    findings = [finding for one in asked for finding in one.findings if finding.severity >= least]
    planned: list[Planned] = []
    purposes: set[str] = set()
    for finding in sorted(findings, key=lambda one: -one.severity):
        for name in finding.fixes:
            kind = FIXES.get(name)
            if kind is None or not issubclass(kind, PreparingFix):
                continue
            if (kind.purpose or name) in purposes:
                break  # another finding asked for it already
            fix = kind()
            try:
                change = fix.plan(finding, seen)
            except Exception:  # noqa: BLE001 - a sampler or data set of the user's may raise: then nothing is planned
                change = None
            if change is not None:
                planned.append(Planned(finding=finding, fix=fix, change=change, owned=owned))
                purposes.add(kind.purpose or name)
                break
    return planned


class Applied:
    """What was changed before training, with the lines that make it permanent. `undo` takes all of it back."""

    def __init__(self, planned: Sequence[Planned]) -> None:
        self._planned = tuple(planned)
        self._done: list[tuple[Planned, Prepared]] = []

    @property
    def changes(self) -> list[Change]:
        """The changes that stand."""
        return [one.change for one, _ in self._done]

    def apply(self) -> Self:
        """Do what was planned, each once; what was done before is left as it is.

        An error undoes what this call has done, and is raised.
        """
        try:
            for one in self._planned:
                if one.fix.is_applied:
                    continue
                one.fix.apply(one.change, one.owned)
                if one.fix.is_applied:
                    prepared = Prepared(code=one.finding.code, change=one.change)
                    note(prepared, *one.fix.touched(one.owned))
                    self._done.append((one, prepared))
        except BaseException:
            self.undo()
            raise
        return self

    def undo(self) -> None:
        """Make everything as it was, the last change first."""
        while self._done:
            one, prepared = self._done.pop()
            one.fix.undo(one.change, one.owned)
            forget(prepared)

    def __len__(self) -> int:
        return len(self._done)

    def __str__(self) -> str:
        if not self._done:
            return "Nothing is changed: no finding has a fix that fits, or it was done already, or undone."
        lines = ["Changed for the training that follows (`.undo()` takes it back):"]
        for one, _ in self._done:
            lines.append(f"  {one.change.fix} for {one.finding.code}: {one.change.says}.")
            lines += [f"      {line}" for line in one.change.permanent.splitlines()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self._done:
            return f"<p>{escape(str(self))}</p>"
        rows = "".join(
            f"<li><b>{escape(one.change.fix)}</b> for {escape(one.finding.code)}: {escape(one.change.says)}."
            f'<pre style="white-space:pre-wrap;user-select:all">{escape(one.change.permanent)}</pre></li>'
            for one, _ in self._done
        )
        return (
            "<p>Changed for the training that follows (<code>.undo()</code> takes it back). "
            f"The lines make each change permanent.</p><ul>{rows}</ul>"
        )
