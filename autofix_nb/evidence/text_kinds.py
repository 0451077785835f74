"""What a frame's columns of text hold: dates, numbers kept as text, few different values, or many."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from autofix_nb.evidence.tabular import column_names, is_frame

TextKind = Literal["dates", "numbers", "few", "many"]

MOST_LOOKED_AT = 200
"""Values of a column that are looked at."""

FEW = 20
"""Different values up to which each may get a column of its own."""

MOST_ODD = 0.1
"""Share of the values that may be of another form, such as `unknown` among numbers."""

_NUMBER = re.compile(r"[-+]?[$€£]?\s*[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*[%$€£]?")
_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ]\d{1,2}:\d{2}.*)?")


def text_kinds(features: Any, columns: Sequence[str]) -> tuple[TextKind, ...]:
    """Return what each of these columns of a frame holds; empty where it is no frame."""
    if not is_frame(features):
        return ()
    places = {name: place for place, name in enumerate(column_names(features))}
    return tuple(_kind(features.iloc[:, places[name]]) for name in columns)


def _kind(column: Any) -> TextKind:
    dtype = str(column.dtype)
    if dtype.startswith(("datetime", "period")):
        return "dates"
    there = column.dropna()
    said = [str(value).strip() for value in there.iloc[:MOST_LOOKED_AT]]
    if said and dtype != "category":
        for kind, form in (("numbers", _NUMBER), ("dates", _DATE)):
            if sum(form.fullmatch(value) is not None for value in said) >= (1 - MOST_ODD) * len(said):
                return kind
    return "few" if len(set(map(str, there))) <= FEW else "many"
