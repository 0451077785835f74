"""The detector family: one module, one detector. A new file here joins by itself."""

from importlib import import_module
from pkgutil import iter_modules

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import NotApplicable

__all__ = ["DETECTORS", "Detector", "NotApplicable"]


def _collect() -> tuple[type[Detector], ...]:
    # Read the modules and not Detector.__subclasses__(): a class defined twice by re-running a notebook cell
    # must not join the family twice.
    found = []
    for info in iter_modules(__path__):
        module = import_module(f"{__name__}.{info.name}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Detector)
            and value.__module__ == module.__name__
            and value is not Detector
        ]
    return tuple(sorted(found, key=lambda detector: detector.code))


DETECTORS = _collect()
