"""Samples set aside stay so: in the file, in later epochs, whatever their index looks like."""

import errno
import json
import pathlib

import numpy as np
import pytest
import torch

from autofix_nb.data.fetch import Fault
from autofix_nb.data.quarantine import MOST_PICTURES, Quarantine, Quarantined, key_of


def fault(index, reason="ValueError: broken", **more):
    return Fault(index, "raises", reason, **more)


def test_a_sample_is_set_aside_once():
    """The first reason stays; a second fault of the same sample is no news."""
    quarantine = Quarantine()
    first = quarantine.add(fault(3), epoch=1, position=2)

    assert Quarantined(index=3, kind="raises", reason="ValueError: broken", epoch=1, position=2) == first
    assert quarantine.add(fault(3, "other"), epoch=2, position=0) is None
    assert [first] == list(quarantine)
    assert "sample 3 (raises): ValueError: broken" == repr(quarantine)


@pytest.mark.parametrize(
    ("index", "key"),
    [
        pytest.param(3, 3, id="int"),
        pytest.param(np.int64(3), 3, id="numpy"),
        pytest.param(torch.tensor(3), 3, id="tensor"),
        pytest.param("a/b.png", "a/b.png", id="text"),
        pytest.param((1, "x"), '[1, "x"]', id="tuple"),
        pytest.param([1, 2], "[1, 2]", id="list"),
        pytest.param(1.5, "1.5", id="float"),
        pytest.param({"row": 1}, '{"row": 1}', id="dict"),
    ],
)
def test_indices_of_every_kind(tmp_path, index, key):
    """An index is the same sample as object, in the file, and in the checkpoint."""
    quarantine = Quarantine(tmp_path / "q.jsonl")
    quarantine.add(fault(index), epoch=0, position=0)
    restored = Quarantine()
    restored.restore(json.loads(json.dumps(quarantine.state())))
    for one in (quarantine, Quarantine(tmp_path / "q.jsonl"), restored):
        assert [key] == one.indices()
        assert index in one
        assert one.holds_any([0, index])
        assert not one.holds_any([0, "other"])
        assert key_of(index) in one.excluded(1)


def test_later_epochs_leave_it_out():
    """The epoch in which it was found goes on as planned; the later ones begin without it."""
    quarantine = Quarantine()
    quarantine.add(fault(1), epoch=0, position=0)
    quarantine.add(fault(2), epoch=1, position=0)

    assert [set(), {1}, {1, 2}] == [set(quarantine.excluded(epoch)) for epoch in range(3)]


def test_a_released_sample_takes_part_again():
    """After `release` it is as if it had never been set aside; it can be set aside again."""
    quarantine = Quarantine()
    quarantine.add(fault(1), epoch=0, position=0)
    quarantine.release(torch.tensor(1))
    quarantine.release(99)

    assert ([], frozenset(), 0) == (quarantine.indices(), quarantine.excluded(5), len(quarantine))
    assert "no sample was set aside" == repr(quarantine)
    assert quarantine.add(fault(1), epoch=3, position=0) is not None


def test_the_state_comes_back():
    """`restore` brings the list of the checkpoint back, and forgets what came after."""
    quarantine = Quarantine()
    quarantine.add(fault(1, trace="Traceback …"), epoch=0, position=4)
    state, before = quarantine.state(), list(quarantine)
    quarantine.add(fault(2), epoch=1, position=0)
    quarantine.restore(state)

    assert before == list(quarantine)


def test_a_crash_at_any_byte_costs_the_torn_line_alone(tmp_path):
    """Cut anywhere, also inside a letter: earlier samples are read, and later ones written behind it too."""
    path = tmp_path / "q.jsonl"
    quarantine = Quarantine(path)
    for index in range(2):
        quarantine.add(fault(index, "ä – \u2028 \x85 caf\udce9"), epoch=0, position=0)
    raw = path.read_bytes()
    ends = [place for place, byte in enumerate(raw) if byte == 10]
    for cut in range(len(raw) + 1):
        path.write_bytes(raw[:cut])
        torn = Quarantine(path)
        whole = list(range(sum(end <= cut for end in ends)))

        assert whole == torn.indices()
        torn.add(fault(7), epoch=1, position=0)
        assert [*whole, 7] == Quarantine(path).indices()
    assert ["ä – \u2028 \x85 caf\udce9"] * 2 == [sample.reason for sample in quarantine]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"3", b'{"index": 1}', b"\0\0"])
def test_damaged_lines_are_passed_over(tmp_path, line):
    """A line that cannot be read costs itself."""
    path = tmp_path / "q.jsonl"
    Quarantine(path).add(fault(5), epoch=0, position=0)
    path.write_bytes(line + b"\n" + path.read_bytes() + line)

    assert [5] == Quarantine(path).indices()


def test_a_full_disk_does_not_stop_the_training(tmp_path, monkeypatch):
    """The list in memory goes on, and what was written half is not glued to what comes later."""
    path = tmp_path / "deep" / "q.jsonl"
    quarantine = Quarantine(path)
    real = pathlib.Path.open

    class Half:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "open", lambda self, *args, **options: Half(real(self, *args, **options)))
        quarantine.add(fault(1), epoch=0, position=0)
    quarantine.add(fault(2), epoch=0, position=0)

    assert [1, 2] == quarantine.indices()
    assert [2] == Quarantine(path).indices()


def test_a_sample_released_is_not_read_back(tmp_path):
    """It was set aside on trial; one set aside again after that stays."""
    path = tmp_path / "samples.jsonl"
    quarantine = Quarantine(path)
    for index in (1, 2, "a"):
        quarantine.add(fault(index), epoch=0, position=0)
    for index in (1, "a", 7):
        quarantine.release(index)
    quarantine.add(fault("a"), epoch=1, position=0)

    assert [2, "a"] == quarantine.indices() == Quarantine(path).indices()


PNG = b"\x89PNG and so on"


def with_picture(index, png=PNG):
    return Fault(index, "non-finite", "input holds NaN", picture=png)


@pytest.mark.parametrize("index", [3, "../a/b.png", -1, (1, "x")], ids=repr)
def test_a_picture_is_kept_beside_the_lines(tmp_path, index):
    """Also after a restart, under a name that leads nowhere else; the line names it."""
    quarantine = Quarantine(tmp_path / "quarantine" / "samples.jsonl")
    sample = quarantine.add(with_picture(index), epoch=0, position=0)
    again = Quarantine(tmp_path / "quarantine" / "samples.jsonl")

    assert PNG == quarantine.picture(sample) == again.picture(next(iter(again)))
    assert {"samples.jsonl", sample.picture} == {path.name for path in tmp_path.rglob("*.*")}


def test_the_first_pictures_are_kept(tmp_path):
    """The samples are all listed."""
    quarantine = Quarantine(tmp_path / "q.jsonl")
    for index in range(MOST_PICTURES + 5):
        quarantine.add(with_picture(index), epoch=0, position=0)

    assert MOST_PICTURES == len(list(tmp_path.glob("*.png")))
    assert MOST_PICTURES + 5 == len(quarantine)
    assert b"" == quarantine.picture(list(quarantine)[-1])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("sample-3.png", None, id="gone"),
        pytest.param("sample-3.png", b"GIF", id="another-kind"),
        pytest.param("../secret.png", PNG, id="elsewhere"),
        pytest.param("a\0b", None, id="no-name"),
        pytest.param("sample-3.png", PNG + bytes(1_000_000), id="too-large"),
    ],
)
def test_a_file_that_is_no_picture_of_ours_is_not_shown(tmp_path, name, content):
    """The list may come from another machine, or another hand."""
    folder = tmp_path / "quarantine"
    folder.mkdir()
    if content is not None:
        (folder / name).write_bytes(content)
    sample = Quarantined(index=3, kind="raises", reason="", epoch=0, position=0, picture=name)

    assert b"" == Quarantine(folder / "samples.jsonl").picture(sample)


def test_a_disk_that_takes_no_picture_takes_no_sample_away(tmp_path, monkeypatch):
    """The reason is worth more."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(pathlib.Path, "write_bytes", refuse)
    quarantine = Quarantine(tmp_path / "q.jsonl")
    sample = quarantine.add(with_picture(3), epoch=0, position=0)

    assert "" == sample.picture
    assert [3] == Quarantine(tmp_path / "q.jsonl").indices()
