"""Copies of a run: whole and read back, the manifest last; older ones go only after the newer was proved."""

import errno
import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autofix_nb.checkpoints import Store, copies
from autofix_nb.checkpoints.copies import NotHere
from autofix_nb.checkpoints.places import Folder
from tests.checkpoints.standins import Faulty, Run, folder_place


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "here" / "leaves")


@pytest.fixture
def place(tmp_path):
    return folder_place(tmp_path)


def there(tmp_path):
    """Return the copies as the store of another machine would read them."""
    return Store(tmp_path / "there" / "leaves" / "checkpoints", writable=False)


def test_a_copy_is_a_whole_run(run, place, tmp_path):
    """Checkpoints and small files lie as in the run's own folder: whoever has only the place has everything."""
    run.carry(place, run.save(5))

    assert 5 == there(tmp_path).newest().step
    for file in ("run.json", "journal.jsonl"):
        assert (run.folder / file).read_bytes() == (tmp_path / "there" / "leaves" / file).read_bytes()


def test_a_piece_that_is_there_is_not_copied_again(run, place):
    """Not even by a process that knows nothing of the one that brought it there: it is read and compared."""
    run.carry(place, run.save(5))
    watched = Faulty(place)

    run.carry(watched, run.save(6, keep=["best"]))

    written = [name.rpartition("/")[2] for what, name in watched.calls if what == "write"]
    assert not [name for name in written if name.startswith("best-")]
    assert [name for name in written if name.startswith("state-")]


def test_the_manifest_comes_last(run, place):
    """Until then nobody believes what lies there."""
    watched = Faulty(place)
    checkpoint = run.save(5)

    run.carry(watched, checkpoint)

    written = [name for what, name in watched.calls if what == "write"]
    assert f"leaves/checkpoints/{checkpoint.file}" == written[-1]


@pytest.mark.parametrize("fault", ["short", "changed", "short read"])
@pytest.mark.parametrize("at", range(6))
def test_what_comes_back_otherwise_is_no_copy(run, place, tmp_path, fault, at):
    """Whichever file of a checkpoint it happens to: an error, the copy before is whole, the next attempt heals it."""
    run.carry(place, run.save(5))
    what = "open" if fault == "short read" else "write"
    faulty = Faulty(place, *[None] * at, fault, at=(what,))
    made, checkpoint = run.copies(faulty), run.save(6)

    try:
        made.carry(checkpoint, run.folder / "checkpoints")
    except OSError:
        assert there(tmp_path).newest().step in (5, 6)
        made.carry(checkpoint, run.folder / "checkpoints")

    assert 6 == there(tmp_path).newest().step
    assert None is there(tmp_path).problem(next(iter(there(tmp_path).checkpoints())))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from([None, None, None, "short", "changed", 5, 28, 107]), max_size=30))
def test_whatever_fails_an_older_copy_is_whole(tmp_path, faults):
    """Law: once a copy was proved there is a whole one at any time, and at the end the newest is there."""
    shutil.rmtree(tmp_path, ignore_errors=True)
    run, place = Run(tmp_path / "here" / "leaves"), folder_place(tmp_path)
    run.carry(place, run.save(1))
    raised = [OSError(fault, "no") if isinstance(fault, int) else fault for fault in faults]
    made = run.copies(Faulty(place, *raised, at=("write", "delete", "sizes", "open")))

    for step in range(2, 6):
        checkpoint = run.save(step)
        for _ in range(3):
            try:
                made.carry(checkpoint, run.folder / "checkpoints")
                proved = True
            except OSError:
                proved = False
            whole = there(tmp_path).newest()
            assert whole is not None
            assert whole.step == step or not proved
    made.place.faults.clear()
    made.carry(run.save(9), run.folder / "checkpoints")

    assert 9 == there(tmp_path).newest().step


def test_the_last_two_stay_with_what_they_name(run, place, tmp_path):
    """Older manifests and pieces that nobody names go; what is not ours stays."""
    (tmp_path / "there" / "leaves" / "checkpoints").mkdir(parents=True)
    (tmp_path / "there" / "leaves" / "checkpoints" / "mine.txt").write_text("not of ours")
    made = run.copies(place)
    for step in (1, 2, 3, 4):
        made.carry(run.save(step, keep=["best"] if step > 1 else ()), run.folder / "checkpoints")

    assert [4, 3] == [one.step for one in there(tmp_path).checkpoints()]
    files = sorted(path.name[:14] for path in (tmp_path / "there" / "leaves" / "checkpoints").iterdir())
    assert [
        "best-00000001-",
        "mine.txt",
        "state-00000003",
        "state-00000004",
        "step-00000003-",
        "step-00000004-",
    ] == files


def test_nothing_goes_before_the_newer_is_proved(run, place):
    """The first file that is deleted goes after the newest manifest was written and read."""
    made = run.copies(watched := Faulty(place))
    for step in (1, 2, 3):
        newest = run.save(step)
        watched.calls.clear()
        made.carry(newest, run.folder / "checkpoints")

    manifest = f"leaves/checkpoints/{newest.file}"
    deleted = next(at for at, (what, _) in enumerate(watched.calls) if what == "delete")
    assert watched.calls.index(("write", manifest)) < watched.calls.index(("open", manifest)) < deleted


def test_a_checkpoint_of_a_newer_version_is_left_alone(run, place, tmp_path):
    """What it names is not for us to judge: the copying fails with words, and nothing is deleted."""
    run.carry(place, run.save(1))
    newer = tmp_path / "there" / "leaves" / "checkpoints" / "step-00000009-0123456789ab.json"
    newer.write_text(json.dumps({"format": 99}))

    with pytest.raises(OSError, match="update autofix_nb"):
        run.carry(place, run.save(2))

    assert newer.exists()
    assert 1 == there(tmp_path).newest().step


def test_another_run_of_this_name_makes_way(run, place, tmp_path):
    """`resume=False` here, or another machine there: nothing of the other run is deleted."""
    other = Run(tmp_path / "elsewhere" / "leaves", begun=1.6e9)
    other.carry(place, other.save(500))

    made = run.copies(place)
    made.carry(run.save(5), run.folder / "checkpoints")

    assert "leaves.before-1" == made.moved_to
    assert 5 == there(tmp_path).newest().step
    assert 500 == Store(tmp_path / "there" / "leaves.before-1" / "checkpoints", writable=False).newest().step


class Small(Folder):
    """A folder on a disk with room for so many bytes."""

    def __init__(self, root, room):
        super().__init__(root, title="Drive")
        self.room, self.root = room, root

    def free(self):
        return self.room - sum(self.sizes("leaves").values())


def test_a_place_that_is_nearly_full_keeps_one_copy_fewer(run, tmp_path, monkeypatch):
    """Room is made by deleting what is older than a copy that is whole; without room it is error 28, before a byte."""
    monkeypatch.setattr(copies, "SPARE_BYTES", 0)
    first = run.save(1)
    size = sum(piece.bytes for piece in first.pieces.values())
    place = Small(tmp_path / "there", int(3.2 * size) + 2000)
    made = run.copies(place)
    for checkpoint in (first, run.save(2), run.save(3)):
        made.carry(checkpoint, run.folder / "checkpoints")
    assert [3, 2] == [one.step for one in there(tmp_path).checkpoints()]

    place.room = int(2.5 * size) + 2000
    made.carry(run.save(4), run.folder / "checkpoints")
    assert [4, 3] == [one.step for one in there(tmp_path).checkpoints()]

    place.room = int(1.5 * size)
    with pytest.raises(OSError, match=r"MB wanted and .* MB free in Drive: make some room") as caught:
        made.carry(run.save(5), run.folder / "checkpoints")
    assert errno.ENOSPC == caught.value.errno
    assert 4 == there(tmp_path).newest().step


def test_a_piece_that_was_tidied_away_here_is_said_as_such(run, place):
    """It is no fault of the place: newer checkpoints are there to copy."""
    checkpoint = run.save(1)
    (run.folder / "checkpoints" / checkpoint.pieces["state"].file).unlink()

    with pytest.raises(NotHere, match="tidied away"):
        run.carry(place, checkpoint)


def test_small_files_are_copied_when_they_changed(run, place):
    """The journal grows with each save; the settings stay as they are."""
    made = run.copies(watched := Faulty(place))
    made.carry(run.save(1), run.folder / "checkpoints")
    watched.calls.clear()

    made.carry(run.save(2), run.folder / "checkpoints")

    written = {name for what, name in watched.calls if what == "write"}
    assert "leaves/journal.jsonl" in written
    assert "leaves/run.json" not in written


def test_pictures_of_samples_set_aside_are_copied_once(run, place, tmp_path):
    """Whoever has only the place sees them in the report, too; what is no picture of ours stays where it is."""
    folder = run.folder / "quarantine"
    folder.mkdir()
    (folder / "sample-3.png").write_bytes(b"\x89PNG three")
    (folder / "notes.png").write_bytes(b"somebody's own")
    made = run.copies(watched := Faulty(place))
    made.carry(run.save(1), run.folder / "checkpoints")
    (folder / "sample-8.png").write_bytes(b"\x89PNG eight")
    made.carry(run.save(2), run.folder / "checkpoints")

    there = tmp_path / "there" / "leaves" / "quarantine"
    assert {"sample-3.png", "sample-8.png"} == {path.name for path in there.iterdir()}
    assert (folder / "sample-8.png").read_bytes() == (there / "sample-8.png").read_bytes()
    written = [name for what, name in watched.calls if what == "write" and "quarantine" in name]
    assert ["leaves/quarantine/sample-3.png", "leaves/quarantine/sample-8.png"] == written
