"""Words of the report that its faces share: texts made fit to print, counts, and the line about the training."""

from collections.abc import Mapping, Sequence
from typing import Any

from autofix_nb.report.sentences import duration

MARKS = {"critical": "✘", "warning": "⚠", "note": "ℹ", "fine": "✔", "not applicable": "–", "picture": "▦"}
"""Sign of each kind of row: told apart by its shape, with or without colour."""

SPOKEN = {"✘": "error", "⚠": "warning", "ℹ": "note", "✔": "fine", "–": "not applicable", "▦": "pictures"}
"""What a sign is called, for screen readers."""

JOINERS = "\u200c\u200d"
"""Invisible, and part of how some scripts and emoji are written."""


def one_line(text: Any) -> str:
    """Return text as one line that is safe to print: white space made single, control characters spelled out."""
    return _printable(" ".join(str(text).split()))


def code_lines(text: Any) -> str:
    """Return code with its line breaks and indents, and nothing else that is invisible."""
    lines = str(text).expandtabs(4).strip("\n").splitlines()
    return "\n".join(_printable(line.rstrip()) for line in lines)


def _printable(text: str) -> str:
    """A name may hold what moves a terminal's cursor, turns the reading direction, or cannot be encoded."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in JOINERS else one.encode("unicode_escape").decode() for one in text
    )


def cut(text: str, most: int) -> str:
    """Return the text, or its beginning up to the end of a word, with `…`."""
    if len(text) <= most:
        return text
    short = text[: most - 1]
    at_word = short.rsplit(" ", 1)[0]
    return f"{at_word if len(at_word) >= most // 2 else short}…"


def counted(count: int, word: str) -> str:
    """Return `1 error`, `2 errors`, `1,200 errors`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def joined(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def shortened(items: Sequence[str], most: int, count: int) -> list[str]:
    """Return the first items and, where there are more, `37 more`; `count` says how many there are in all."""
    more = count - min(len(items), most)
    return [*items[:most], *([f"{more:,} more"] if more > 0 else [])]


def about_parts(about: Mapping[str, Any]) -> list[str]:
    """Return what was looked at, a few words each; whatever is not known is left out."""
    parts = []
    if about.get("model"):
        size = about.get("parameters")
        parts.append(f"{about['model']}, {_short(size)} parameters" if isinstance(size, int) else f"{about['model']}")
    for side in ("train", "val"):
        facts = about.get(side)
        if isinstance(facts, Mapping):
            samples, looked_at = facts.get("samples"), facts.get("looked_at")
            if looked_at:
                parts.append(f"{side}: looked at {looked_at}")
            elif isinstance(samples, int):
                parts.append(f"{side}: {counted(samples, 'sample')}")
        elif isinstance(facts, int):
            parts.append(f"{side}: {counted(facts, 'sample')}")
    if about.get("device"):
        parts.append(f"on {about['device']}")
    if isinstance(about.get("seconds"), int | float):
        budget = about.get("budget_seconds")
        of = f" of {budget:g} s" if isinstance(budget, int | float) else ""
        parts.append(f"{duration(about['seconds'])}{of}")
    if about.get("deep"):
        parts.append("deep")
    if about.get("preset") not in (None, "", "default"):
        parts.append(f"preset `{about['preset']}`")
    if about.get("copied") is False:
        parts.append("the model cannot be copied, so it was looked at in place and put back")
    if about.get("environment") and isinstance(about["environment"], str):
        parts.append(about["environment"])
    return [one_line(part) for part in parts]


def _short(count: int) -> str:
    """Return `12,345`, `1.2 M`, `7.1 G`."""
    for size, unit in ((10**9, " G"), (10**6, " M")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:,}"
