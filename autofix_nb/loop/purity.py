"""Whether an objective may be called on the side: not when it trains something by itself.

A step of the user's may let another optimizer step, as a GAN's does for its discriminator. Called once more, beside the
training, it would move that for good.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from torch.optim.optimizer import register_optimizer_step_pre_hook

WATCHED_CALLS = 20
"""Calls that are watched at the beginning of a run (a GAN's discriminator may be trained only now and then)."""


class _WouldStep(BaseException):
    """An optimizer was about to step where none may."""


class Purity:
    """Watches the first calls of an objective for optimizers that step inside of it."""

    def __init__(self) -> None:
        self.trains_by_itself = False
        """Whether an optimizer stepped while the loss was computed."""

        self.is_known = False
        """Whether it was called at all."""

        self._left = WATCHED_CALLS

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {"trains_by_itself": self.trains_by_itself, "is_known": self.is_known, "_left": self._left}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        vars(self).update(state)

    def ask(self, call: Callable[[], Any]) -> None:
        """Call it once before the training does; an optimizer that would step inside of it is kept from that."""

        def refuse(*_: Any) -> None:
            self.trains_by_itself = True
            raise _WouldStep

        handle = register_optimizer_step_pre_hook(refuse)
        try:
            with suppress(_WouldStep, Exception):  # an error of the user's own comes again where it is heard
                call()
        finally:
            handle.remove()
        self.is_known = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch one call, if it is one of the first."""
        if not self._left:
            yield
            return
        self._left -= 1
        self.is_known = True
        handle = register_optimizer_step_pre_hook(self._note)
        try:
            yield
        finally:
            handle.remove()

    def _note(self, *_: Any) -> None:
        self.trains_by_itself = True
