"""What `store=` means: the folder on this machine, and the place of the copies."""

import pytest

from autofix_nb.checkpoints.places import Folder, Remote
from autofix_nb.checkpoints.stores import home_of
from autofix_nb.errors import ConfigurationError, StoreError


def test_a_folder_is_a_folder(tmp_path):
    """No copy, and nothing to say; `./runs` where nothing is asked for."""
    home = home_of(tmp_path, "leaves", where="jupyter")

    assert (tmp_path / "leaves", None, "") == (home.folder, home.place, home.says)
    assert "runs/leaves" == home_of(None, "leaves", where="jupyter").folder.as_posix()


def test_drive_in_colab_is_mounted_and_mirrored(tmp_path):
    """The run lies on the machine, its copies on Drive, and both are said."""
    (tmp_path / "MyDrive").mkdir()

    home = home_of("drive", "leaves", where="colab", mount=lambda: tmp_path / "MyDrive", colab_folder=tmp_path / "vm")

    assert tmp_path / "vm" / "leaves" == home.folder
    assert "Drive" == home.place.title
    (tmp_path / "file").write_text("x")
    home.place.write("leaves/run.json", tmp_path / "file")
    assert (tmp_path / "MyDrive" / "autofix_nb" / "leaves" / "run.json").exists()
    assert "copied to Drive, autofix_nb/leaves in the background" in home.says


@pytest.mark.parametrize("where", ["kaggle", "jupyter", "vscode", "terminal"])
def test_drive_elsewhere_is_a_plain_folder_and_said_so(where):
    """The same cell runs everywhere; nobody is led to think that it is on Drive."""
    home = home_of("drive", "leaves", where=where, mount=lambda: pytest.fail("mounted"))

    assert ("autofix_nb_runs/leaves", None) == (home.folder.as_posix(), home.place)
    assert "on Colab only" in home.says


def test_a_folder_on_the_mount_is_mirrored_too(tmp_path):
    """Written to directly, Drive loses what was appended or renamed."""
    folder = tmp_path / "drive" / "MyDrive" / "runs"
    about = {"where": "colab", "mount_at": tmp_path / "drive", "colab_folder": tmp_path / "vm"}
    with pytest.raises(StoreError, match="lies on Drive, which is not mounted"):
        home_of(folder, "leaves", **about)
    folder.parent.mkdir(parents=True)

    home = home_of(folder, "leaves", **about)

    assert tmp_path / "vm" in home.folder.parents
    assert isinstance(home.place, Folder)
    assert f"copied to {folder / 'leaves'}" in home.says


def test_a_url_has_a_copy_here_that_outlives_the_kernel(tmp_path, monkeypatch):
    """In the cache folder, one for each store, so that runs of one name do not mix."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    home, other = (home_of(f"memory://{store}", "leaves", where="jupyter") for store in ("a", "b"))

    assert isinstance(home.place, Remote)
    assert tmp_path in home.folder.parents
    assert home.folder != other.folder
    assert home.folder == home_of("memory://a", "leaves", where="jupyter").folder
    assert str(home.folder) in home.says


def test_a_folder_given_as_url_is_mirrored(tmp_path):
    """For a network drive that comes and goes."""
    home = home_of(f"file://{tmp_path}/nas", "leaves", where="jupyter")

    assert isinstance(home.place, Folder)
    assert f"{tmp_path}/nas" == home.place.title


@pytest.mark.parametrize("store", [3, "", "  ", b"runs", ["runs"]])
def test_anything_else_is_refused(store):
    """With what would do."""
    with pytest.raises(ConfigurationError, match="must be a folder, 'drive' or a URL"):
        home_of(store, "leaves")
