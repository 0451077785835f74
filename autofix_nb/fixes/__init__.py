"""The fix family: one module, one fix. A new file here joins by itself."""

from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

from autofix_nb.fixes.base import Change, Controls, Fix, SettingFix, Trainee

__all__ = ["FIXES", "Change", "Controls", "Fix", "SettingFix", "Trainee"]


def _collect() -> dict[str, type[Fix]]:
    found = {}
    for info in iter_modules(__path__):
        module = import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            its_own = isinstance(value, type) and issubclass(value, Fix) and value.__module__ == module.__name__
            if its_own and hasattr(value, "name"):  # a base class has none
                found[value.name] = value
    return dict(sorted(found.items()))


FIXES = _collect()
