"""pyproject.toml is asked, and an installation from elsewhere or from an older pyproject.toml is told."""

import json

import pytest

from autofix_nb.environment.project import Project

PYPROJECT = """
[project]
version = "0.2"
dependencies = ["torch"]
scripts = { autofix = "autofix_nb.cli:main" }
[project.optional-dependencies]
test = ["pytest"]
drive = ["fsspec"]
"""


@pytest.fixture
def project(tmp_path):
    """A project in a folder of its own."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    return Project(tmp_path)


def test_requirements(project):
    """The optional parts come after what is always needed."""
    assert ["torch"] == project.requirements([])
    assert ["torch", "fsspec", "pytest"] == project.requirements(["drive", "test"])


def test_an_extra_that_does_not_exist_is_named(project):
    """The sentence lists those that do."""
    assert project.unknown(["test"]) is None
    assert "`--extras` must be among test, drive, got tests" == project.unknown(["test", "tests"])


@pytest.mark.parametrize(
    ("expected", "version", "editable", "entry"),
    [
        pytest.param(None, "0.2", True, "autofix = autofix_nb.cli:main", id="in order"),
        pytest.param("is installed from elsewhere", "0.2", False, "autofix = autofix_nb.cli:main", id="a copy"),
        pytest.param("pyproject.toml has changed", "0.1", True, "autofix = autofix_nb.cli:main", id="older version"),
        pytest.param("pyproject.toml has changed", "0.2", True, "", id="no command"),
    ],
)
def test_problem(expected, version, editable, entry, project, tmp_path):
    """The project must run from its own folder, as pyproject.toml now says."""
    source = {"url": tmp_path.as_uri(), "dir_info": {"editable": editable}}
    (tmp_path / "direct_url.json").write_text(json.dumps(source), "utf-8")
    (tmp_path / "entry_points.txt").write_text(f"[console_scripts]\n{entry}\n", "utf-8")

    actual = project.problem({"autofix-nb": (version, tmp_path)})

    assert (expected is None) == (actual is None)
    assert (expected or "") in (actual or "")


def test_not_installed(project):
    """Nothing of that name is there."""
    assert "autofix_nb is not installed" == project.problem({})


def test_an_installation_without_its_source_is_from_elsewhere(project, tmp_path):
    """pip writes no source beside what came from an index."""
    assert "is installed from elsewhere" in project.problem({"autofix-nb": ("0.2", tmp_path)})
