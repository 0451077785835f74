"""The rows that `fix_environment.sh` reads, from given findings: nothing is installed, nothing imported."""

import pytest

from autofix_nb.environment import command

SUMMARY = "Python 3.11.7\ndevice cpu"
FINE = {**dict.fromkeys(command.MODULES), "bridge": None, "summary": SUMMARY}
SUMMARY_ROWS = [("summary", "Python 3.11.7"), ("summary", "device cpu")]
INSTALLED = dict.fromkeys(command.MODULES, "1.0") | {
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "numpy": "1.26.4",
    "ipykernel": "6.17.1",
}


class Note:
    """A stamp that lies in no file."""

    text = None

    def __init__(self, *_) -> None:
        pass

    def read(self):
        return Note.text

    def write(self, summary):
        Note.text = summary


@pytest.fixture
def findings(monkeypatch):
    """What the command finds; a test changes it before it looks."""
    found = {"answers": FINE, "host": "terminal", "asked": [], "incomplete": {}}

    def probe(names):
        found["asked"].append(names)
        return found["answers"]

    monkeypatch.setattr(Note, "text", None)
    monkeypatch.setattr(command, "Stamp", Note)
    monkeypatch.setattr(command, "probe", probe)
    monkeypatch.setattr(command, "host_of_script", lambda: found["host"])
    monkeypatch.setattr(command, "_incomplete", lambda *_: dict(found["incomplete"]))
    monkeypatch.setattr(command, "installed_folders", lambda: {name: (text, None) for name, text in INSTALLED.items()})
    monkeypatch.setattr(command.Project, "problem", lambda *_: None)
    monkeypatch.setattr(command.Project, "requirements", lambda *_: [])
    return found


def test_in_order(findings):
    """Only the summary is left to say, and a second look asks nothing."""
    for _ in range(2):
        assert SUMMARY_ROWS == list(command.rows([], remember=True))

    assert [list(command.MODULES)] == findings["asked"]


def test_only_looking_leaves_no_note(findings):
    """`--check` changes nothing, the note included."""
    list(command.rows([], remember=False))

    assert Note.text is None


def test_a_change(findings):
    """Why, then pip's arguments."""
    findings["answers"] = {**FINE, "timm": "ModuleNotFoundError: No module named 'yaml'"}

    actual = list(command.rows([], remember=True))

    why = "timm 1.0 does not import (ModuleNotFoundError: No module named 'yaml')"
    assert [("change", why), ("pip", "install", "timm==1.0"), *SUMMARY_ROWS] == actual
    assert Note.text is None


def test_half_packages_are_not_imported(findings):
    """What their import would say leads astray."""
    findings["incomplete"] = {"tqdm": "2 of its files are missing"}

    kinds = [row[0] for row in command.rows([], remember=True)]

    assert ["change", "pip", "pip"] == kinds
    assert [] == findings["asked"]


def test_the_project_is_never_fetched_by_its_name(findings):
    """Half of it is repaired from its own folder."""
    findings["incomplete"] = {"autofix-nb": "its RECORD is missing"}

    actual = list(command.rows(["test"], remember=True))

    expected = [
        ("change", "autofix_nb is half installed: its RECORD is missing"),
        ("pip", "install", "--editable", ".[test]"),
    ]
    assert expected == actual[:2]


def test_no_repair(findings):
    """An error in the project's own code is told, and not remembered as in order."""
    findings["answers"] = {**FINE, "autofix-nb": "SyntaxError: x"}

    actual = list(command.rows([], remember=True))

    assert [("problem", "autofix-nb 1.0 does not work: SyntaxError: x"), *SUMMARY_ROWS] == actual
    assert Note.text is None


def test_what_a_notebook_host_keeps(findings):
    """On Colab the notebook's own packages, torch and NumPy are pinned."""
    findings["host"] = "colab"

    kept = [row[1] for row in command.rows([], remember=True) if row[0] == "keep"]

    assert ["ipykernel==6.17.1", "ipywidgets==1.0", "numpy==1.26.4", "torch==2.15.0"] == kept


def test_an_unknown_extra(findings):
    """Nothing is looked at, and the names that exist are told."""
    [(kind, text)] = command.rows(["tests"], remember=True)

    assert "problem" == kind
    assert text.endswith("got tests")


def test_a_row_is_a_line(findings, capsys):
    """Errors of several lines do not break the rows."""
    findings["answers"] = {**FINE, "autofix-nb": "SyntaxError:\n\tx"}
    command.main(["plan"])

    assert "problem\tautofix-nb 1.0 does not work: SyntaxError: x" == capsys.readouterr().out.splitlines()[0]
