"""The check family: one module, one check. A new file here joins by itself."""

from importlib import import_module
from pkgutil import iter_modules

from autofix_nb.checks.asking import Asked, ask
from autofix_nb.checks.base import Answer, Check, Curve, Shown
from autofix_nb.finding import NotApplicable

__all__ = ["CHECKS", "Answer", "Asked", "Check", "Curve", "NotApplicable", "Shown", "ask"]


def _collect() -> tuple[type[Check], ...]:
    found = []
    for info in iter_modules(__path__):
        module = import_module(f"{__name__}.{info.name}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Check)
            and value.__module__ == module.__name__
            and value is not Check
        ]
    return tuple(sorted(found, key=lambda check: ("EBD".index(check.code[0]), check.code)))


CHECKS = _collect()
