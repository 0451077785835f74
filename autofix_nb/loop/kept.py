"""Objects of the user's own that are saved with the run: whatever has `state_dict` and `load_state_dict`."""

import copy
from collections.abc import Mapping
from typing import Any

from autofix_nb.checkpoints import as_before, portable
from autofix_nb.errors import ConfigurationError, ResumeError, StoreError


def named(keep: Any) -> Mapping[str, Any]:
    """Return the objects that were given by name; none for None.

    Raises:
        ConfigurationError: when it is no dict.
    """
    if keep is not None and not isinstance(keep, Mapping):
        raise ConfigurationError(f"`keep` must be a dict such as {{'ema': ema}}, got {type(keep).__name__}")
    return keep or {}


class Kept:
    """The user's objects by name, and what a checkpoint holds for names that were not given yet."""

    def __init__(self) -> None:
        self._things: dict[str, Any] = {}
        self._waiting: dict[str, Any] = {}
        """Saved states that no object took."""

        self.resumed = False

    def add(self, name: str, thing: Any) -> str | None:
        """Take an object in; where a checkpoint waits for it, it gets its state. Returns a sentence to say, or None.

        Raises:
            ConfigurationError: when the name is taken or no name, or the object cannot be saved.
            ResumeError: when it does not take the state that was saved for it.
        """
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"`keep`: the name {name!r} is none; wanted a text such as 'ema'")
        if self._things.get(name, thing) is not thing:
            raise ConfigurationError(f"`keep`: two objects have the name {name!r}; give each one of its own")
        for method in ("state_dict", "load_state_dict"):
            if not callable(getattr(thing, method, None)):
                raise ConfigurationError(
                    f"`keep`: {name!r} is a {type(thing).__name__} without `{method}()`; wanted an object with "
                    "`state_dict()` and `load_state_dict(state)`"
                )
        try:
            portable(thing.state_dict(), f"keep[{name!r}].state_dict()")
        except StoreError as error:
            raise ConfigurationError(str(error)) from error
        self._things[name] = thing
        if name in self._waiting:
            self._load(name, self._waiting.pop(name))
        elif self.resumed:
            return self._new([name])
        return None

    def state(self) -> dict[str, Any]:
        """Return the objects' states by name, and those that nobody asked for."""
        return self._waiting | {name: thing.state_dict() for name, thing in self._things.items()}

    def copied(self) -> dict[str, Any]:
        """Return copies of the objects' present states, to go back to after a training on the side."""
        return {name: copy.deepcopy(thing.state_dict()) for name, thing in self._things.items()}

    def put_back(self, states: Mapping[str, Any]) -> None:
        """Give the objects what `copied` returned; those that were given later stay as they are."""
        for name, state in states.items():
            if name in self._things:
                self._things[name].load_state_dict(copy.deepcopy(state))

    def restore(self, state: Mapping[str, Any]) -> list[str]:
        """Give each object what was saved for it. Returns sentences about names that are missing, or are new.

        Raises:
            ResumeError: when an object does not take its state.
        """
        self.resumed = True
        self._waiting = dict(state)
        new = [name for name in self._things if name not in state]
        for name in self._things:
            if name in self._waiting:
                self._load(name, self._waiting.pop(name))
        said = []
        if self._waiting:
            names = ", ".join(map(repr, self._waiting))
            said.append(f"The checkpoint holds {names}, which `keep` does not name now: kept in the files, not used")
        return said + ([self._new(new)] if new else [])

    def _new(self, names: list[str]) -> str:
        return f"`keep` names {', '.join(map(repr, names))}, which the checkpoint does not hold: begun as given"

    def _load(self, name: str, state: Any) -> None:
        try:
            thing = self._things[name]
            thing.load_state_dict(as_before(state, thing.state_dict()))
        except Exception as error:
            raise ResumeError(
                f"`keep`: {name!r} ({type(self._things[name]).__name__}) does not take what was saved for it: "
                f"{type(error).__name__}: {error}. Give the same kind of object, or begin anew with `resume=False`"
            ) from error
