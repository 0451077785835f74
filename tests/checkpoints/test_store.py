"""The store: whatever is cut, flipped, swapped or interrupted, a whole checkpoint comes back or a clear refusal."""

import hashlib
import json
import os
import pickle
import random

import pytest
import torch

from autofix_nb.checkpoints import LostPiece, Piece, Store, pieces, store, write_atomically
from autofix_nb.checkpoints.manifest import make_manifest
from autofix_nb.errors import StoreError


def save(made, step, **beside):
    state = {"n": step, "weights": torch.full((300,), float(step))}
    return made.save({"state": state} | beside, {"step": step, "epoch": 1, "status": "running"})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def made(folder):
    return Store(folder)


def newest(folder):
    """Return what the newest whole checkpoint holds, by a store opened anew."""
    opened = Store(folder, writable=False)
    checkpoint = opened.newest()
    return checkpoint and opened.load(checkpoint, "state")["n"]


def test_what_was_saved_is_loaded(made, folder):
    """Tensors and plain values, bit for bit; the manifest says where the run was."""
    save(made, 50, best={"w": torch.ones(3), "value": 0.5})
    opened = Store(folder, writable=False)
    checkpoint = opened.newest()

    assert {"state", "best"} == checkpoint.pieces.keys()
    assert (50, 1, "running") == (checkpoint.step, checkpoint.about["epoch"], checkpoint.about["status"])
    assert torch.equal(torch.full((300,), 50.0), opened.load(checkpoint, "state")["weights"])
    assert 0.5 == opened.load(checkpoint, "best")["value"]
    assert [] == opened.problems


def test_nothing_saved_is_none(made):
    """No checkpoint is no error, until one is asked for."""
    assert made.is_empty
    assert [] == made.checkpoints()
    assert made.newest() is None
    with pytest.raises(StoreError, match="holds no whole checkpoint: nothing was saved here"):
        made.whole()


def test_a_piece_that_is_there_is_not_written_again(made, folder):
    """The new manifest names the same file."""
    first = save(made, 50, best={"w": torch.ones(3)})
    file = folder / first.pieces["best"].file
    before = file.stat().st_mtime_ns
    second = save(made, 100, best=first.pieces["best"])

    assert first.pieces["best"] == second.pieces["best"]
    assert before == file.stat().st_mtime_ns
    assert 1.0 == made.load(second, "best")["w"][0]


def test_the_last_five_stay_and_what_only_older_ones_named_goes(made, folder):
    """A best piece of long ago stays as long as a kept manifest names it."""
    best = save(made, 50, best={"w": torch.ones(3)}).pieces["best"]
    for step in range(100, 500, 50):
        save(made, step, best=best)
    names = sorted(path.name for path in folder.iterdir())

    assert [450, 400, 350, 300, 250] == [one.step for one in made.checkpoints()]
    assert 5 == sum(name.startswith("state-") for name in names)
    assert best.file in names

    for step in range(500, 800, 50):
        save(made, step)
    assert best.file not in {path.name for path in folder.iterdir()}


def test_other_files_in_the_folder_are_left_alone(made, folder):
    """Tidying knows its own files by their names."""
    (folder / "notes.txt").write_text("mine")
    (folder / "model.pt").write_text("mine, too")
    for step in range(50, 500, 50):
        save(made, step)

    assert (folder / "notes.txt").exists()
    assert (folder / "model.pt").exists()


def test_the_same_step_twice_overwrites_nothing(made, folder):
    """A run that is stopped and resumed may save the same step with another state."""
    made.save({"state": {"n": 1}}, {"step": 50})
    made.save({"state": {"n": 2}}, {"step": 50})

    assert 2 == len(list(folder.glob("state-00000050-*.pt")))
    assert 2 == newest(folder)


def test_a_save_after_a_fall_back_is_the_newest_one(made, folder):
    """The damaged one has a higher step; what was saved later is newer all the same, and is not tidied away."""
    for step in (50, 100, 150, 200, 250, 300):
        save(made, step)
    for path in folder.glob("state-*.pt"):
        if "00000100" not in path.name:
            path.write_bytes(b"")

    save(made, 120)

    assert 120 == newest(folder)


def test_nothing_is_deleted_before_the_newest_was_read_back(made, folder, monkeypatch):
    """A disk that gives back something else than was written keeps all that was there."""
    for step in range(50, 300, 50):
        save(made, step)
    before = {path.name for path in folder.iterdir()}
    monkeypatch.setattr(pieces, "_problem", lambda path, piece: "has another SHA-256 than its manifest says")

    with pytest.raises(StoreError, match="does not give back what was written"):
        save(made, 300)
    monkeypatch.undo()

    assert before == {path.name for path in folder.iterdir()}


def test_a_piece_that_was_lost_meanwhile_is_said_by_name(made, folder):
    """Whoever saves can write it again; nothing was written before that was known."""
    best = save(made, 50, best={"w": torch.ones(3)}).pieces["best"]
    (folder / best.file).write_bytes(b"other")
    before = sorted(folder.iterdir())

    with pytest.raises(LostPiece, match="best-00000050") as caught:
        save(made, 100, best=best)

    assert ["best"] == caught.value.names
    assert before == sorted(folder.iterdir())


class Evil:
    """A pickle that leaves a mark when somebody unpickles it."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_nothing_in_it_is_run(made, folder, tmp_path, write):
    """Even with manifest and sums made to fit: `weights_only=True` runs nothing."""
    mark, file = tmp_path / "mark", folder / "evil.pt"
    if write == "torch":
        torch.save({"model": Evil(mark)}, file)
    else:
        file.write_bytes(pickle.dumps({"model": Evil(mark)}))
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    piece = Piece(f"state-00000050-{sha256[:12]}.pt", len(content), sha256)
    file.rename(folder / piece.file)
    checkpoint, text = make_manifest(1, {"state": piece}, {"step": 50})
    (folder / checkpoint.file).write_text(text)

    with pytest.raises(StoreError, match=r"more than tensors and plain values.*refused, and nothing in it was run"):
        made.load(made.whole(), "state")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "state-00000050-0123456789ab.pt/../x", "x.pt", ""])
def test_a_path_in_a_manifest_is_not_followed(made, folder, name):
    """With a sum that fits: names of pieces have one form, and no other is opened."""
    checkpoint, text = make_manifest(1, {"state": Piece(name, 1, "0" * 64)}, {"step": 50})
    (folder / checkpoint.file).write_text(text)

    assert made.newest() is None
    assert "it is not followed" in made.problems[0]


def test_a_link_out_of_the_folder_is_not_followed(made, folder, tmp_path):
    """The same bytes elsewhere are no piece of this run."""
    checkpoint = save(made, 50)
    file = folder / checkpoint.pieces["state"].file
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")

    assert made.newest() is None
    assert "is no file" in made.problems[0]


def test_a_folder_of_format_1_is_refused_with_words(made, folder):
    """It was never released; it is not taken for an empty one either."""
    (folder / "last.pt").write_bytes(b"old")

    assert not made.is_empty
    with pytest.raises(StoreError, match=r"before the first release.*resume=False"):
        made.whole()


def test_a_newer_format_is_passed_over_and_nothing_of_it_is_tidied_away(made, folder):
    """Somebody went back to an older version of the package."""
    save(made, 50)
    path = folder / "step-00000900-0123456789ab.json"
    path.write_text(json.dumps({"format": 3}))
    for step in range(100, 500, 50):
        save(made, step)

    assert path.exists()
    assert 450 == newest(folder)
    assert "has format 3, this version reads 2: update autofix_nb" in made.problems[0]
    assert 10 == len(list(folder.glob("step-*.json")))


@pytest.mark.parametrize("text", ["null", "[]", "3", "{}", '{"format": 2, "sha256": 3}', "\udcff", "[" * 100_000])
def test_a_manifest_of_another_form_is_none(made, folder, text):
    """Damage may leave valid JSON that is no manifest, and JSON that is none."""
    (folder / "step-00000050-0123456789ab.json").write_bytes(text.encode(errors="surrogateescape"))

    assert made.newest() is None
    assert made.problems[0].startswith("step-00000050-0123456789ab.json ")


def test_a_state_that_cannot_be_written_leaves_the_one_before(made, folder):
    """The refusal comes before any rename, and names the place."""
    save(made, 50)

    with pytest.raises(StoreError, match=r"`state\['f'\]` is a builtin"):
        made.save({"state": {"f": len}}, {"step": 100})

    assert 50 == newest(folder)
    assert not list(folder.glob("*.new"))


# --- a crash at any moment --------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The kernel dies here."""


class Crashing:
    """Stands for `os`: dies at its n-th rename or sync."""

    def __init__(self, at):
        self.left = at

    def __getattr__(self, name):
        return getattr(os, name)

    def replace(self, old, new):
        self._count()
        os.replace(old, new)

    def fsync(self, file):
        self._count()

    def _count(self):
        if self.left == 0:
            raise Crash
        self.left -= 1


def save_and_crash(monkeypatch, folder, step, at):
    """Save, die at the `at`-th rename or sync; return whether it died."""
    crashing = Crashing(at)
    with monkeypatch.context() as patched:
        patched.setattr(store, "os", crashing)
        patched.setattr(pieces, "os", crashing)
        try:
            save(Store(folder), step, best={"w": torch.full((3,), float(step))})
        except Crash:
            return True
    return False


CALLS = range(9)


def test_every_rename_of_a_save_is_tried(folder, monkeypatch):
    """The tests below count up to the last one."""
    assert [True, False] == [save_and_crash(monkeypatch, folder, step, CALLS[step]) for step in (7, 8)]


@pytest.mark.parametrize("before", [0, 1, 6])
@pytest.mark.parametrize("at", CALLS)
def test_a_crash_at_any_moment_of_a_save_loses_nothing(folder, monkeypatch, before, at):
    """The old checkpoint or the new one, whole; of a first save that was cut off, nothing at all."""
    for step in range(1, before + 1):
        save(Store(folder), step)
    died = save_and_crash(monkeypatch, folder, before + 1, at)

    assert newest(folder) in ((before or None, before + 1) if died else (before + 1,))
    second = save_and_crash(monkeypatch, folder, before + 2, at)
    assert newest(folder) in ((before or None, before + 1, before + 2) if second else (before + 2,))

    save(Store(folder), 90)
    assert 90 == newest(folder)
    assert not list(folder.glob("*.new"))


# --- damage -----------------------------------------------------------------------------------------------------------


def cut(path, chance):
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def flip(path, chance):
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def zeros(path, chance):
    path.write_bytes(bytes(path.stat().st_size))


def longer(path, chance):
    path.write_bytes(path.read_bytes() + chance.randbytes(1 + chance.randrange(100)))


def remove(path, chance):
    path.unlink()


def in_its_place(path, chance):
    path.unlink()
    path.mkdir()


def swap(path, chance):
    """With another file of the same kind: each whole in itself."""
    others = sorted(other for other in path.parent.glob(f"*{path.suffix}") if other != path and other.is_file())
    other = chance.choice(others) if others else path
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


DAMAGES = (cut, flip, flip, flip, zeros, longer, remove, in_its_place, swap)
PER_SEED = 50


@pytest.mark.parametrize("seed", range(20))
def test_of_1000_damaged_folders_none_is_loaded_silently_and_the_newest_whole_is_found(tmp_path, seed):
    """Up to four damages to a folder of up to four checkpoints, some beside a save that was cut off.

    What must come back is worked out from the bytes alone: the newest checkpoint of which no file was touched.
    """
    chance = random.Random(seed)
    template = tmp_path / "template"
    made = Store(template)
    saved, best = [], None
    for step in range(1, 1 + chance.choice([1, 3, 4])):
        best = best if best is not None and chance.random() < 0.5 else {"b": torch.tensor([step])}
        saved.append(made.save({"state": {"n": step}, "best": best}, {"step": step}))
        best = saved[-1].pieces["best"]
    whole = {path.name: path.read_bytes() for path in template.iterdir()}
    for number in range(PER_SEED):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in whole.items():
            (folder / name).write_bytes(content)
        if chance.random() < 0.2:  # a newer one, but incomplete: manifest without its state
            checkpoint, text = make_manifest(
                99,
                saved[-1].pieces | {"state": Piece("state-00000099-0123456789ab.pt", 100, "0123456789ab" + "0" * 52)},
                {"step": 99},
            )
            (folder / checkpoint.file).write_text(text)
            (folder / "state-00000099.pt.new").write_bytes(b"half of it")
        for _ in range(chance.randrange(1, 5)):
            files = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size)
            if files:
                chance.choice(DAMAGES)(chance.choice(files), chance)
        now = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        expected = [
            one.step
            for one in saved
            if all(now.get(name) == whole[name] for name in (one.file, *(part.file for part in one.pieces.values())))
        ]

        opened = Store(folder, writable=False)
        found = opened.newest()

        assert (max(expected) if expected else None) == (found and opened.load(found, "state")["n"])
        assert found is not None or opened.problems or not list(folder.glob("step-*.json"))
        save(Store(folder), 100)
        assert 100 == newest(folder)


# --- the folder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["runs", "runs/leaves", "runs/leaves/checkpoints"])
def test_a_folder_that_cannot_be_made_is_refused_with_the_way_out(tmp_path, where):
    """Here a file stands where the folder should be."""
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("I am a file")

    with pytest.raises(StoreError, match=r"`store`: .*runs.* cannot be written \(.+\); wanted a folder.*`store=`"):
        Store(tmp_path / "runs" / "leaves" / "checkpoints")


def test_reading_writes_nothing(tmp_path):
    """Somebody else's run may lie where one may not write."""
    made = Store(tmp_path / "checkpoints", writable=False)

    assert made.newest() is None
    assert [] == list(tmp_path.iterdir())


def test_a_piece_that_is_not_there_is_named(made):
    """Together with those that are."""
    with pytest.raises(StoreError, match=r"has no piece 'best'; it has \['state'\]"):
        made.load(save(made, 50), "best")


def test_a_small_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """A reader sees the old text or the new one."""
    path = tmp_path / "summary.json"
    write_atomically(path, json.dumps({"a": 1}))
    for at in range(2):
        monkeypatch.setattr(pieces, "os", Crashing(at))
        with pytest.raises(Crash):
            write_atomically(path, json.dumps({"a": 2}))

        assert {"a": 1} == json.loads(path.read_text())


def test_names_that_are_no_utf8_are_written_in_a_readable_form(tmp_path):
    """Linux hands over the name of such a file with lone surrogates; they must not end the training."""
    write_atomically(tmp_path / "report.html", "cannot identify b\udce4r.jpg, größer")

    assert "cannot identify b\\udce4r.jpg, größer" == (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_piece_that_vanishes_while_a_checkpoint_is_written_is_no_success(tmp_path, monkeypatch):
    """Another process may tidy away what no manifest names yet: the save has failed, and the one before goes on."""
    kept = Store(tmp_path)
    kept.save({"state": {"weights": torch.zeros(3)}}, {"step": 1})
    real = store.make_manifest

    def tidied(number, pieces, about):
        made = real(number, pieces, about)
        (tmp_path / pieces["state"].file).unlink()
        return made

    monkeypatch.setattr(store, "make_manifest", tidied)
    with pytest.raises(OSError, match="vanished while the checkpoint was written"):
        kept.save({"state": {"weights": torch.ones(3)}}, {"step": 2})

    assert 1 == Store(tmp_path).newest().step
