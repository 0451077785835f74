"""The mirror's thread: the newest wins, failures are tried again after growing pauses, and nobody waits for it."""

import pytest

from autofix_nb.checkpoints import Store, mirror
from autofix_nb.checkpoints.mirror import Mirror
from tests.checkpoints.standins import Faulty, Run, folder_place


class Clock:
    """A clock that pauses move on."""

    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def __call__(self):
        return self.now

    def wait(self, _, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "here" / "leaves")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def begin(run, clock):
    """Return a function that begins a mirror to a place; at the end all of them are closed."""
    begun = []

    def start(place):
        begun.append((Mirror(run.copies(place), clock=clock, wait=clock.wait), place))
        return begun[-1][0]

    yield start
    for made, place in begun:
        if isinstance(place, Faulty):
            place.released.set()
            place.faults.clear()
        made.close()
        assert made.flush(60)


def newest(tmp_path):
    return Store(tmp_path / "there" / "leaves" / "checkpoints", writable=False).newest()


def test_what_is_offered_gets_there(run, begin, tmp_path):
    """Without waiting for it; afterwards it is told what was copied and how long it took."""
    made = begin(folder_place(tmp_path))
    made.offer(run.save(5))

    assert made.flush(60)
    assert 5 == newest(tmp_path).step == made.last_step
    (event,) = made.events()
    assert ("mirrored", 5, "Drive", "") == (event.kind, event.step, event.where, event.why)
    assert event.bytes > 0
    assert [] == made.events()


def test_the_newest_wins_over_those_that_wait(run, begin, tmp_path):
    """While a place hangs three more are saved: only the last of them is copied after it."""
    made = begin(place := Faulty(folder_place(tmp_path), "hang"))
    made.offer(run.save(1))
    assert place.entered.wait(60)
    for step in (2, 3, 4):
        made.offer(run.save(step))
    place.released.set()

    assert made.flush(60)
    assert [1, 4] == [event.step for event in made.events()]


def test_a_place_that_hangs_holds_up_nobody(run, begin, tmp_path):
    """Offering returns at once, and a flush waits no longer than it may."""
    made = begin(place := Faulty(folder_place(tmp_path), "hang"))
    made.offer(run.save(1))
    assert place.entered.wait(60)

    assert not made.flush(0.0)
    assert not made.is_idle
    assert [] == made.events()


def test_failures_are_tried_again_after_growing_pauses(run, begin, clock, tmp_path):
    """A mount that is gone, an input/output error, a full disk: each is told, and then it gets there."""
    errors = [OSError(107, "Transport endpoint is not connected"), OSError(5, "Input/output error")]
    made = begin(Faulty(folder_place(tmp_path), *errors, OSError(28, "No space left on device"), RuntimeError("x")))
    made.offer(run.save(5))

    while not made.flush(60):
        pass

    events = made.events()
    assert ["mirror failed"] * 4 + ["mirrored"] == [event.kind for event in events]
    assert [1, 2, 3, 4] == [event.failed for event in events[:4]]
    assert [5.0, 10.0, 20.0, 40.0] == [event.again_in for event in events[:4]]
    assert "Transport endpoint" in events[0].why
    assert set(clock.pauses) <= {5.0, 10.0, 20.0, 40.0}
    assert 5 == newest(tmp_path).step


def test_no_pause_is_longer_than_the_longest(run, begin, clock, tmp_path):
    """Drive comes back after minutes, when somebody mounts it anew."""
    made = begin(Faulty(folder_place(tmp_path), *[OSError(5, "no")] * 12))
    made.offer(run.save(5))

    while not made.flush(60):
        pass

    assert mirror.LONGEST_PAUSE_SECONDS == max(event.again_in for event in made.events())


def test_a_folder_that_vanishes_and_comes_back(run, begin, tmp_path):
    """What was saved meanwhile gets there; nothing is made where the mount was."""
    root = tmp_path / "MyDrive"
    root.mkdir()
    made = begin(place := Faulty(folder_place(tmp_path, mounted=root)))
    made.offer(run.save(1))
    assert made.flush(60)
    root.rename(tmp_path / "gone")
    made.offer(run.save(2))
    assert not made.flush(60)
    assert not root.exists()
    (tmp_path / "gone").rename(root)

    while not made.flush(60):
        pass

    assert 2 == newest(tmp_path).step
    assert place.faults == []


def test_pieces_that_are_tidied_away_here_are_copied_all_the_same(run, begin, tmp_path):
    """While a copy hangs the loop saves on and tidies: second names keep what is under way."""
    made = begin(place := Faulty(folder_place(tmp_path), "hang"))
    first = run.save(1)
    made.offer(first)
    assert place.entered.wait(60)
    for step in range(2, 9):
        run.save(step)
    assert not (run.folder / "checkpoints" / first.pieces["state"].file).exists()
    place.released.set()

    assert made.flush(60)
    assert 1 == newest(tmp_path).step
    assert not (run.folder / mirror.HELD).exists()


def test_where_a_disk_knows_no_second_names(run, begin, tmp_path, monkeypatch):
    """Some file systems have no hard links: what was tidied away is passed over, and the next is copied."""
    monkeypatch.setattr(mirror.os, "link", lambda *_: (_ for _ in ()).throw(OSError(95, "not supported")))
    made = begin(folder_place(tmp_path))
    gone = run.save(1)
    (run.folder / "checkpoints" / gone.pieces["state"].file).unlink()
    made.offer(gone)
    assert made.flush(60)
    assert [] == made.events()

    made.offer(run.save(2))

    assert made.flush(60)
    assert 2 == newest(tmp_path).step


def test_what_a_killed_process_left_is_cleared(run, begin, tmp_path):
    """Second names of a process that died cost room."""
    left = run.folder / mirror.HELD / "7"
    left.mkdir(parents=True)
    made = begin(folder_place(tmp_path))

    made.offer(run.save(1))

    assert made.flush(60)
    assert not left.exists()


def test_a_closed_mirror_takes_nothing_more(run, begin, tmp_path):
    """The run is over."""
    made = begin(folder_place(tmp_path))
    made.offer(run.save(1))
    assert made.flush(60)
    made.close()

    made.offer(run.save(2))

    assert made.is_idle
    assert 1 == newest(tmp_path).step
    assert not (run.folder / mirror.HELD).exists()


def test_offering_the_last_one_again_brings_the_small_files(run, begin, tmp_path):
    """The end of the journal and the report are written after the last checkpoint."""
    made = begin(watched := Faulty(folder_place(tmp_path)))
    last = run.save(1)
    made.offer(last)
    assert made.flush(60)
    watched.calls.clear()
    (run.folder / "report.html").write_text("<p>done</p>")

    made.offer(last)

    assert made.flush(60)
    assert [("write", "leaves/report.html")] == [call for call in watched.calls if call[0] == "write"]


def test_closing_waits_for_what_is_under_way(run, begin, tmp_path):
    """So long as it may; nothing is broken off in time."""
    made = begin(place := Faulty(folder_place(tmp_path), "hang"))
    made.offer(run.save(1))
    assert place.entered.wait(60)
    place.released.set()

    assert made.close(60)
    assert 1 == newest(tmp_path).step
    assert made.flush(0.0)


def test_what_is_under_way_longer_writes_no_manifest(run, begin, tmp_path):
    """Somebody else copies there by now: what comes late deletes nothing, and is not told to be there."""
    made = begin(place := Faulty(folder_place(tmp_path)))
    made.copies.carry(run.save(1), run.folder / "checkpoints")
    place.faults[:] = ["hang"]
    made.offer(run.save(2))
    assert place.entered.wait(60)

    assert not made.close(0.001)
    place.released.set()
    with made._change:
        assert made._change.wait_for(lambda: made.is_idle, 60)

    assert 1 == newest(tmp_path).step
    assert not made.flush(0.0)
    made._given_up = False  # for the end of the test, which flushes


@pytest.mark.parametrize("call", range(1, 5))
def test_a_run_that_is_anothers_by_now_is_left_alone(run, begin, tmp_path, call):
    """Asked before anything is written, before the small files, before the manifest, and before anything is deleted."""
    made = begin(folder_place(tmp_path))
    asked = []
    for step in (1, 2, 3):
        made.copies.carry(run.save(step), run.folder / "checkpoints")
    there = tmp_path / "there" / "leaves"
    before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    made.copies.may = lambda: asked.append(1) or len(asked) < call
    made.offer(run.save(4))
    with made._change:
        assert made._change.wait_for(lambda: made.is_idle, 60)

    assert call == len(asked)
    now = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert before.keys() <= now.keys()
    assert (4 if call == 4 else 3) == newest(tmp_path).step
    assert [] == made.events()
    assert not made.flush(0.0)
    made._given_up = False  # as above


def test_no_more_threads_is_a_failure_like_any_other(run, begin, tmp_path, monkeypatch):
    """The offer does not raise; a flush tries again, and so does the next offer."""
    made = begin(folder_place(tmp_path))
    real, left = mirror.threading.Thread.start, [1, 2]

    def start(thread):
        if left:
            left.pop()
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(mirror.threading.Thread, "start", start)
    made.offer(run.save(1))

    assert not made.flush(0.001)
    assert made.flush(60)
    assert ["RuntimeError: can't start new thread"] * 2 + [""] == [event.why for event in made.events()]
    assert 1 == newest(tmp_path).step
