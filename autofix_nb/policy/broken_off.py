"""An answer that is broken off is no answer: the policy's book goes back, and the same question is asked again.

A race, or a range test, may take minutes. Where the training is to end meanwhile (a stop button, SIGTERM, a time
limit), nobody waits for it: what it would have decided, the run that goes on decides, from the very same state.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

LISTS = ("findings", "changes", "trials", "standing")
"""Lists that others look at, too: they are put back in place."""

PLAIN = ("_fired", "_silent", "_waiting", "_samples_said")


class Book:
    """What a policy has written down. Copying it costs microseconds: what it holds does not change."""

    def __init__(self, policy: "Policy") -> None:
        self._lists = {name: list(getattr(policy, name)) for name in LISTS}
        self._plain = {name: copy.copy(getattr(policy, name)) for name in PLAIN}
        self._races = {name: copy.copy(value) for name, value in vars(policy.races).items()}
        self.position = policy.journal.position
        """Number of the newest journal entry."""

    def is_after_a_change(self, policy: "Policy") -> bool:
        """Tell whether something was changed since: that is written down, and stays."""
        return len(policy.changes) != len(self._lists["changes"]) or policy.standing != self._lists["standing"]

    def put_back(self, policy: "Policy") -> None:
        """Make the book what it was. The journal keeps its lines; `Journal.lasting` leaves them out."""
        for name, kept in self._lists.items():
            getattr(policy, name)[:] = kept
        for name, value in self._plain.items():
            setattr(policy, name, value)
        policy.races.restore(self._races)


@contextmanager
def whole_or_not(policy: "Policy", step: int, place: dict[str, Any] | None = None) -> Iterator[None]:
    """Do what follows whole or not at all. Broken off, `policy.broken_off` is `place`: where to begin again.

    Only for what is no `Exception`: the end of the training was asked for. An error is an answer, too, and the run that
    goes on after it does not run into it again. Changes that were made already stay, and what was written of them.
    """
    book = Book(policy)
    try:
        yield
    except Exception:
        raise
    except BaseException:
        policy.broken_off = place
        if not book.is_after_a_change(policy):
            book.put_back(policy)
            policy.journal.append("broken off", step=step, after=book.position)
        raise
