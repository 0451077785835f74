"""A run's report in all its forms."""

import json
from typing import Any

from autofix_nb.journal import plain
from autofix_nb.report.html import to_html, to_page
from autofix_nb.report.text import to_text


class Report:
    """A run's report: text when printed, HTML in a notebook, a dict for programs."""

    def __init__(self, facts: dict[str, Any], picture: bytes | None, samples: dict[str, bytes] | None = None) -> None:
        self.facts = facts
        self.picture = picture
        """A PNG, or None where nothing was recorded."""

        self.samples = samples or {}
        """PNGs of samples set aside, by the names of their files in the run's `quarantine` folder."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything that the report says, as plain values."""
        return self.facts

    def to_json(self) -> str:
        """Return the same as JSON; NaN and infinities are text."""
        return json.dumps(plain(self.facts), indent=2, ensure_ascii=False, allow_nan=False)

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        return to_page(self.facts, self.picture, self.samples)

    def __str__(self) -> str:
        return to_text(self.facts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return to_html(self.facts, self.picture, self.samples)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}
