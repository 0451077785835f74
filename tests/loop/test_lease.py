"""One kernel at a time: a second live one is refused by name, a dead one's lease is taken over."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from dataclasses import asdict, replace

import pytest

import autofix_nb as af
from autofix_nb.environment.process import here, machine, start_time
from autofix_nb.errors import StoreError
from autofix_nb.loop import lease as module
from autofix_nb.loop.lease import Holder, Lease, read_lease, refuse_if_held, said_of_mirror
from tests.cases import mlp, small_loader


def a_holder(**changes):
    """Return a holder that is this process in another training, with changes."""
    values = {
        "host": here(),
        "machine": machine(),
        "pid": os.getpid(),
        "started": start_time(os.getpid()),
        "token": "another",
        "since": "2026-11-21 14:00:03 UTC",
        "heartbeat": 1000.0,
    }
    return Holder(**(values | changes))


def write(folder, holder):
    (folder / "lease.json").write_text(json.dumps(asdict(holder)))


@pytest.fixture
def process():
    """A living process that is not this one."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    yield child
    child.communicate()


def of_process(child, **changes):
    return a_holder(pid=child.pid, started=start_time(child.pid), **changes)


def test_a_lease_is_taken_read_and_given_back(tmp_path):
    """While it is held the file names this process; afterwards it is gone."""
    lease = Lease(tmp_path)

    assert lease.take() is None
    held = read_lease(tmp_path)
    assert (os.getpid(), here()) == (held.pid, held.host)
    assert held.is_alive()

    lease.give_back()

    assert read_lease(tmp_path) is None


def test_a_second_live_kernel_is_refused_by_name(tmp_path, process):
    """The message says who, since when, and what to do; the lease is as it was."""
    write(tmp_path, of_process(process))
    lease = Lease(tmp_path)

    with pytest.raises(StoreError, match=r"`name`.*process \d+ on this machine, training since 2026.*Stop that kernel"):
        lease.take()

    assert "another" == read_lease(tmp_path).token
    lease.give_back()
    assert "another" == read_lease(tmp_path).token


def test_the_lease_of_a_dead_process_is_taken_over(tmp_path, process):
    """On the same machine the process is asked for; a fresh sign of life proves nothing there."""
    holder = of_process(process, heartbeat=1000.0)
    write(tmp_path, holder)
    process.kill()
    process.wait()

    lease = Lease(tmp_path, clock=lambda: 1001.0)

    assert holder == lease.take()
    assert os.getpid() == read_lease(tmp_path).pid
    lease.give_back()


def test_a_number_that_was_given_out_again_is_not_taken_for_the_process(tmp_path, process):
    """The process with that number was started at another time: the holder is dead."""
    write(tmp_path, of_process(process) if not start_time(process.pid) else a_holder(pid=process.pid, started="1"))
    lease = Lease(tmp_path)

    if start_time(process.pid):
        assert lease.take() is not None
        lease.give_back()
    else:
        with pytest.raises(StoreError):
            lease.take()


@pytest.mark.parametrize(("silent", "refused"), [(0, True), (179, True), (181, False), (-179, True), (-181, False)])
def test_of_another_machine_the_sign_of_life_decides(tmp_path, silent, refused):
    """Three minutes of silence; a clock that is wrong by as much, to either side, counts as silence too."""
    write(tmp_path, a_holder(host="elsewhere", machine="other boot", heartbeat=1000.0))
    lease = Lease(tmp_path, clock=lambda: 1000.0 + silent)

    if refused:
        with pytest.raises(StoreError, match=r"on 'elsewhere'.*one on another machine counts as gone 180 s after"):
            lease.take()
    else:
        assert "elsewhere" == lease.take().host
        lease.give_back()


def test_the_same_host_after_a_reboot_is_another_machine(tmp_path):
    """Host names are given twice, boots are not: without a sign of life it is over."""
    write(tmp_path, a_holder(machine="an earlier boot"))

    lease = Lease(tmp_path, clock=lambda: 5000.0)
    assert lease.take() is not None
    lease.give_back()


def test_the_same_kernel_may_begin_again(tmp_path):
    """A cell that was torn off in this process is no other kernel, and no death."""
    first, second = Lease(tmp_path), Lease(tmp_path)
    first.take()

    assert second.take() is None

    first.renew()
    assert first.lost_to is not None
    first.give_back()
    assert second._token == read_lease(tmp_path).token
    second.give_back()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "host": 3}', "\udcff"])
def test_a_damaged_lease_is_nobodys(tmp_path, text):
    """What cannot be read keeps nobody out."""
    (tmp_path / "lease.json").write_bytes(text.encode(errors="surrogateescape"))
    lease = Lease(tmp_path)

    assert lease.take() is None
    assert os.getpid() == read_lease(tmp_path).pid
    lease.give_back()


def test_a_disk_that_refuses_does_not_stop_the_training(tmp_path, monkeypatch):
    """Without room for the lease there is none, and that is said."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", full)
    lease = Lease(tmp_path)

    assert lease.take() is None
    assert "No space left" in lease.problem
    lease.give_back()


def test_where_files_cannot_be_locked_the_last_one_to_write_has_won(tmp_path, monkeypatch):
    """Both may have seen it free; each reads again what it wrote, and the other one finds itself refused."""
    from contextlib import contextmanager

    @contextmanager
    def no_lock(path, seconds):
        yield False
        write(tmp_path, a_holder(pid=os.getppid(), started=start_time(os.getppid())))

    monkeypatch.setattr(module, "lock", no_lock)

    with pytest.raises(StoreError, match="in another kernel's hands"):
        Lease(tmp_path).take()


def test_a_kernel_that_is_just_beginning_keeps_others_out(tmp_path, monkeypatch):
    """Somebody reads and writes the lease at this very moment, for longer than anybody waits."""
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.0)

    with module.lock(tmp_path / "lease.lock", 0.0), pytest.raises(StoreError, match="just beginning the run"):
        Lease(tmp_path).take()


def test_signs_of_life_come_from_a_thread_of_their_own(tmp_path):
    """A step of minutes does not look like death; the thread ends with the lease."""
    now, renewed = [1000.0], threading.Event()

    class Watched(Lease):
        def renew(self):
            super().renew()
            renewed.set()

    lease = Watched(tmp_path, clock=lambda: now[0], beat=0.001)
    lease.take()
    now[0] = 1031.0

    assert renewed.wait(20)
    assert 1031.0 == read_lease(tmp_path).heartbeat
    lease.give_back()
    assert "autofix_nb lease" not in {thread.name for thread in threading.enumerate()}


def test_a_sign_of_life_is_given_when_it_is_due(tmp_path):
    """Between two steps, too, in case the thread has no turn; not more often than asked for."""
    now = [1000.0]
    lease = Lease(tmp_path, clock=lambda: now[0])
    lease.take()
    now[0] = 1029.0
    lease.renew_if_due()
    early = read_lease(tmp_path).heartbeat
    now[0] = 1030.0
    lease.renew_if_due()

    assert (1000.0, 1030.0) == (early, read_lease(tmp_path).heartbeat)
    lease.give_back()


def test_a_folder_that_disappears_stops_nobody(tmp_path):
    """Its signs of life go nowhere, and nothing is raised."""
    folder = tmp_path / "run"
    folder.mkdir()
    lease = Lease(folder)
    lease.take()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

    lease.renew()
    lease.give_back()

    assert not folder.exists()


def test_a_mirror_only_warns(tmp_path, process):
    """Signs of life reach a mirror late: nobody is refused for them."""
    write(tmp_path, of_process(process))
    alive = (tmp_path / "lease.json").read_bytes()
    write(tmp_path, a_holder(host="elsewhere", machine="other boot", heartbeat=1000.0))
    silent = (tmp_path / "lease.json").read_bytes()

    assert "The copy in Drive may be another kernel's" in said_of_mirror(alive, "Drive")
    assert "'elsewhere'" in said_of_mirror(silent, "Drive", now=1180.0)
    assert "" == said_of_mirror(silent, "Drive", now=1181.0)
    assert ["", "", ""] == [said_of_mirror(other, "Drive") for other in (None, b"", b"[1]")]


def race(folder, gate, answers):
    """Try to take the lease whenever the gate opens, until killed."""
    lease = Lease(folder)
    while gate.recv():
        try:
            dead = lease.take()
            answers.send(("won", None if dead is None else dead.pid))
        except StoreError:
            answers.send(("refused", None))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_of_kernels_that_begin_at_the_same_instant_exactly_one_wins(tmp_path):
    """Real processes: one wins, the winner is killed, and again one of the others wins and knows who died."""
    context = multiprocessing.get_context("fork")
    started, killed = [], None
    for _ in range(6):
        (gate, opens), (answers, says) = context.Pipe(duplex=False), context.Pipe(duplex=False)
        process = context.Process(target=race, args=(tmp_path, gate, says), daemon=True)
        process.start()
        started.append((process, opens, answers))
    try:
        while len(started) > 1:
            for _, opens, _ in started:
                opens.send(True)
            said = [answers.recv() for *_, answers in started]
            winners = [one for one, (answer, _) in zip(started, said, strict=True) if answer == "won"]
            assert 1 == len(winners)
            assert killed == said[started.index(winners[0])][1]
            winner = winners[0][0]
            assert winner.pid == read_lease(tmp_path).pid
            winner.kill()
            winner.join()
            killed = winner.pid
            started.remove(winners[0])
    finally:
        for process, *_ in started:
            process.kill()
            process.join()


def test_fit_refuses_a_run_in_another_kernels_hands_before_anything_is_moved(fit, tmp_path, process):
    """Not even `resume=False` takes the folder away from under a live training."""
    fit(mlp(4, 3, 8), small_loader(), epochs=1)
    write(tmp_path / "run", of_process(process))

    for resume in ("auto", False):
        with pytest.raises(StoreError, match="in another kernel's hands"):
            fit(mlp(4, 3, 8), small_loader(), epochs=2, resume=resume)

    assert ["run"] == [path.name for path in tmp_path.iterdir()]
    process.kill()
    process.wait()

    assert 2 == len(fit(mlp(4, 3, 8), small_loader(), epochs=2).history.epochs)


def test_fit_gives_the_lease_back_whatever_the_end_is(fit, tmp_path):
    """At the end, at an error, at an interrupt, and where another training is refused."""

    class Failing:
        __name__ = "cross_entropy"

        def __init__(self, error):
            self.error, self.calls = error, 0

        def __call__(self, outputs, targets):
            self.calls += 1
            if self.calls == 3:
                raise self.error
            return (outputs.sum(1) - targets).square().mean()

    for error in (None, KeyboardInterrupt()):
        loss = Failing(error) if error is not None else None
        name = type(error).__name__
        if error is None:
            fit(mlp(4, 3, 8), small_loader(), epochs=1, name=name)
        else:
            with pytest.raises(type(error)):
                fit(mlp(4, 3, 8), small_loader(), epochs=1, loss=loss, name=name)
        assert read_lease(tmp_path / name) is None
    with pytest.raises(af.errors.ResumeError if hasattr(af, "errors") else ValueError):
        fit(mlp(4, 3, 9), small_loader(), epochs=2, name="NoneType")

    assert read_lease(tmp_path / "NoneType") is None


def test_a_kernel_whose_run_was_taken_over_stops_and_saves_nothing(fit, tmp_path, monkeypatch):
    """A machine that slept: the other kernel's checkpoints must not be mixed with ours."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
    other = a_holder(host="elsewhere", machine="other boot")

    def loss(outputs, targets):
        loss.calls += 1
        if loss.calls == 4:
            write(tmp_path / "run", other)
            monkeypatch.setattr(Lease, "renew_if_due", Lease.renew)
        return (outputs.sum(1) - targets).square().mean()

    loss.calls = 0

    with pytest.raises(StoreError, match=r"was taken over while this kernel gave no sign of life"):
        fit(mlp(4, 3, 8), small_loader(), epochs=2, loss=loss)

    assert other == read_lease(tmp_path / "run")
    assert not list((tmp_path / "run" / "checkpoints").glob("*.json"))


def test_after_a_takeover_no_line_is_written_into_the_journal(fit, tmp_path):
    """A machine that slept does not know it before its next sign of life: the file is asked before each line."""
    path, lines = tmp_path / "run" / "journal.jsonl", []

    def metric(outputs, targets):
        if not lines:
            write(tmp_path / "run", a_holder(host="elsewhere", machine="other boot"))
            lines.extend(path.read_text().splitlines())
        return 0.0

    model = mlp(4, 3, 8)
    with pytest.raises(StoreError):
        fit(model, small_loader(), small_loader(), epochs=3, metrics={"late": metric}, save_every=1)

    assert lines
    assert lines == path.read_text().splitlines()


def test_refuse_if_held_writes_nothing(tmp_path, process):
    """A look before anything is touched."""
    refuse_if_held(tmp_path)
    write(tmp_path, of_process(process))

    with pytest.raises(StoreError):
        refuse_if_held(tmp_path)

    write(tmp_path, replace(a_holder(), pid=os.getpid()))
    refuse_if_held(tmp_path)
    assert ["lease.json"] == [path.name for path in tmp_path.iterdir()]


def test_whose_the_folder_is_is_asked_of_the_file(tmp_path):
    """Not of what this process remembers: it may have slept. A lease that was deleted was deleted by nobody else."""
    lease = Lease(tmp_path)
    lease.take()
    answers = [lease.is_ours()]
    (tmp_path / "lease.json").unlink()
    answers.append(lease.is_ours())
    write(tmp_path, a_holder(host="elsewhere"))
    answers.append(lease.is_ours())
    lease.give_back()

    assert [True, True, False] == answers
    assert not lease.is_free()


def test_what_was_given_back_is_free_until_somebody_takes_it(tmp_path):
    """And ours no more: who comes late asks."""
    lease, other = Lease(tmp_path), Lease(tmp_path)
    lease.take()
    lease.give_back()
    answers = [(lease.is_ours(), lease.is_free())]
    other.take()
    answers.append((lease.is_ours(), lease.is_free()))
    other.give_back()

    assert [(False, True), (False, False)] == answers


def test_while_it_is_held_nobody_takes_it(tmp_path, monkeypatch):
    """Between the question and the answer's use there is no gap."""
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.0)
    lease, other = Lease(tmp_path), Lease(tmp_path)
    lease.take()
    with lease.hold() as ours:
        assert ours
        with pytest.raises(StoreError, match="just beginning the run"):
            other.take()
    other.take()
    with lease.hold() as ours:
        assert not ours
    other.give_back()
    lease.give_back()


def test_a_lease_that_could_not_be_written_is_ours_until_somebody_takes_it(tmp_path, monkeypatch, process):
    """A full disk keeps nobody from saving where there is room again; a dead one's file may lie there still."""
    write(tmp_path, of_process(process))
    process.kill()
    process.wait()
    with monkeypatch.context() as patched:
        patched.setattr(module.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        lease = Lease(tmp_path)
        lease.take()

    assert process.pid == read_lease(tmp_path).pid
    assert lease.is_ours()
    (tmp_path / "lease.json").unlink()
    Lease(tmp_path)._write()
    assert not lease.is_ours()


def test_without_a_thread_the_training_itself_gives_signs_of_life(tmp_path, monkeypatch):
    """There may be no more threads."""

    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    now = [1000.0]
    lease = Lease(tmp_path, clock=lambda: now[0])
    lease.take()
    now[0] = 1031.0
    lease.renew_if_due()

    assert 1031.0 == read_lease(tmp_path).heartbeat
    lease.give_back()
    assert read_lease(tmp_path) is None
