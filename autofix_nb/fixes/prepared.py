"""Which changes were made to a loader, loss, optimizer or model before training, for the run that follows to note.

Known by the objects themselves, and no longer than they live.
"""

import weakref
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from autofix_nb.fixes.base import Change

_numbers = count()


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """One change made before training, and the finding that asked for it."""

    code: str
    change: Change
    number: int = field(default_factory=lambda: next(_numbers))
    """Later changes have higher ones."""


_known: dict[int, tuple[weakref.ref, list[Prepared]]] = {}


def note(prepared: Prepared, *objects: Any) -> None:
    """Remember a change of these objects; None is passed over."""
    for one in objects:
        if one is None:
            continue
        place = id(one)
        if _of(one) is None:
            # The number of an object that is gone is given to others: its entry must go with it.
            _known[place] = weakref.ref(one, lambda _, place=place: _known.pop(place, None)), []
        _known[place][1].append(prepared)


def forget(prepared: Prepared) -> None:
    """The change was undone."""
    for _, noted in list(_known.values()):
        if prepared in noted:
            noted.remove(prepared)


def changes_of(*objects: Any) -> list[Prepared]:
    """Return the changes made to any of these objects, each once, oldest first."""
    found = {prepared.number: prepared for one in objects for prepared in _of(one) or ()}
    return [found[number] for number in sorted(found)]


def _of(one: Any) -> list[Prepared] | None:
    reference, noted = _known.get(id(one), (None, None))
    return noted if reference is not None and reference() is one else None
