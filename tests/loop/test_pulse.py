"""Where the training was, as a file tells it after the process is gone."""

import multiprocessing
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.loop import pulse as module
from autofix_nb.loop.pulse import SIZE, Beat, Phase, Pulse, may_be_mapped, read_pulse

NUMBERS = st.integers(0, 2**48)


@given(phase=st.sampled_from(Phase), step=NUMBERS, epoch=NUMBERS, position=NUMBERS)
def test_what_was_written_is_read(tmp_path_factory, phase, step, epoch, position):
    """Any place in any run."""
    folder = tmp_path_factory.mktemp("run")
    pulse = Pulse(folder)

    pulse.write(phase, step, epoch, position)

    assert Beat(phase, step, epoch, position) == read_pulse(folder)
    pulse.close()
    assert Beat(phase, step, epoch, position) == read_pulse(folder)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_it_survives_a_kill(tmp_path):
    """A real process writes and kills itself; nothing was flushed or closed."""

    def die():
        pulse = Pulse(tmp_path)
        pulse.write(Phase.STEP, 41, 3, 7)
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=die)
    process.start()
    process.join()

    assert -signal.SIGKILL == process.exitcode
    assert Beat(Phase.STEP, 41, 3, 7) == read_pulse(tmp_path)


@pytest.mark.parametrize("cut", [0, 10, SIZE // 2])
def test_half_of_a_pulse_is_none(tmp_path, cut):
    """A file cut short or with other bytes in it says nothing."""
    pulse = Pulse(tmp_path)
    pulse.write(Phase.STEP, 41, 3, 7)
    pulse.close()
    raw = (tmp_path / "pulse").read_bytes()

    (tmp_path / "pulse").write_bytes(raw[:cut])
    assert read_pulse(tmp_path) is None

    damaged = bytearray(raw)
    damaged[12] ^= 1
    (tmp_path / "pulse").write_bytes(damaged)
    assert read_pulse(tmp_path) is None

    (tmp_path / "pulse").unlink()
    assert read_pulse(tmp_path) is None


def test_a_new_one_says_nothing_yet_and_leaves_the_mapping_before_alone(tmp_path):
    """The same kernel may begin again while an earlier guard still has its file open."""
    first = Pulse(tmp_path)
    first.write(Phase.STEP, 1, 1, 1)
    second = Pulse(tmp_path)

    first.write(Phase.STEP, 2, 2, 2)

    assert read_pulse(tmp_path) is None
    second.write(Phase.LOADING, 3, 3, 3)
    assert Beat(Phase.LOADING, 3, 3, 3) == read_pulse(tmp_path)
    assert SIZE == (tmp_path / "pulse").stat().st_size
    first.close()
    second.close()
    second.write(Phase.STEP, 4, 4, 4)
    assert Beat(Phase.LOADING, 3, 3, 3) == read_pulse(tmp_path)


def test_without_room_it_is_kept_in_memory(tmp_path):
    """No file can be made there; the training goes on, and the place is not known after a kill."""
    pulse = Pulse(tmp_path / "missing")

    pulse.write(Phase.STEP, 1, 2, 3)

    assert not pulse.is_kept
    pulse.close()


@pytest.mark.parametrize(
    ("kind", "safe"),
    [("ext4", True), ("overlay", True), ("tmpfs", True), ("fuse.drive", False), ("nfs4", False), ("btrfs", False)],
)
def test_nothing_is_mapped_where_a_page_may_be_taken_away(tmp_path, monkeypatch, kind, safe):
    """A write into such a page would end the process; the nearest mount above the folder counts."""
    mounts = tmp_path / "mounts"
    folder = tmp_path / "my drive" / "run"
    folder.mkdir(parents=True)
    mounted = str(folder.parent).replace(" ", "\\040")
    mounts.write_text(f"proc / ext4 rw 0 0\nx {mounted} {kind} rw 0 0\ny {mounted}2 nfs rw 0 0\n")
    monkeypatch.setattr(module, "PROC_MOUNTS", mounts)

    assert safe is may_be_mapped(folder)
    assert safe is Pulse(folder).is_kept
    assert may_be_mapped(tmp_path)
