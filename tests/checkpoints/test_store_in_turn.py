"""Who has slept treads on nobody: no manifest, nothing deleted, no number twice, and no file of another's touched."""

from contextlib import contextmanager

import pytest
import torch

from autofix_nb.checkpoints import NotOurs, Store, pieces


def save(store, step, number=None, weights=0.0):
    about = {"step": step} | ({} if number is None else {"number": number})
    return store.save({"state": {"n": step, "weights": torch.full((300,), weights)}}, about)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def slept(folder):
    """A store that has saved five times, and has taken the number of the sixth."""
    store = Store(folder)
    for step in range(1, 6):
        save(store, step)
    store.count()
    return store


def files(folder):
    return {path.name for path in folder.iterdir()}


def answering(*answers):
    """Return what stands for holding the lease: each time the next answer; the last one stays."""
    left = list(answers)

    @contextmanager
    def hold():
        yield left.pop(0) if len(left) > 1 else left[0]

    return hold


def test_a_folder_that_is_anothers_gets_nothing(slept, folder):
    """Not even the pieces: they may be gigabytes."""
    before = files(folder)
    slept.hold = answering(False)

    with pytest.raises(NotOurs, match="in the hands of another training"):
        save(slept, 6, slept.take_number())

    assert before == files(folder)


def test_who_loses_the_folder_while_writing_writes_no_manifest_and_deletes_nothing(slept, folder):
    """The pieces of a save take minutes; who has it is asked again right before the manifest."""
    before = files(folder)
    slept.hold = answering(True, False)

    with pytest.raises(NotOurs):
        save(slept, 6, slept.take_number())

    assert before <= files(folder)
    assert 5 == Store(folder).newest().step


def test_who_loses_the_folder_after_its_manifest_deletes_nothing(slept, folder):
    """What lies there may be what the other one is just writing: no manifest names it yet."""
    (folder / "state-00000007-0123456789ab.pt").write_bytes(b"somebody's")
    before = files(folder)
    slept.hold = answering(True, True, False)

    save(slept, 6, slept.take_number())

    assert before < files(folder)


def test_a_save_that_others_have_overtaken_is_none(slept, folder):
    """The lease may be free again, the other training over: its checkpoints tell, by numbers that we did not give."""
    number = slept.take_number()
    other = Store(folder)
    save(other, 6, weights=1.0)
    save(other, 7, weights=1.0)
    before = files(folder)

    assert slept.is_overtaken()
    with pytest.raises(NotOurs):
        save(slept, 6, number)

    assert before == files(folder)
    assert 7 == Store(folder).newest().step


def test_numbers_are_given_out_at_the_copy_and_once(slept):
    """A save that fails leaves a gap: of two checkpoints the one that was copied later has the higher number."""
    first, second = slept.take_number(), slept.take_number()

    assert (6, 7) == (first, second)
    assert 7 == save(slept, 7, second).number
    assert not slept.is_overtaken()
    assert 8 == save(slept, 8).number


def test_a_thread_that_slept_writes_on_into_its_own_file(folder, monkeypatch):
    """Two trainings write the piece of one step at once: what the first has open is no file of the second's."""
    real, inner = torch.save, []

    def slow(state, file):
        real(state, file)
        if not inner:
            inner.append(None)  # it sleeps here; the other one writes, reads back, and gives the piece its name
            inner[0] = pieces.write_piece(folder, "state", 5, {"n": torch.ones(400)})
            file.write(b"more")

    folder.mkdir()
    monkeypatch.setattr(pieces.torch, "save", slow)
    outer = pieces.write_piece(folder, "state", 5, {"n": torch.zeros(400)})

    assert [None, None] == [pieces.problem_of(folder, one) for one in (inner[0], outer)]
    assert {inner[0].file, outer.file} == files(folder)
