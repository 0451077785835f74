"""The journal survives crashes and full disks, and never stops a training."""

import errno
import json
import pathlib
from enum import Enum, IntEnum, StrEnum

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.finding import Severity
from autofix_nb.journal import Journal, plain


def clock():
    """A clock that stands still."""
    return 1_700_000_000.25


class Color(Enum):
    RED = "red"


class Kind(str, Enum):  # noqa: UP042 - this is the kind that has another text form
    A = "a"


class Word(StrEnum):
    B = "b"


class Loud(str):
    def __str__(self):
        return "LOUD"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(True, True, id="bool"),
        pytest.param(Severity.CRITICAL, 3, id="int-enum"),
        pytest.param(Word.B, "b", id="str-enum"),
        pytest.param(Kind.A, "a", id="str-and-enum"),
        pytest.param(Loud("quiet"), "quiet", id="str-subclass"),
        pytest.param(Color.RED, "Color.RED", id="enum"),
        pytest.param(float("nan"), "nan", id="nan"),
        pytest.param(float("-inf"), "-inf", id="minus-infinity"),
        pytest.param(np.float64("nan"), "nan", id="numpy-nan"),
        pytest.param(np.float32(0.5), 0.5, id="numpy-float32"),
        pytest.param(np.int64(7), 7, id="numpy-int"),
        pytest.param(np.bool_(True), True, id="numpy-bool"),
        pytest.param(np.array([1.0, np.inf]), [1.0, "inf"], id="numpy-array"),
        pytest.param(np.str_("x"), "x", id="numpy-text"),
        pytest.param(torch.tensor(2.5), 2.5, id="tensor"),
        pytest.param(torch.tensor([1.0, float("nan")], requires_grad=True), [1.0, "nan"], id="tensor-with-gradient"),
        pytest.param(torch.float16, "torch.float16", id="dtype"),
        pytest.param(np.float32, "<class 'numpy.float32'>", id="numpy-type"),
        pytest.param(torch.Tensor, "<class 'torch.Tensor'>", id="tensor-type"),
        pytest.param((1, (2.0,)), [1, [2.0]], id="tuples"),
        pytest.param({3, 1, 2}, [1, 2, 3], id="set"),
        pytest.param({1: {"a": np.nan}}, {"1": {"a": "nan"}}, id="dict"),
        pytest.param(pathlib.PurePosixPath("/a/b"), "/a/b", id="path"),
        pytest.param(1 + 2j, "(1+2j)", id="complex"),
    ],
)
def test_values_become_plain_json(value, expected):
    """Numbers stay numbers, NaN and infinities become text, everything else its text; only base types are left."""
    actual = plain(value)

    assert repr(expected) == repr(actual)
    assert type(expected) is type(actual)
    assert actual == json.loads(json.dumps(actual, allow_nan=False))


def test_entries_are_read_back_as_they_were_written(tmp_path):
    """What `append` returned is what a new journal on the file holds, in order, with number and time."""
    journal = Journal(tmp_path / "journal.jsonl", clock=clock)
    written = [
        journal.append("finding", code="G03", severity=Severity.WARNING, measured=np.nan, text="ä – \u2028 \x85 \r\n"),
        journal.append("save", step=np.int64(3)),
    ]
    again = Journal(tmp_path / "journal.jsonl")

    assert written == list(again)
    assert {"n": 2, "time": "2023-11-14T22:13:20.250+00:00", "kind": "save", "step": 3} == written[1]
    assert (2, 0, 0) == (len(again), again.damaged_lines, again.unwritten)


def test_entries_are_found_by_kind_and_fields():
    """Wanted values are compared as they were written: NaN, tuples and paths too."""
    journal = Journal(clock=clock)
    first = journal.append("change", where=("a", "b"), loss=float("nan"), at=pathlib.PurePosixPath("x"))
    second = journal.append("change", where=(), loss=1.0)
    third = journal.append("save")

    assert [first, second] == journal.entries("change")
    assert [first] == journal.entries("change", where=("a", "b"), loss=float("nan"), at=pathlib.PurePosixPath("x"))
    assert [third] == journal.entries("save")
    assert [second] == journal.entries(loss=np.float64(1))
    assert (second, None) == (journal.last("change"), journal.last("resume"))
    assert [first, second, third] == journal.entries()


def test_a_crash_at_any_byte_costs_the_torn_line_alone(tmp_path):
    """Cut anywhere: the whole lines before are read, and lines appended afterwards too."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, clock=clock)
    lines = [journal.append("note", text="ä" * number, number=number) for number in range(3)]
    raw = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(raw) if byte == 10]
    for cut in range(len(raw) + 1):
        path.write_bytes(raw[:cut])
        torn = Journal(path, clock=clock)
        # A line whose newline alone is missing is whole.
        whole = lines[: sum(end - 1 <= cut for end in ends)]

        assert whole == list(torn)
        after = [torn.append("after"), torn.append("after")]
        again = Journal(path)
        assert whole + after == list(again)
        assert (0 if cut in (0, *ends, *(end - 1 for end in ends)) else 1) == again.damaged_lines
        assert len(whole) + 2 == again.entries()[-1]["n"]


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\0\0\0\0\0\0", id="zeros-after-a-power-cut"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(b"[1, 2]", id="no-object"),
        pytest.param(b'{"a": 1}', id="no-kind"),
        pytest.param(b'{"kind": "x"', id="half"),
    ],
)
def test_damaged_lines_are_counted_and_stay_in_the_file(tmp_path, garbage):
    """A line that cannot be read costs itself, and is not deleted."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"kind": "a"}\n' + garbage + b'\n\n{"kind": "b"}\n')
    journal = Journal(path)

    assert (["a", "b"], 1) == ([entry["kind"] for entry in journal], journal.damaged_lines)
    journal.append("c")
    assert garbage in path.read_bytes()


class FullDisk:
    """A file that takes `room` bytes more, and then nothing."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self.file.write(bytes(data)[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", [0, 1, 40, 90, 130, 200])
def test_a_disk_that_fills_up_costs_nothing_once_there_is_room_again(tmp_path, monkeypatch, room):
    """Whatever part of the lines the full disk took, in the end each line stands in the file once."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, clock=clock)
    journal.append("before")
    disk = {"room": room}
    real = pathlib.Path.open

    def opened(self, *arguments, **options):
        file = FullDisk(real(self, *arguments, **options), disk["room"])
        disk["file"] = file
        return file

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "open", opened)
        for number in range(4):
            journal.append("while full", number=number, text="ö")
            disk["room"] = disk["file"].room
    waiting = journal.unwritten
    whole = path.read_bytes().count(b"\n")
    journal.append("after")

    assert (5, waiting) == (whole + waiting, 5 - whole)
    assert list(journal) == list(Journal(path))
    assert (0, 0) == (Journal(path).damaged_lines, journal.unwritten)


def test_a_folder_that_is_gone_does_not_stop_the_training(tmp_path):
    """Lines wait in memory, and go out when the folder is back."""
    path = tmp_path / "drive" / "journal.jsonl"
    journal = Journal(path, clock=clock)
    journal.append("a")
    journal.append("b")

    assert 2 == journal.unwritten
    path.parent.mkdir()
    journal.append("c")
    assert ["a", "b", "c"] == [entry["kind"] for entry in Journal(path)]


@given(text=st.text(st.characters(), max_size=20))
def test_any_text_can_be_written(tmp_path_factory, text):
    """Names of files may hold lone surrogates, which no encoding takes; the journal does."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    Journal(path, clock=clock).append("error", text=text)

    assert [text] == [entry["text"] for entry in Journal(path)]


def test_a_file_name_that_is_no_text_can_be_written(tmp_path):
    """`os.listdir` gives undecodable bytes as lone surrogates, and error messages repeat them."""
    Journal(tmp_path / "j", clock=clock).append("error", text="no such file: caf\udce9.png")

    assert ["no such file: caf\udce9.png"] == [entry["text"] for entry in Journal(tmp_path / "j")]


def test_a_journal_without_a_file_keeps_everything_in_memory():
    """`Journal()` writes nowhere, and has nothing waiting."""
    journal = Journal(clock=clock)
    journal.append("a")

    assert (1, 0) == (len(journal), journal.unwritten)


def test_int_enums_of_any_kind_are_numbers():
    """An `IntEnum` with a text of its own is written as its number."""

    class Level(IntEnum):
        HIGH = 5

        def __str__(self):
            return "high!"

    assert 5 == Journal(clock=clock).append("x", level=Level.HIGH)["level"]


def test_a_growing_journal_is_followed_from_a_place_on():
    """What came after the first entries, so far."""
    journal = Journal(clock=clock)
    journal.append("a")
    journal.append("b")

    assert (["b"], []) == ([entry["kind"] for entry in journal.after(1)], journal.after(2))


def test_a_file_that_is_anothers_by_now_gets_no_line_more(tmp_path):
    """Asked before each line; what comes later is kept in memory, in order."""
    journal = Journal(tmp_path / "journal.jsonl", clock=clock)
    journal.append("start")
    before = journal.path.read_bytes()
    path, journal.may_write = journal.path, lambda: False
    journal.append("note", text="too late")

    assert before == path.read_bytes()
    assert ["start", "note"] == [entry["kind"] for entry in journal]
    assert journal.path is None
