"""What pip leaves behind is read, and half a distribution is told from a whole one."""

from pathlib import Path

import pytest

from autofix_nb.environment.installed import installed_folders, missing_parts, needed_by


def install(site: Path, name: str, version: str = "1.0", requires: str = "") -> Path:
    """Write a small distribution as pip leaves it."""
    package, info = site / name, site / f"{name}-{version}.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("x = 1\n", "utf-8")
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n{requires}\nRequires-Dist: no", "utf-8")
    (info / "INSTALLER").write_text("pip\n", "utf-8")
    (info / "RECORD").write_text(
        f"{name}/__init__.py,sha256=x,6\n{name}/tests/gone.py,sha256=x,6\n../../../bin/gone.py,sha256=x,6\n"
        f"{name}/empty.pyc,,\n",
        "utf-8",
    )
    return info


def test_a_whole_distribution_is_whole(tmp_path):
    """Compiled files, scripts and tests may be missing: slim images leave them out."""
    assert missing_parts(install(tmp_path, "whole")) is None


ONE_GONE = "1 of its files are missing or empty, such as half/__init__.py"


@pytest.mark.parametrize(
    ("expected", "breaking"),
    [
        pytest.param(ONE_GONE, lambda info: (info.parent / "half/__init__.py").unlink(), id="file gone"),
        pytest.param(ONE_GONE, lambda info: (info.parent / "half/__init__.py").write_bytes(b""), id="file empty"),
        pytest.param("its RECORD is missing", lambda info: (info / "RECORD").unlink(), id="no RECORD"),
        pytest.param("its METADATA is missing", lambda info: (info / "METADATA").unlink(), id="no METADATA"),
    ],
)
def test_half_a_distribution_is_found(expected, breaking, tmp_path):
    """What an interrupted installation leaves behind is told from what is whole."""
    info = install(tmp_path, "half")
    breaking(info)

    assert expected == missing_parts(info)


def test_a_distribution_of_another_installer_needs_no_record(tmp_path):
    """Debian and conda keep their own lists."""
    info = install(tmp_path, "theirs")
    (info / "INSTALLER").write_text("debian\n", "utf-8")
    (info / "RECORD").unlink()

    assert missing_parts(info) is None


def test_installed_folders(tmp_path):
    """Names are normalised, the first place wins, and pip's rests (`~name`) are no installation."""
    install(tmp_path / "one", "Some_Name", "2.0")
    install(tmp_path / "one", "~rest", "1.0")
    install(tmp_path / "two", "some_name", "1.0")

    folders = installed_folders([str(tmp_path / "one"), str(tmp_path / "two")])

    assert {"some-name": "2.0"} == {name: version for name, (version, _) in folders.items()}


def test_needed_by(tmp_path):
    """What is needed is followed; what only an extra needs, or what is not installed, is not."""
    install(tmp_path, "a", requires='Requires-Dist: B>=1\nRequires-Dist: c; extra == "more"\nRequires-Dist: d\n')
    install(tmp_path, "b", requires="Requires-Dist: a\n")
    install(tmp_path, "c")

    assert ["a", "b"] == needed_by(["A"], installed_folders([str(tmp_path)]))
