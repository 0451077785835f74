"""Places: what is written is there under its name, and nothing outside of the place is ever touched."""

import errno
import sys

import fsspec
import pytest

from autofix_nb.checkpoints import places
from autofix_nb.checkpoints.places import Folder, Remote, checked, shown
from autofix_nb.errors import ConfigurationError, StoreError


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture(params=["folder", "drive", "memory"])
def place(request, tmp_path):
    if request.param == "memory":
        yield Remote(f"memory://{tmp_path.name}/runs")
        fsspec.filesystem("memory").rm("/", recursive=True)
    else:
        yield Folder(tmp_path / "there", empties=request.param == "drive")


def content(place, name):
    with place.open(name) as file:
        return file.read()


def test_what_was_written_is_there(place, source):
    """With its name, its size and its bytes."""
    place.write("leaves/checkpoints/state.pt", source)

    assert {"leaves/checkpoints/state.pt": 10} == place.sizes("leaves")
    assert b"some bytes" == content(place, "leaves/checkpoints/state.pt")


def test_a_file_can_be_replaced_and_deleted(place, source):
    """The small files of a run grow; a file that is gone already is no error."""
    place.write("leaves/run.json", source)
    source.write_bytes(b"other")
    place.write("leaves/run.json", source)

    assert b"other" == content(place, "leaves/run.json")
    place.delete("leaves/run.json")
    place.delete("leaves/run.json")
    assert {} == place.sizes("leaves")


def test_a_folder_that_is_not_there_is_empty(place):
    """Nothing was saved yet."""
    assert {} == place.sizes("leaves")


def test_a_folder_gets_another_name_with_all_that_is_in_it(place, source):
    """An earlier run makes way; one whose name only begins alike stays."""
    for name in ("leaves/run.json", "leaves/checkpoints/a.pt", "leaves2/run.json"):
        place.write(name, source)

    place.rename("leaves", "leaves.before-1")

    assert {} == place.sizes("leaves")
    assert {"leaves.before-1/run.json", "leaves.before-1/checkpoints/a.pt"} == place.sizes("leaves.before-1").keys()
    assert {"leaves2/run.json"} == place.sizes("leaves2").keys()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a//b", "a\\b", "C:/x", "a/\0"])
def test_a_name_stays_inside(place, source, name):
    """Whoever asks: a manifest, a run's name, a mistake."""
    for use in (place.open, place.delete, place.sizes, lambda one: place.write(one, source)):
        with pytest.raises(StoreError, match="no name inside a store"):
            use(name)


def test_ordinary_names_pass():
    """Names of runs may hold dots, spaces and other alphabets."""
    assert "Blätter v1.2/run.json" == checked("Blätter v1.2/run.json")


def test_links_at_a_folder_are_not_followed(tmp_path, source):
    """A link could lead anywhere."""
    (tmp_path / "there" / "leaves").mkdir(parents=True)
    (tmp_path / "there" / "leaves" / "link").symlink_to(source)
    (tmp_path / "there" / "leaves" / "folder").symlink_to(tmp_path)

    assert {} == Folder(tmp_path / "there").sizes("leaves")


def test_a_mount_that_is_gone_is_not_made_anew(tmp_path, source):
    """Else the copies would lie on this machine's disk and be in the way of mounting again."""
    place = Folder(tmp_path / "MyDrive" / "runs", title="Drive", mounted=tmp_path / "MyDrive")

    for use in (place.sizes, place.open, lambda name: place.write(name, source)):
        with pytest.raises(OSError, match="Drive is not mounted") as caught:
            use("leaves")
        assert errno.ENOTCONN == caught.value.errno
    assert not (tmp_path / "MyDrive").exists()
    assert None is place.free()


@pytest.mark.parametrize("replaced", [True, False])
def test_on_drive_a_file_is_emptied_before_it_goes(tmp_path, source, replaced):
    """Drive's bin counts against the quota, and holds what was overwritten, too."""
    place = Folder(tmp_path / "there", empties=True)
    place.write("leaves/old.pt", source)
    with (tmp_path / "there" / "leaves" / "old.pt").open("rb") as in_the_bin:
        if replaced:
            place.write("leaves/old.pt", source)
        else:
            place.delete("leaves/old.pt")

        assert b"" == in_the_bin.read()


def test_a_mount_that_cannot_sync_is_written_to_all_the_same(tmp_path, source, monkeypatch):
    """`EINVAL` says that there is no such thing; any other error says that it went wrong."""
    place = Folder(tmp_path / "there")

    def refuse(_):
        raise OSError(number, "no")

    monkeypatch.setattr(places.os, "fsync", refuse)
    number = errno.EINVAL
    place.write("leaves/a", source)
    number = errno.EIO
    with pytest.raises(OSError, match="no"):
        place.write("leaves/b", source)

    assert "leaves/b" not in place.sizes("leaves")


def test_a_folder_knows_what_is_free_even_before_it_is_made(tmp_path):
    """What the disk says that it will lie on."""
    assert Folder(tmp_path / "a" / "b" / "c").free() > 0


def test_a_missing_package_is_named_with_the_way_out(monkeypatch):
    """What `pip` needs to be told."""
    monkeypatch.setitem(sys.modules, "fsspec.core", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'autofix_nb\[remote\]'"):
        Remote("s3://bucket/runs")


def test_a_missing_package_for_one_kind_of_url_is_named(monkeypatch):
    """fsspec is there, what speaks to the object store is not."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)

    with pytest.raises(ConfigurationError, match="pip install 'gcsfs'"):
        Remote("gs://bucket/runs")


def test_a_url_that_nobody_knows_is_refused():
    """With what would do."""
    with pytest.raises(ConfigurationError, match="wanted a folder, 'drive', or a URL such as 's3://bucket/runs'"):
        Remote("nonsense://bucket/runs")


def test_secrets_in_a_url_are_not_shown():
    """The title stands in journals, reports and pictures of them."""
    assert "ftp://host/runs" == shown("ftp://me:secret@host/runs?key=secret")
