"""Checks, detectors and fixes join their families by lying in the folder."""

from abc import ABC, abstractmethod
from importlib import import_module
from types import ModuleType

from autofix_nb.family import members_of

BASE = """
from abc import ABC, abstractmethod

class Base(ABC):
    @abstractmethod
    def answer(self): ...
"""
MODULES = {
    "base": BASE,
    "between": "from toys.base import Base\n\nclass Between(Base):\n    pass\n",
    "one": "from toys.between import Between\n\nclass One(Between):\n    def answer(self): return 1\n",
    "two": "from toys.base import Base\nfrom toys.one import One\n\nclass Two(Base):\n    def answer(self): return 2\n",
}


def test_what_a_module_defines_itself_joins(tmp_path, monkeypatch):
    """Not what it imports, and no class that lacks a method."""
    folder = tmp_path / "toys"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    toys = import_module("toys")

    found = members_of(toys, import_module("toys.base").Base)

    assert ["One", "Two"] == [member.__name__ for member in found]


def test_a_class_defined_elsewhere_does_not_join():
    """As one in a notebook cell that was run twice."""
    package = ModuleType("empty")
    package.__path__ = []

    class Base(ABC):
        @abstractmethod
        def answer(self): ...

    class Stray(Base):
        def answer(self):
            return 3

    assert Stray().answer() == 3
    assert members_of(package, Base) == []
