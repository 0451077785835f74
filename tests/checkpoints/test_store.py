"""Checkpoint files: whatever is cut, flipped or interrupted, a whole state comes back or a clear refusal."""

import json
import os

import pytest
import torch

from autofix_nb.checkpoints import Store, store, write_atomically
from autofix_nb.errors import StoreError


def saved(tmp_path, *states):
    made = Store(tmp_path / "checkpoints")
    for state in states:
        made.save("last", {"n": state, "weights": torch.full((300,), float(state))})
    return made


def loaded(tmp_path, name="last"):
    state = Store(tmp_path / "checkpoints").load(name)
    return state and state["n"]


def test_what_was_saved_is_loaded(tmp_path):
    """Tensors and plain values, bit for bit, and the format's number with them."""
    saved(tmp_path, 1)
    state = Store(tmp_path / "checkpoints").load("last")

    assert {"format", "n", "weights"} == state.keys()
    assert torch.equal(torch.ones(300), state["weights"])


def test_files_load_without_running_code(tmp_path):
    """Promise 7: `weights_only=True` is enough."""
    path = saved(tmp_path, 1).save("best", {"model": {"w": torch.ones(2)}, "value": 0.5})

    assert 0.5 == torch.load(path, weights_only=True)["value"]


def test_nothing_saved_is_none(tmp_path):
    """No file is no error."""
    made = Store(tmp_path / "checkpoints")

    assert None is made.load("last")
    assert not made.has("last")


def test_names_do_not_mix(tmp_path):
    """`last` and `best` lie side by side."""
    made = saved(tmp_path, 1, 2)
    made.save("best", {"n": 9})

    assert (2, 9) == (loaded(tmp_path), loaded(tmp_path, "best"))
    assert made.has("best")


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def remove(path):
    path.unlink()


DAMAGES = [pytest.param(damage, id=damage.__name__) for damage in (cut, flip, empty, zeros, remove)]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["last.pt", "last.json"])
def test_a_damaged_file_gives_way_to_the_whole_one_before(tmp_path, file, damage):
    """The one before is kept for that."""
    saved(tmp_path, 1, 2)
    damage(tmp_path / "checkpoints" / file)

    assert 1 == loaded(tmp_path)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["last.old.pt", "last.old.json"])
def test_a_damaged_older_file_does_not_matter(tmp_path, file, damage):
    """The newest is whole."""
    saved(tmp_path, 1, 2)
    damage(tmp_path / "checkpoints" / file)

    assert 2 == loaded(tmp_path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(cut, "bytes, its manifest says", id="cut"),
        pytest.param(flip, "has another SHA-256 than its manifest says", id="flip"),
    ],
)
def test_no_whole_file_is_a_clear_refusal(tmp_path, damage, said):
    """It names the folder, both files with what is wrong with each, and the way out."""
    saved(tmp_path, 1, 2)
    for file in ("last.pt", "last.old.pt"):
        damage(tmp_path / "checkpoints" / file)

    with pytest.raises(StoreError) as caught:
        loaded(tmp_path)

    assert 2 == str(caught.value).count(said)
    for word in (str(tmp_path), "last.pt has", "last.old.pt has", "`resume=False`"):
        assert word in str(caught.value)


@pytest.mark.parametrize("manifest", ["null", "[]", "3", "{}", '{"bytes": "many"}', "\udcff"])
def test_a_manifest_of_another_form_is_none(tmp_path, manifest):
    """Damage may leave valid JSON that is no manifest."""
    saved(tmp_path, 1)
    (tmp_path / "checkpoints" / "last.json").write_bytes(manifest.encode(errors="surrogateescape"))

    with pytest.raises(StoreError, match=r"last\.pt has"):
        loaded(tmp_path)


class Crash(BaseException):
    """The kernel dies here."""


class Crashing:
    """Stands for `os`: dies at its n-th rename or sync, before or in the middle of it."""

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


def save_and_crash(monkeypatch, folder, state, at):
    """Save, die at the `at`-th rename or sync; return whether it died."""
    with monkeypatch.context() as patched:
        patched.setattr(store, "os", Crashing(at))
        try:
            Store(folder).save("last", {"n": state, "weights": torch.full((300,), float(state))})
        except Crash:
            return True
    return False


CALLS = range(8)


@pytest.mark.parametrize("before", [0, 1, 2], ids=["first-save", "second-save", "third-save"])
@pytest.mark.parametrize("at", CALLS)
def test_a_crash_between_any_two_renames_loses_nothing(tmp_path, monkeypatch, before, at):
    """The old state or the new one, whole; and of a first save that was cut off, nothing at all."""
    saved(tmp_path, *range(1, before + 1))
    died = save_and_crash(monkeypatch, tmp_path / "checkpoints", before + 1, at)

    assert loaded(tmp_path) in ((before or None, before + 1) if died else (before + 1,))
    saved(tmp_path, 9)

    assert 9 == loaded(tmp_path)


@pytest.mark.parametrize("before", [0, 1, 2], ids=["first-save", "second-save", "third-save"])
@pytest.mark.parametrize("at", CALLS)
def test_two_crashes_in_a_row_lose_nothing_either(tmp_path, monkeypatch, before, at):
    """What the first crash left behind must not cost the second one its whole file."""
    folder = tmp_path / "checkpoints"
    for second in CALLS:
        for path in folder.glob("*"):
            path.unlink()
        saved(tmp_path, *range(1, before + 1))
        save_and_crash(monkeypatch, folder, before + 1, at)
        after_first = loaded(tmp_path)
        save_and_crash(monkeypatch, folder, before + 2, second)

        assert loaded(tmp_path) in (after_first, before or None, before + 1, before + 2)
        assert after_first is None or loaded(tmp_path) is not None


def test_every_rename_of_a_save_was_tried(tmp_path, monkeypatch):
    """The tests above count up to the last one."""
    saved(tmp_path, 1, 2)
    died = [save_and_crash(monkeypatch, tmp_path / "checkpoints", state, CALLS[state]) for state in (5, 6, 7)]

    assert [True, True, False] == died


def test_a_save_after_damage_keeps_a_whole_file_at_every_moment(tmp_path, monkeypatch):
    """A damaged file takes the older one's place; by then the new one is whole under its temporary name."""
    for at in CALLS:
        saved(tmp_path, 1, 2)
        flip(tmp_path / "checkpoints" / "last.pt")
        save_and_crash(monkeypatch, tmp_path / "checkpoints", 3, at)

        assert loaded(tmp_path) in (1, 3)


def test_a_save_that_cannot_be_written_leaves_the_one_before(tmp_path):
    """The refusal comes before any rename."""
    made = saved(tmp_path, 1)

    with pytest.raises(StoreError, match=r"`last\['f'\]` is a builtin"):
        made.save("last", {"f": len})

    assert 1 == loaded(tmp_path)


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

    assert None is made.load("last")
    assert [] == list(tmp_path.iterdir())


def test_a_small_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """A reader sees the old text or the new one."""
    path = tmp_path / "summary.json"
    write_atomically(path, json.dumps({"a": 1}))
    for at in range(2):
        monkeypatch.setattr(store, "os", Crashing(at))
        with pytest.raises(Crash):
            write_atomically(path, json.dumps({"a": 2}))

        assert {"a": 1} == json.loads(path.read_text())


def test_names_that_are_no_utf8_are_written_in_a_readable_form(tmp_path):
    """Linux hands over the name of such a file with lone surrogates; they must not end the training."""
    write_atomically(tmp_path / "report.html", "cannot identify b\udce4r.jpg, größer")

    assert "cannot identify b\\udce4r.jpg, größer" == (tmp_path / "report.html").read_text(encoding="utf-8")
