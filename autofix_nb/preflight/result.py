"""What `preflight` returns: the report, and the changes that it could make."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from autofix_nb.checks import Asked
from autofix_nb.errors import ConfigurationError
from autofix_nb.finding import Finding
from autofix_nb.journal import plain
from autofix_nb.preflight.applying import Applied, Planned
from autofix_nb.report.preflight import to_html, to_page, to_text


class Preflight:
    """A report: HTML in a notebook, text when printed, a dict for programs. Nothing was changed to make it."""

    def __init__(
        self,
        facts: dict[str, Any],
        asked: Sequence[Asked],
        pictures: Mapping[str, Sequence[tuple[str, bytes]]],
        planned: Sequence[Planned],
        train: Any = None,
        val: Any = None,
    ) -> None:
        self.facts = facts
        self.train, self.val = train, val
        """The loaders that were looked at: the ones given, or those made from a data set or a table."""

        self.pictures = dict(pictures)
        """PNGs by the code of the check that they belong to, each with its title."""

        self.asked = tuple(asked)
        self._planned = tuple(planned)

    @property
    def findings(self) -> list[Finding]:
        """Everything found, worst first."""
        return sorted((one for asked in self.asked for one in asked.findings), key=lambda finding: -finding.severity)

    @property
    def verdict(self) -> str:
        """`clean`, `warnings` or `errors`."""
        return str(self.facts["verdict"])

    @property
    def exit_status(self) -> int:
        """0 when clean, 1 with warnings, 2 with errors: what a script ends with."""
        return int(self.facts["exit_status"])

    @property
    def ready(self) -> bool:
        """Whether no error was found."""
        return self.verdict != "errors"

    def plan(self) -> list[str]:
        """Return what `apply` would do, a sentence each; nothing is done."""
        return [f"{one.change.fix} for {one.finding.code}: {one.change.says}." for one in self._planned]

    def apply(self, only: Sequence[str] | str | None = None) -> Applied:
        """Do what can safely be done to the very loaders, loss and optimizer that were looked at, and say what.

        `only` names the fixes wanted, by default all of `plan`. What is returned can `undo` them. The run that follows
        notes each in its journal. A data set or a table was looked at through a loader made for it: train
        with that one, `report.train`, to train with the changes.

        Raises:
            ConfigurationError: when `only` names a fix that is not planned.
        """
        names = [one.change.fix for one in self._planned]
        wanted = names if only is None else [only] if isinstance(only, str) else list(only)
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ConfigurationError(
                f"`only` names {unknown[0]!r}, which is not planned; wanted some of {names or 'nothing: no fix fits'}"
            )
        return Applied([one for one in self._planned if one.change.fix in wanted]).apply()

    def to_dict(self) -> dict[str, Any]:
        """Return everything that the report says, as plain values."""
        return self.facts

    def to_json(self) -> str:
        """Return the same as JSON; NaN and infinities are text."""
        return json.dumps(plain(self.facts), indent=2, ensure_ascii=False, allow_nan=False)

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        return to_page(self.facts, self.pictures)

    def __str__(self) -> str:
        return to_text(self.facts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return to_html(self.facts, self.pictures)
