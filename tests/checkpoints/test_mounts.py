"""The mount that holds a folder must be there: what is written into its empty folder is hidden when it is back."""

import os
from pathlib import Path

import pytest

from autofix_nb.checkpoints import mounts
from autofix_nb.checkpoints.mounts import mount_point
from autofix_nb.checkpoints.stores import home_of
from autofix_nb.errors import ConfigurationError


@pytest.fixture
def mounted(monkeypatch, tmp_path):
    """Return the set of folders that are mounts at this moment, and a system that is told of none."""
    points = {str(Path(tmp_path.anchor))}
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in points)
    monkeypatch.setattr(mounts, "FSTAB", tmp_path / "fstab")
    return points


def test_the_nearest_mount_around_a_folder_counts(mounted, tmp_path):
    """Also where the folder itself is not made yet; the system's own disk is none."""
    (tmp_path / "nas").mkdir()
    assert mount_point(tmp_path / "nas" / "runs") is None
    mounted.add(str(tmp_path / "nas"))

    assert tmp_path / "nas" == mount_point(tmp_path / "nas" / "runs")


def test_a_mount_that_is_away_is_known_from_the_systems_table(mounted, tmp_path):
    """A kernel that starts before the drive is there must not write beside it."""
    lines = ["# <file system> <mount>", f"nas:/x  {tmp_path}/my\\040nas  nfs  defaults", "UUID=1 / ext4", "x none swap"]
    (tmp_path / "fstab").write_text("\n".join(lines))
    (tmp_path / "my nas").mkdir()

    assert tmp_path / "my nas" == mount_point(tmp_path / "my nas" / "runs")
    assert mount_point(tmp_path / "other") is None


def test_nothing_is_made_where_a_network_drive_was(mounted, tmp_path, monkeypatch):
    """`store="file://..."`: its empty folder is there still, and is not taken for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    nas = tmp_path / "nas"
    nas.mkdir()
    (tmp_path / "file").write_text("x")
    mounted.add(str(nas))
    place = home_of(f"file://{nas}/runs", "leaves", where="jupyter").place
    place.write("leaves/run.json", tmp_path / "file")
    mounted.discard(str(nas))

    for ask in (lambda: place.sizes("leaves"), lambda: place.write("leaves/new.json", tmp_path / "file")):
        with pytest.raises(OSError, match="is not mounted"):
            ask()
    assert not (nas / "runs" / "leaves" / "new.json").exists()


def test_a_url_names_the_same_folder_wherever_one_stands(mounted, tmp_path, monkeypatch):
    """Relative and home folders become absolute at once; `localhost` is this machine; none at all is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    titles = [
        home_of(url, "leaves", where="jupyter").place.title for url in ("file://a", "file://~/b", "file://localhost/c")
    ]

    assert [f"{tmp_path}/a", f"{tmp_path}/home/b", "/c"] == titles
    with pytest.raises(ConfigurationError, match="names no folder"):
        home_of("file://", "leaves", where="jupyter")
