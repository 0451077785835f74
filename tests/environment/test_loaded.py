"""What the kernel runs, against what a new one would load."""

import sys
import types

import pytest

from autofix_nb.environment import loaded
from autofix_nb.environment.loaded import loaded_versions, same_version, vanished, versions_on_disk


def module(version: object, file: object) -> types.ModuleType:
    """A module as it was imported."""
    made = types.ModuleType("timm")
    made.__version__, made.__file__ = version, str(file)
    return made


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages with timm 1.0.9 in it, and nothing else to import from."""
    folder = tmp_path / "site-packages"
    (folder / "timm").mkdir(parents=True)
    (folder / "timm" / "__init__.py").write_text("")
    (folder / "timm-1.0.9.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.setattr(loaded, "_site_folders", lambda: frozenset({str(folder)}))
    return folder


def test_loaded_versions():
    """Of modules that name one as text."""
    modules = {"timm": module("1.0.3", "x"), "torch": module(None, "x"), "numpy": module("unknown", "x")}

    assert {"timm": "1.0.3"} == loaded_versions(modules)


def test_the_description_beside_the_package_tells_what_is_installed(site):
    """As a new kernel would find it."""
    assert {"timm": "1.0.9"} == versions_on_disk({"timm": module("1.0.3", site / "timm" / "__init__.py")})


def test_a_source_folder_has_no_description(site, tmp_path, monkeypatch):
    """Its version is not known, and an installation elsewhere is not what is loaded."""
    source = tmp_path / "source"
    (source / "timm").mkdir(parents=True)
    (source / "timm" / "__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(source), str(site)])

    assert {} == versions_on_disk({"timm": module("1.1.dev0", source / "timm" / "__init__.py")})


def test_a_folder_put_before_the_others_by_hand(site, tmp_path, monkeypatch):
    """A new kernel would not look there."""
    other = tmp_path / "other"
    (other / "timm").mkdir(parents=True)
    (other / "timm" / "__init__.py").write_text("")
    (other / "timm-2.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(other), str(site)])

    assert {} == versions_on_disk({"timm": module("1.0.9", site / "timm" / "__init__.py")})


def test_a_package_that_was_replaced_from_another_folder(site, tmp_path):
    """The loaded files are gone, a new kernel finds others."""
    assert {"timm": "1.0.9"} == versions_on_disk({"timm": module("1.0.3", tmp_path / "old" / "timm" / "__init__.py")})


@pytest.mark.parametrize("uninstalled", [False, True])
def test_vanished(uninstalled, site, monkeypatch):
    """Only what is neither where it was nor anywhere else."""
    held = {"timm": module("1.0.9", site / "timm" / "__init__.py")}
    if uninstalled:
        (site / "timm" / "__init__.py").unlink()
        (site / "timm").rmdir()
        monkeypatch.setattr(sys, "path", [])

    assert (("timm",) if uninstalled else ()) == vanished(held)


@pytest.mark.parametrize(
    ("expected", "left", "right"),
    [
        (True, "2.11.0+cu128", "2.11.0"),
        (True, "2.11", "2.11.0"),
        (True, "1.0.0-rc1", "1.0.0rc1"),
        (True, "2.6.0a0+ecf3bae40a.nv25.01", "2.6.0a0+ecf3bae40a.nv25.1"),
        (False, "2.11.0+cpu", "2.11.0+cu128"),
        (False, "1.26.4", "2.1.3"),
        (False, "1.0.0rc1", "1.0.0"),
        (True, "1.10", "1.10.0"),
        (False, "1.1", "1.10"),
    ],
)
def test_same_version(expected, left, right):
    """Spelling does not count, a build only where both name one."""
    assert expected == same_version(left, right) == same_version(right, left)


def test_the_build_stands_in_the_package(tmp_path):
    """Where pip's description leaves it out."""
    (tmp_path / "version.py").write_text("from x import y\n__version__ = '2.11.0+cu128'\ncuda = '12.8'\n")

    assert ["2.11.0+cu128", "2.10.0", "2.11.0"] == [
        loaded.with_build("2.11.0", tmp_path),
        loaded.with_build("2.10.0", tmp_path),
        loaded.with_build("2.11.0", tmp_path / "none"),
    ]
