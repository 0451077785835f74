"""At a start the newest whole checkpoint wins, wherever it is, and the reason is said."""

import errno

import fsspec
import pytest

from autofix_nb.checkpoints import Store
from autofix_nb.checkpoints.copies import Copies
from autofix_nb.checkpoints.newest import newest_of
from autofix_nb.checkpoints.places import Remote
from autofix_nb.errors import StoreError
from tests.checkpoints.standins import Faulty, Run, folder_place, fresh_machine


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "here" / "leaves")


@pytest.fixture(params=["folder", "memory"])
def place(request, tmp_path):
    if request.param == "memory":
        yield Remote(f"memory://{tmp_path.name}/runs")
        fsspec.filesystem("memory").rm("/", recursive=True)
    else:
        yield folder_place(tmp_path)


def asked(folder, place):
    """Return the answer, and the pauses that it took."""
    pauses = []
    return newest_of(Copies(place, folder), pauses.append), pauses


def in_folder(folder):
    found = Store(folder / "checkpoints", writable=False).newest()
    return found and found.step


def spoil(folder, checkpoint):
    path = folder / "checkpoints" / checkpoint.pieces["state"].file
    path.write_bytes(path.read_bytes()[:-1])


def test_a_fresh_machine_gets_everything(run, place, tmp_path):
    """The machine is another one and its disk is empty: checkpoint, journal and settings come from the place."""
    run.carry(place, run.save(5))
    folder = fresh_machine(run, tmp_path)

    answer, pauses = asked(folder, place)

    assert ("there", 5, []) == (answer.where, in_folder(folder), pauses)
    assert "went on from step 5, fetched from" in answer.says
    assert answer.says.endswith("nothing whole is on this machine")
    assert (run.folder / "run.json").read_text() == (folder / "run.json").read_text()
    assert (folder / "journal.jsonl").read_bytes().startswith((run.folder / "journal.jsonl").read_bytes()[:80])


def test_pictures_come_with_the_run(run, place, tmp_path):
    """Those of samples set aside; another file, one that is too large, or one that cannot be read is no matter."""
    (run.folder / "quarantine").mkdir()
    (run.folder / "quarantine" / "sample-3.png").write_bytes(b"\x89PNG three")
    run.carry(place, run.save(5))
    for name, content in {"other.png": b"\x89PNG", "sample-4.png": bytes(50_000)}.items():
        (tmp_path / name).write_bytes(content)
        place.write(f"leaves/quarantine/{name}", tmp_path / name)
    folder = fresh_machine(run, tmp_path)

    answer, _ = asked(folder, place)

    assert "there" == answer.where
    assert ["sample-3.png"] == [path.name for path in (folder / "quarantine").iterdir()]
    assert b"\x89PNG three" == (folder / "quarantine" / "sample-3.png").read_bytes()


def test_nothing_anywhere_is_no_error(place, tmp_path):
    """The first time."""
    answer, _ = asked(tmp_path / "here" / "leaves", place)

    assert ("nowhere", "") == (answer.where, answer.says)


def test_what_is_here_and_newer_stays(run, place):
    """The place lags behind by one: nothing is fetched."""
    run.carry(place, run.save(5))
    run.save(6)

    answer, _ = asked(run.folder, watched := Faulty(place))

    assert ("here", 6) == (answer.where, answer.checkpoint.step)
    assert "the newest copy in" in answer.says
    assert not [name for what, name in watched.calls if what == "open" and name.endswith(".pt")]


def test_a_newer_copy_is_fetched_over_what_is_here(run, place, tmp_path):
    """Another machine went on meanwhile; pieces that are the same are not fetched again."""
    first = run.save(5)
    run.carry(place, first)
    folder = fresh_machine(run, tmp_path)
    asked(folder, place)
    other = Run(folder)
    other.same = dict(first.pieces)
    other.carry(place, other.save(9, keep=["best"]))

    answer, _ = asked(run.folder, watched := Faulty(place))

    assert ("there", 9, 9) == (answer.where, answer.checkpoint.step, in_folder(run.folder))
    assert "newer than step 5 here" in answer.says
    assert not [name for what, name in watched.calls if what == "open" and "/best-" in name]


def test_damage_here_is_healed_from_there(run, place):
    """The newest here is cut off; the copy of the same is whole."""
    checkpoint = run.save(5)
    run.carry(place, checkpoint)
    spoil(run.folder, checkpoint)

    answer, _ = asked(run.folder, place)

    assert ("there", 5) == (answer.where, in_folder(run.folder))
    assert [problem for problem in answer.problems if checkpoint.pieces["state"].file in problem]


def test_damage_there_is_passed_over(run, tmp_path):
    """The newest copy is cut off: the one before comes, and what was passed over is told."""
    place = folder_place(tmp_path)
    made = run.copies(place)
    made.carry(run.save(5), run.folder / "checkpoints")
    newest = run.save(6)
    made.carry(newest, run.folder / "checkpoints")
    spoil(tmp_path / "there" / "leaves", newest)
    folder = fresh_machine(run, tmp_path)

    answer, _ = asked(folder, place)

    assert ("there", 5) == (answer.where, in_folder(folder))
    assert "has another SHA-256" in answer.problems[0]


def test_a_place_that_answers_the_second_time(run, place, tmp_path):
    """Repeated attempts may succeed; there are pauses between them."""
    run.carry(place, run.save(5))
    folder = fresh_machine(run, tmp_path)

    answer, pauses = asked(folder, Faulty(place, OSError(errno.EIO, "no"), at=("sizes",)))

    assert ("there", [1.0]) == (answer.where, pauses)


def test_a_place_that_cannot_be_read_is_no_reason_to_begin_anew(run, place, tmp_path):
    """A run may be there: without one here that is an error with the way out; with one here it goes on."""
    run.carry(place, run.save(5))
    dead = [OSError(errno.ENOTCONN, "Transport endpoint is not connected")] * 9

    with pytest.raises(StoreError, match=r"cannot be read .*resume=False"):
        asked(fresh_machine(run, tmp_path), Faulty(place, *dead, at=("sizes",)))
    answer, _ = asked(run.folder, Faulty(place, *dead, at=("sizes",)))

    assert ("here", 5) == (answer.where, answer.checkpoint.step)
    assert "cannot be read" in answer.says


def test_copies_that_are_all_damaged_are_no_reason_to_begin_anew(run, tmp_path):
    """The same: said, and left to the user."""
    checkpoint = run.save(5)
    run.carry(place := folder_place(tmp_path), checkpoint)
    spoil(tmp_path / "there" / "leaves", checkpoint)

    with pytest.raises(StoreError, match=r"holds no whole checkpoint: .*another SHA-256"):
        asked(fresh_machine(run, tmp_path), place)


def test_another_run_of_the_name_there_wins_only_if_it_is_newer(run, place, tmp_path):
    """The one that was here is kept under another name, and not mixed with it."""
    run.save(5)
    other = Run(tmp_path / "elsewhere" / "leaves", begun=1.6e9)
    other.carry(place, other.save(3))

    answer, _ = asked(run.folder, place)

    assert ("there", 3, 3) == (answer.where, answer.checkpoint.step, in_folder(run.folder))
    assert 5 == in_folder(run.folder.with_name("leaves.before-1"))
    assert "is kept in" in answer.problems[-1]


def test_another_run_there_that_is_damaged_changes_nothing_here(run, tmp_path):
    """What was put aside for it comes back."""
    run.save(5)
    other = Run(tmp_path / "elsewhere" / "leaves", begun=1.6e9)
    checkpoint = other.save(3)
    other.carry(place := folder_place(tmp_path), checkpoint)
    spoil(tmp_path / "there" / "leaves", checkpoint)

    answer, _ = asked(run.folder, place)

    assert ("here", 5) == (answer.where, in_folder(run.folder))
    assert not run.folder.with_name("leaves.before-1").exists()


def test_a_journal_is_never_thrown_away(run, place, tmp_path):
    """A longer one here stays; one that says other things is kept under another name."""
    run.carry(place, run.save(5))
    folder = fresh_machine(run, tmp_path)
    asked(folder, place)
    other = Run(folder)
    other.carry(place, other.save(9))
    run.save(6)
    before = (run.folder / "journal.jsonl").read_bytes()
    spoil(run.folder, Store(run.folder / "checkpoints").newest())

    asked(run.folder, place)

    assert before == (run.folder / "journal.before-1.jsonl").read_bytes()
    assert (folder / "journal.jsonl").read_bytes() == (run.folder / "journal.jsonl").read_bytes()


def test_a_small_file_that_was_being_replaced_is_there_in_full(run, tmp_path):
    """On Drive the old one is emptied before the new one takes its name: a kill in between loses neither."""
    run.carry(place := folder_place(tmp_path), run.save(5))
    there = tmp_path / "there" / "leaves"
    (there / "run.json.new").write_bytes((there / "run.json").read_bytes())
    (there / "run.json").write_bytes(b"")
    folder = fresh_machine(run, tmp_path)

    asked(folder, place)

    assert '{"seed": 1}\n' == (folder / "run.json").read_text()


class Torn:
    """A place whose connection is lost in the middle of one file, each time."""

    def __init__(self, place, part):
        self.place, self.part, self.title, self.lost = place, part, place.title, 0

    def __getattr__(self, name):
        return getattr(self.place, name)

    def open(self, name):
        file = self.place.open(name)
        return file if self.part not in name else _Torn(file, self)


class _Torn:
    def __init__(self, file, place):
        self.file, self.place, self.read_once = file, place, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def read(self, size):
        if self.read_once:
            self.place.lost += 1
            raise ConnectionResetError(104, "Connection reset by peer")
        self.read_once = True
        return self.file.read(20)


@pytest.mark.parametrize("part", ["state-00000006", "best-00000006", "run.json"])
def test_a_connection_that_is_lost_half_way_leaves_nothing_half(run, tmp_path, part):
    """The next newest whole copy is taken, and it is said why; of the torn one nothing lies here."""
    place = folder_place(tmp_path)
    made = run.copies(place)
    made.carry(run.save(5), run.folder / "checkpoints")
    made.carry(run.save(6), run.folder / "checkpoints")
    folder = fresh_machine(run, tmp_path)

    if part == "run.json":
        with pytest.raises(StoreError, match=r"could not be fetched: ConnectionResetError.*resume=False"):
            asked(folder, torn := Torn(place, part))
        assert [] == list((folder / "checkpoints").iterdir())
    else:
        answer, pauses = asked(folder, torn := Torn(place, part))
        assert ("there", 5, 5) == (answer.where, answer.checkpoint.step, in_folder(folder))
        assert "could not be fetched: ConnectionResetError" in answer.problems[0]
        assert [1.0, 5.0] == pauses
        assert [] == [path.name for path in (folder / "checkpoints").iterdir() if "00000006" in path.name]
    assert torn.lost >= 3
    assert [] == list(folder.rglob("*.new"))


def test_a_disk_that_is_full_half_way_goes_on_with_what_is_here(run, place, monkeypatch, tmp_path):
    """The newer copy does not fit: what is here counts, with the reason, and the room is given back."""
    run.carry(place, run.save(5))
    folder = fresh_machine(run, tmp_path)
    asked(folder, place)
    run.carry(place, run.save(6))
    before = sorted(path.name for path in (folder / "checkpoints").iterdir())
    real = Copies.fetch

    def full(self, name, to):
        if "best-00000006" in name:
            to.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, name, to)

    monkeypatch.setattr(Copies, "fetch", full)
    answer, _ = asked(folder, place)

    assert ("here", 5) == (answer.where, in_folder(folder))
    assert "is of step 6, which could not be fetched whole" in answer.says
    assert "No space left" in answer.problems[0]
    assert before == sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_a_piece_that_is_damaged_in_every_copy_does_not_cost_the_run(run, tmp_path):
    """A fresh machine, and both copies name one damaged file: the state comes, and the loss is told."""
    place = folder_place(tmp_path)
    made = run.copies(place)
    made.carry(run.save(5), run.folder / "checkpoints")
    newest = run.save(6, keep=["best"])
    made.carry(newest, run.folder / "checkpoints")
    path = tmp_path / "there" / "leaves" / "checkpoints" / newest.pieces["best"].file
    path.write_bytes(path.read_bytes()[:-1])
    folder = fresh_machine(run, tmp_path)

    answer, _ = asked(folder, place)

    found = Store(folder / "checkpoints").resumable()
    assert ("there", 6, 6) == (answer.where, answer.checkpoint.step, found.step)
    assert {"best"} == set(found.lost)
    assert "best-00000005" in answer.problems[0]


def test_an_interrupt_while_another_run_is_fetched_puts_back_what_was_here(run, place, tmp_path):
    """Stop was pressed: the run of this machine is where it was."""
    run.save(5)
    other = Run(tmp_path / "elsewhere" / "leaves", begun=1.6e9)
    other.carry(place, other.save(3))

    class Stopped(Faulty):
        def open(self, name):
            if "state-" in name:
                raise KeyboardInterrupt
            return super().open(name)

    with pytest.raises(KeyboardInterrupt):
        asked(run.folder, Stopped(place))

    assert 5 == in_folder(run.folder)
    assert not run.folder.with_name("leaves.before-1").exists()
