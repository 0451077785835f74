"""Facts of the machine: looked up once and on demand, or told."""

import sys
import types

import pytest
import torch

from autofix_nb.evidence import Machine
from autofix_nb.evidence import machine as module


def test_what_is_told_is_not_looked_up():
    """Any fact can be given by keyword."""
    machine = Machine(host="colab", disk_free_bytes=5, bridge=(False, "no"))

    assert ("colab", 5, (False, "no")) == (machine.host, machine.disk_free_bytes, machine.bridge)


def test_a_fact_is_looked_up_once(monkeypatch):
    """And then remembered."""
    calls = []
    monkeypatch.setattr(module, "memory_available", lambda: calls.append(1) or 7)
    machine = Machine()

    assert (7, 7, 1) == (machine.memory_available_bytes, machine.memory_available_bytes, len(calls))


def test_an_unknown_fact_is_refused():
    """With the names of those that there are."""
    with pytest.raises(TypeError, match=r"`hots` is no fact of a machine; there are .*host, "):
        Machine(hots="colab")


def test_installed_versions_stand_for_loaded_ones():
    """Unless those are told too."""
    machine = Machine(installed={"torch": "2.11.0"})

    assert ({"torch": "2.11.0"}, {}) == (machine.loaded, machine.changed)


def test_changed_versions():
    """What is loaded against what a new kernel would load; what it is not known of is no change."""
    machine = Machine(
        loaded={"numpy": "1.26.4", "torch": "2.11.0+cu128", "timm": "1.0.3"},
        on_disk={"numpy": "2.1.3", "torch": "2.11.0"},
    )

    assert {"numpy": ("1.26.4", "2.1.3")} == machine.changed


def test_the_loaded_version_counts():
    """Before the installed one, which no code runs yet."""
    machine = Machine(installed={"numpy": "2.1.3", "timm": "1.0.3"}, loaded={"numpy": "1.26.4"})

    assert ["1.26.4", "1.0.3", None] == [machine.version(name) for name in ("numpy", "timm", "torchvision")]


def test_this_process():
    """The real facts fit each other."""
    machine = Machine()

    assert machine.bridge[0]
    assert machine.loaded["torch"] == torch.__version__
    assert {} == machine.changed
    assert () == machine.vanished


def test_an_import_that_fails_is_an_answer(monkeypatch):
    """In its own words."""
    monkeypatch.setitem(sys.modules, "timm", None)
    machine = Machine(loaded={})

    assert "ModuleNotFoundError: import of timm halted; None in sys.modules" == machine.import_error("timm")


def test_what_is_loaded_is_not_imported_again(monkeypatch):
    """It has been imported once."""
    monkeypatch.setitem(sys.modules, "timm", types.ModuleType("timm"))

    assert Machine(loaded={"timm": "1.0.3"}).import_error("timm") is None


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        pytest.param("12.8", "__version__ = '0.26.0+cu128'", id="cuda"),
        pytest.param("13.2", "__version__ = '0.29.2+cu132'", id="newer"),
        pytest.param(None, "__version__ = '0.26.0+cpu'", id="cpu"),
        pytest.param("unknown", "__version__ = '0.26.0'", id="no-build-named"),
    ],
)
def test_the_build_of_torchvision_is_read_from_its_file(expected, line, tmp_path, monkeypatch):
    """Without importing it, which may fail."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "version.py").write_text(f"{line}\ngit_version = 'abc'\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert expected == Machine().builds.get("torchvision", "unknown")
