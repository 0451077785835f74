"""A full check is made once for what it looked at, and again when any of that is another."""

import pytest

from autofix_nb.environment import stamp
from autofix_nb.environment.stamp import Stamp, rules

INSTALLED = {"torch": "2.15.0", "numpy": "1.26.4"}


@pytest.fixture
def file(tmp_path):
    """A note about `INSTALLED`."""
    file = tmp_path / "note.json"
    Stamp(INSTALLED, "text", file).write("Python 3.11.7")
    return file


def test_what_was_checked_is_remembered(file):
    """The order in which distributions are found has no meaning."""
    again = Stamp(dict(reversed(INSTALLED.items())), "text", file)

    assert "Python 3.11.7" == again.read()


@pytest.mark.parametrize(
    ("installed", "pyproject"),
    [
        pytest.param({**INSTALLED, "numpy": "2.4.6"}, "text", id="another version"),
        pytest.param({**INSTALLED, "timm": "1.0.31"}, "text", id="another distribution"),
        pytest.param(INSTALLED, "other text", id="another pyproject.toml"),
    ],
)
def test_something_else_is_checked_again(installed, pyproject, file):
    """A note holds for exactly what it was written for."""
    assert Stamp(installed, pyproject, file).read() is None


def test_other_rules_check_again(file, monkeypatch):
    """A changed file of this group voids the note."""
    monkeypatch.setattr(stamp, "rules", lambda: [("versions.py", "other")])

    assert Stamp(INSTALLED, "text", file).read() is None


def test_every_file_is_among_the_rules(tmp_path):
    """Each file counts with its name and text, what Python compiles does not."""
    (tmp_path / "b.py").write_text("2", "utf-8")
    (tmp_path / "a.py").write_text("1", "utf-8")
    (tmp_path / "a.pyc").write_bytes(b"\xff")

    assert [("a.py", "1"), ("b.py", "2")] == rules(tmp_path)
    assert {"__init__.py", "command.py", "plan.py", "versions.py"} <= {name for name, _ in rules()}


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_a_note_that_cannot_be_read_is_none(content, file):
    """A write that was cut off leads to a check, not to an error."""
    file.write_text(content, "utf-8")

    assert Stamp(INSTALLED, "text", file).read() is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    """Such an environment is checked in full each time."""
    nowhere = Stamp(INSTALLED, "text", tmp_path / "missing" / "note.json")
    nowhere.write("Python 3.11.7")

    assert nowhere.read() is None
