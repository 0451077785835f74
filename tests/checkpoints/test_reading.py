"""Reading: also while somebody saves and tidies, and also when one damaged file belongs to every checkpoint."""

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.checkpoints import Store, reading
from autofix_nb.checkpoints.reading import Reader
from autofix_nb.errors import StoreError


def save(store, step, **beside):
    return store.save({"state": {"n": step}} | beside, {"step": step})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def shared(folder):
    """A store with three checkpoints that share their first and best weights."""
    store = Store(folder)
    made = save(store, 1, first={"w": torch.zeros(3)}, best={"w": torch.ones(3)})
    for step in (2, 3):
        made = save(store, step, first=made.pieces["first"], best=made.pieces["best"])
    return made


def spoil(folder, piece):
    path = folder / piece.file
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("names", [("best",), ("first",), ("best", "first")])
def test_what_a_shared_damaged_piece_leaves_is_gone_on_from(folder, shared, names):
    """The newest whole state, with the pieces that are whole; what is lost is told by name and never loaded."""
    for name in names:
        spoil(folder, shared.pieces[name])
    reader = Reader(folder)
    assert reader.newest() is None
    with pytest.raises(StoreError, match="holds no whole checkpoint"):
        reader.whole()

    found, loaded = reader.resumable(), reader.read("state", "first", "best")[1]

    assert 3 == found.step == loaded["state"]["n"]
    assert set(names) == set(found.lost) == {"first", "best"} - set(loaded)
    assert all("bytes, its manifest says" in found.lost[name] for name in names)
    with pytest.raises(StoreError, match=f"has lost its piece '{names[0]}'"):
        reader.load(found, names[0])


def test_a_whole_older_one_is_better_than_a_part_of_the_newest(folder):
    """Gone on from there nothing is lost but time, and what comes out is what would have come out."""
    store = Store(folder)
    save(store, 1, best={"w": torch.ones(3)})
    spoil(folder, save(store, 2, best={"w": torch.zeros(3)}).pieces["best"])

    found = Reader(folder).resumable()

    assert (1, {}) == (found.step, found.lost)


def test_of_parts_the_newest_whole_state_counts(folder, shared):
    """Its problems name those newer ones that were passed over, and no others."""
    spoil(folder, shared.pieces["best"])
    spoil(folder, shared.pieces["state"])
    reader = Reader(folder)

    assert 2 == reader.resumable().step
    assert [shared.file] == [problem.partition(":")[0] for problem in reader.problems]


@pytest.mark.parametrize("name", ["state", "before"])
def test_nobody_goes_on_without_what_is_needed(folder, name):
    """Without the state there is nothing; without what a change on trial began at, undoing it would be wrong."""
    spoil(folder, save(Store(folder), 1, before={"w": torch.ones(3)}).pieces[name])

    with pytest.raises(StoreError, match=f"holds no whole checkpoint.*{name}-00000001"):
        Reader(folder).resumable()


def test_a_checkpoint_that_is_tidied_away_while_it_is_read_is_taken_anew(folder, monkeypatch):
    """Six saves between the choice and the reading: the newest whole one is taken again."""
    store, real = Store(folder), reading.load_piece
    save(store, 1, best={"w": torch.ones(3)})
    calls = []

    def late(*about):
        calls.append(about)
        if len(calls) == 1:
            for step in range(2, 8):
                save(store, step, best={"w": torch.full((3,), float(step))})
        return real(*about)

    monkeypatch.setattr(reading, "load_piece", late)
    found, loaded = Reader(folder).read("state", "best")

    assert (7, 7, 7.0) == (found.step, loaded["state"]["n"], loaded["best"]["w"][0])


def test_checkpoints_that_are_tidied_away_while_they_are_checked_are_no_damage(folder, monkeypatch):
    """Nothing of the list is there any more, and nothing of that is a lost piece."""
    store, real = Store(folder), reading.problem_of
    save(store, 1, best={"w": torch.ones(3)})
    calls = []

    def late(*about):
        calls.append(about)
        if len(calls) == 2:  # the state was whole, and now it is the best weights' turn
            for step in range(2, 8):
                save(store, step, best={"w": torch.full((3,), float(step))})
        return real(*about)

    monkeypatch.setattr(reading, "problem_of", late)
    found = Reader(folder).resumable()

    assert (7, {}) == (found.step, found.lost)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from(["same", "new", "none"]), min_size=8, max_size=20))
def test_a_reader_beside_a_training_always_gets_a_whole_checkpoint(tmp_path_factory, kinds):
    """Whatever is saved and tidied meanwhile: state and best of one checkpoint, and never an older one than before."""
    folder = tmp_path_factory.mktemp("run")
    store, over = Store(folder), threading.Event()
    save(store, 1, best={"of": 1})

    def train():
        best = None
        try:
            for step, kind in enumerate(kinds, start=2):
                beside = {"best": best} if kind == "same" and best is not None else {"best": {"of": step}}
                made = save(store, step, **({} if kind == "none" else beside))
                best = made.pieces.get("best", best) if kind != "none" else None
        finally:
            over.set()

    trainer = threading.Thread(target=train)
    trainer.start()
    last = 0
    try:
        while True:
            done = over.is_set()
            found, loaded = Reader(folder).read("state", "best")
            assert found.step == loaded["state"]["n"] >= last
            assert {} == found.lost
            assert loaded.get("best", {"of": 0})["of"] <= found.step
            last = found.step
            if done:
                break
    finally:
        trainer.join()

    assert 1 + len(kinds) == last
