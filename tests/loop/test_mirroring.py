"""A run with copies elsewhere: the machine may vanish, the place may fail, and nobody notices but the journal."""

import errno
import json
import shutil
import time

import fsspec
import pytest
import torch

import autofix_nb as af
from autofix_nb.checkpoints import stores
from autofix_nb.checkpoints.places import Folder
from autofix_nb.errors import StoreError
from autofix_nb.loop import guard as guards
from tests.cases import digits_loaders, mlp, same_weights
from tests.checkpoints.standins import Faulty


def build(seed=5):
    torch.manual_seed(seed)
    model = mlp()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


@pytest.fixture
def train(fit, monkeypatch, tmp_path):
    """Return a function that trains with a URL as store; the machine's own copy lies in `tmp_path/machine`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "machine"))

    def call(epochs=2, seed=5, **options):
        loader, val = digits_loaders()
        model, optimizer = build(seed)
        defaults = {"store": f"memory://{tmp_path.name}", "optimizer": optimizer, "save_every": 10}
        return fit(model, loader, val, epochs=epochs, **(defaults | options))

    yield call
    fsspec.filesystem("memory").rm("/", recursive=True)


@pytest.fixture
def spoil(monkeypatch, tmp_path):
    """Return a function that makes the place of the next trainings one with faults."""

    def use(*faults, at=("write",)):
        place = Faulty(Folder(tmp_path / "there", title="Drive"), *faults, at=at)
        monkeypatch.setattr(guards, "home_of", lambda _, name: stores.Home(tmp_path / "here" / name, place))
        return place

    return use


def kinds(run):
    return [entry["kind"] for entry in run.journal]


def test_the_machine_is_lost_and_a_fresh_one_goes_on(train, tmp_path):
    """What comes out is what would have come out; the reason is in the journal."""
    whole = train(4, store=tmp_path / "plain")
    first = train(2)
    assert first.flush()
    shutil.rmtree(tmp_path / "machine")

    run = train(4, seed=99)

    assert "finished" == run.status
    assert same_weights(whole.last_weights, run.last_weights)
    assert whole.history.values("loss").tolist() == run.history.values("loss").tolist()
    assert "nothing whole is on this machine" in run.journal.last("chosen")["says"]
    assert [row["val/accuracy"] for row in whole.history.epochs] == [row["val/accuracy"] for row in run.history.epochs]


def test_the_end_of_a_run_is_at_the_place(train, tmp_path):
    """Journal, summary and report, too: whoever has only the place reads the run there."""
    run = train(store=f"file://{tmp_path}/nas")

    assert "mirrored" in kinds(run)
    there = af.open_run(tmp_path / "nas" / "run")
    assert "finished" == there.status
    assert same_weights(run.last_weights, there.last_weights)
    assert {"report.html", "summary.json", "history.jsonl"} <= {path.name for path in there.folder.iterdir()}


def test_a_finished_run_is_finished_on_a_fresh_machine(train, tmp_path):
    """The same cell, run again on Monday: nothing is trained, and the results are there."""
    first = train()
    shutil.rmtree(tmp_path / "machine")

    run = train(seed=99)

    assert "finished" == run.status
    assert same_weights(first.last_weights, run.last_weights)
    assert 1 == kinds(run).count("end")


@pytest.mark.parametrize(("last", "warned"), [("resume", True), ("end", False)])
def test_a_run_that_another_machine_may_be_training_is_said(train, tmp_path, last, warned):
    """Its sign of life comes by the place, so nobody is refused; the lease of a run that ended says nothing."""
    train(1, store=f"file://{tmp_path}/nas")
    shutil.rmtree(tmp_path / "machine")
    there = tmp_path / "nas" / "run"
    lease = json.loads((there / "lease.json").read_text())
    lease |= {"host": "elsewhere", "machine": "another boot", "heartbeat": time.time()}
    (there / "lease.json").write_text(json.dumps(lease))
    with (there / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"kind": last, "time": "2026-11-21T14:00:00+00:00", "step": 45}) + "\n")

    run = train(2, store=f"file://{tmp_path}/nas")

    assert "finished" == run.status
    assert warned == any("may be another kernel's" in entry["text"] for entry in run.journal.entries("note"))


def test_beginning_anew_keeps_the_old_run_at_the_place(train, tmp_path):
    """`resume=False`: under another name, here and there."""
    train(3, store=f"file://{tmp_path}/nas")

    run = train(1, store=f"file://{tmp_path}/nas", resume=False)

    assert 1 == len(run.history.epochs)
    assert 3 == len(af.open_run(tmp_path / "nas" / "run.before-1").history.epochs)
    assert 1 == len(af.open_run(tmp_path / "nas" / "run").history.epochs)


ERRORS = [
    OSError(107, "Transport endpoint is not connected"),
    OSError(5, "Input/output error"),
    OSError(28, "No space"),
]


def test_a_place_that_fails_is_written_down_and_stops_nothing(train, spoil, tmp_path):
    """Training ends as without it; the journal and the signals say what failed; nothing is lost on this machine."""
    whole = train(store=tmp_path / "plain")
    spoil(*ERRORS * 100)

    run = train()

    assert "finished" == run.status
    assert same_weights(whole.last_weights, run.last_weights)
    failed = run.journal.entries("mirror failed")
    assert failed
    assert "Transport endpoint" in failed[0]["why"]
    assert run.history.last("mirror_failed") >= 1
    assert same_weights(whole.last_weights, af.open_run(run.folder).last_weights)
    run.mirror.mirror.close()


def test_a_place_that_comes_back_has_everything_at_the_end(train, spoil, tmp_path):
    """One failure, and then all goes well."""
    spoil(OSError(5, "Input/output error"))

    run = train()

    assert ["mirror failed", "mirrored"] == [kind for kind in kinds(run) if kind.startswith("mirror")][:2]
    assert 0.0 == run.history.last("mirrored_seconds_ago")
    assert same_weights(run.last_weights, af.open_run(tmp_path / "there" / "run").last_weights)


def test_a_healthy_mirror_leaves_no_trace_in_the_history(train, tmp_path):
    """A run with copies has the very history of one without."""
    plain, copied = train(store=tmp_path / "plain"), train()

    assert sorted(plain.history.names()) == sorted(copied.history.names())


def test_a_place_that_hangs_does_not_hold_up_the_end_for_ever(train, spoil, monkeypatch):
    """The end waits so long and no longer; then it says what is missing, and `run.flush()` gets it."""
    monkeypatch.setattr("autofix_nb.loop.mirroring.AT_END_SECONDS", 0.0)
    place = spoil("hang")

    run = train()

    assert "finished" == run.status
    assert not run.flush(0.0)
    place.released.set()
    assert run.flush(60)


def test_a_place_that_cannot_be_read_does_not_begin_anew(train, spoil, monkeypatch):
    """A run may be there."""
    monkeypatch.setattr("autofix_nb.checkpoints.newest.PAUSES_SECONDS", (0.0, 0.0))
    spoil(*[OSError(errno.ENOTCONN, "no")] * 9, at=("sizes",))

    with pytest.raises(StoreError, match=r"cannot be read.*resume=False"):
        train()


def test_flushing_forces_it_out_of_the_machine_once_everything_is_there(train, monkeypatch, tmp_path):
    """On Drive that is `flush_and_unmount`: asked for only by `run.flush()`."""
    flushed = []
    place = Folder(tmp_path / "there", title="Drive")
    home = stores.Home(tmp_path / "here" / "run", place, lambda: flushed.append(1), "kept here and there")
    monkeypatch.setattr(guards, "home_of", lambda _, name: home)
    run = train()
    assert [] == flushed

    assert run.flush()

    assert [1] == flushed


def test_a_plain_folder_has_nothing_to_flush(train, tmp_path):
    """And says so by being done."""
    assert train(1, store=tmp_path / "plain").flush()
