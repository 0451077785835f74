"""What happened at which step: signs on the plots, told apart by shape and not by colour alone.

Colours are those of Okabe and Ito (2008), which colour-blind people tell apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

SIGN_COLUMNS = 40
"""Signs are so wide that a plot holds so many beside each other; those of one kind that are nearer are one."""

MOST_MARKS = 512
"""Marks of one kind that are kept; beyond, neighbours become one."""

SIGNS = {
    "found": "▲",
    "trying": "◇",
    "fixed": "◆",
    "undone": "×",
    "skipped": "■",
    "resumed": "▶",
    "saved": "●",
}
"""In the order of the key."""

DRAWN = ("saved", "skipped", "found", "trying", "fixed", "undone", "resumed")
"""In the order in which they are drawn: what matters more lies on top."""

ACROSS = frozenset({"found", "fixed", "trying", "undone", "resumed"})
"""Kinds that are a line through the plot, too: what came after them may be another training than what came before."""

VERDICTS = {"kept": "fixed", "lifted": "fixed", "still watched": "trying"}
"""Which sign a change has after its trial; what is not among them was undone, or did not help."""

LONGEST = 140
"""Letters of what the pointer is told of one thing; longer texts are cut off."""

IN_WORDS = {
    "found": "found",
    "trying": "on trial",
    "fixed": "fixed",
    "undone": "undone",
    "skipped": "skipped or set aside",
    "resumed": "resumed",
    "saved": "last save",
}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One thing that happened, or several of a kind that lie close together."""

    kind: str
    step: int
    text: str
    """What it was, in a sentence without a full stop."""

    word: str = ""
    """A word that stands beside its sign, where there is room."""

    last_step: int = -1
    count: int = 1

    @property
    def sign(self) -> str:
        """The letter that shows it."""
        return SIGNS[self.kind]

    @property
    def is_across(self) -> bool:
        """Whether it is a line through the plot, too."""
        return self.kind in ACROSS

    @property
    def says(self) -> str:
        """What the pointer is told."""
        text = self.text if len(self.text) <= LONGEST else f"{self.text[: LONGEST - 1]}…"
        if self.count == 1:
            return f"step {self.step:,}, {IN_WORDS[self.kind]}: {text}"
        return f"steps {self.step:,} to {self.last_step:,}, {IN_WORDS[self.kind]}, {self.count} times; first: {text}"

    def with_next(self, other: "Mark") -> "Mark":
        """Return this and a later one of the same kind as one."""
        last = max(self.step, self.last_step, other.step, other.last_step)
        return replace(self, last_step=last, count=self.count + other.count)


def in_columns(marks: Sequence[Mark], first: float, last: float, columns: int = SIGN_COLUMNS) -> list[Mark]:
    """Return the marks so that those of one kind do not cover each other; in the order in which kinds are drawn."""
    kept: dict[tuple[str, int], Mark] = {}
    for mark in marks:
        column = min(max(int((mark.step - first) / max(last - first, 1) * columns), 0), columns)
        key = mark.kind, column
        kept[key] = kept[key].with_next(mark) if key in kept else mark
    return sorted(kept.values(), key=lambda mark: DRAWN.index(mark.kind))
