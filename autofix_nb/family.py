"""How checks, detectors and fixes join their families: a new file in the folder joins by itself."""

from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

Member = TypeVar("Member")


def members_of(package: ModuleType, base: type[Member]) -> list[type[Member]]:
    """Return the subclasses of `base` that the modules of a package define, in the order of the modules' names.

    Read from the modules and not from `__subclasses__()`: a class defined twice by re-running a notebook cell must not
    join the family twice.
    """
    found = []
    for info in iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{info.name}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, base)
            and value.__module__ == module.__name__
            and not isabstract(value)
        ]
    return found
