"""Fixes made before a training begins: they change the user's own loaders, loss or optimizer, in place.

The next cell, `af.fit(model, train, val, ...)` or a loop of the user's own, then trains with what was changed.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix

WayBack = Callable[[], None]


@dataclass(kw_only=True)
class Owned:
    """What the user is about to train with, the very objects; each of them may be missing."""

    model: Any = None
    train: Any = None
    val: Any = None
    loss: Any = None
    optimizer: Any = None
    evidence: Any = None
    """The `Subject` that was looked at, for numbers such as means; None measures what is needed."""

    @classmethod
    def of(cls, run: Any) -> Self:
        """Return what `run` has of it: a training that is under way lacks most."""
        return cls(**{field.name: getattr(run, field.name, None) for field in fields(cls)})


class PreparingFix(Fix):
    """Base class. A subclass writes `fit`, `do` and `touched`; the ways back are kept here."""

    purpose: ClassVar[str] = ""
    """Two fixes of the same purpose are never applied together; by default each has its own."""

    def __init__(self) -> None:
        self._ways_back: list[WayBack] = []

    @abstractmethod
    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        """Return what would be done, or None when this fix does not fit, or is done already; touches nothing."""

    @abstractmethod
    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        """Do it, and return the ways back in the order of doing; none where it is done already."""

    @abstractmethod
    def touched(self, owned: Owned) -> tuple[Any, ...]:
        """Return the objects that are changed: whoever trains with one of them should know."""

    @property
    def is_applied(self) -> bool:
        """Whether it was done by this fix, and not undone since."""
        return bool(self._ways_back)

    def plan(self, finding: Finding, run: Any) -> Change | None:
        # What a training under way has saved would no longer fit it.
        return None if finding.step else self.fit(finding, Owned.of(run))

    def apply(self, change: Change, run: Any) -> None:
        if not self._ways_back:
            self._ways_back = self.do(change, Owned.of(run))

    def undo(self, change: Change, run: Any) -> None:
        """Give loaders, loss and optimizer back what they had, newest change first."""
        for way_back in reversed(self._ways_back):
            way_back()
        self.forget()

    def forget(self) -> None:
        self._ways_back = []
