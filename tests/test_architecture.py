"""Imports run one way through the house (DESIGN §4): a group imports only itself and groups to its left."""

import ast
from pathlib import Path

import pytest

import autofix_nb

PACKAGE = Path(autofix_nb.__file__).parent
GROUPS = [
    {"errors", "family", "finding", "history", "journal"},
    {"data", "environment"},
    {"signals", "checkpoints", "objective"},
    {"evidence"},
    {"checks", "detectors", "fixes"},
    {"policy"},
    {"report"},
    {"widgets"},
    {"run", "preflight", "loop", "loading", "export", "taken", "runs"},
    {"recipes", "integrations", "cli", "__main__"},
]
PLACE = {name: place for place, group in enumerate(GROUPS) for name in group}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def group_of(module: str) -> str:
    return module.removeprefix("autofix_nb.").split(".")[0]


def imported(path: Path) -> set[str]:
    """Return the parts of the package that a file imports, also inside functions and for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide the direction"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "autofix_nb"
                else [node.module]
            )
        found |= {group_of(name) for name in names if name and name.startswith("autofix_nb.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    """To the left, or within the group."""
    own = group_of(".".join(path.relative_to(PACKAGE).with_suffix("").parts))

    wrong = {name for name in imported(path) if PLACE[name] > PLACE[own]}

    assert set() == wrong


def test_every_part_has_its_place():
    """A new file or folder must be put into a group here, and into DESIGN."""
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}

    assert parts <= set(PLACE)


def test_the_package_page_holds_public_names_and_nothing_else():
    """`autofix_nb/__init__.py` imports, and lists what it imports."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    kinds = {type(node) for node in tree.body[1:]}

    assert kinds <= {ast.ImportFrom, ast.Assign}
    assert all(hasattr(autofix_nb, name) for name in autofix_nb.__all__)
