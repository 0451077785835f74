"""Stands in for a model whose answers are given: what a `step` of the user's makes of them can be asked again.

A `step` hides what its loss compares with what. But one that calls the model can be called with a stand-in that gives
the same answers whatever it is asked; then only what the loss itself reads of a batch is left to make a difference.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure


class Answering:
    """Called, it returns `answers`; anything else is the model's own."""

    def __init__(self, model: Any, answers: Any) -> None:
        self._model, self._answers = model, answers

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return the answers, whatever is asked."""
        return self._answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class Shifted(Answering):
    """A model whose answers are all a little off: what depends on them in a `step` becomes another number."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, None)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return the model's own answers, each a tenth larger and a tenth above that."""
        return structure.map_tensors(_off, self._model(*inputs, **named))


def _off(answers: torch.Tensor) -> torch.Tensor:
    return 1.1 * answers + 0.1 if answers.is_floating_point() else answers


class Calls:
    """What a model was asked, and what it answered."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.answers: list[Any] = []

    @property
    def only(self) -> Any:
        """The answers, where the model was called exactly once; else None."""
        return self.answers[0] if len(self.answers) == 1 else None


@contextmanager
def overheard(model: nn.Module) -> Iterator[Calls]:
    """Context that notes what the model is asked as a whole, and what it answers."""
    calls = Calls()

    def note(module: nn.Module, inputs: Any, named: Any, answers: Any) -> None:
        calls.asked.append((inputs, named))
        calls.answers.append(answers)

    handle = model.register_forward_hook(note, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


def held(step: Callable[[Any, Any], Any], model: nn.Module, answers: Any, data: Any) -> Any:
    """Return what `step` makes of a batch when the model gives these answers."""
    return step(Answering(model, answers), data)
