"""Whose the folder is: threads that outlive their training, a second training in the same process, what is lost."""

import json
import threading
from dataclasses import asdict

import pytest
import torch
from torch import nn

import autofix_nb as af
from autofix_nb.checkpoints import Store, copying
from autofix_nb.checkpoints import store as stores
from autofix_nb.checkpoints.places import Folder
from autofix_nb.checkpoints.stores import Home
from autofix_nb.errors import StoreError
from autofix_nb.loop import guard as guards
from autofix_nb.loop import mirroring
from autofix_nb.loop.lease import Holder, read_lease
from tests.cases import digits_loaders, mlp, same_weights
from tests.checkpoints.standins import Faulty


def build(seed=5):
    torch.manual_seed(seed)
    model = mlp()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


@pytest.fixture
def train(fit):
    """Return a function that trains on digits, saving every 20 of 44 steps an epoch."""

    def call(epochs=1, seed=5, **options):
        model, optimizer = build(seed)
        loader, val = digits_loaders()
        return fit(model, loader, val, epochs=epochs, **({"optimizer": optimizer, "save_every": 20} | options))

    return call


def checkpoints(folder):
    return Store(folder / "checkpoints", writable=False)


def another(**changes):
    """Return a lease of another live kernel."""
    values = {"host": "elsewhere", "machine": "another boot", "pid": 7, "started": "", "token": "another"}
    return Holder(**(values | {"since": "2026-11-21", "heartbeat": 4e9} | changes))


def at_manifest(monkeypatch, step, action):
    """Do something once, between the pieces of a later save than of step `step` and its manifest."""
    real, done = stores.make_manifest, []

    def made(number, pieces, about):
        if about["step"] > step and not done:
            done.append(1)
            action()
        return real(number, pieces, about)

    monkeypatch.setattr(stores, "make_manifest", made)


# --- taken over -------------------------------------------------------------------------------------------------------


def test_a_writer_that_slept_until_another_kernel_had_the_folder_writes_no_manifest(train, tmp_path, monkeypatch):
    """The training ends, and how it ended is in no file of the other one's; no checkpoint is touched."""
    folder, left = tmp_path / "run", {}

    def taken():
        (folder / "lease.json").write_text(json.dumps(asdict(another())))
        left.update({path: path.read_bytes() for path in folder.rglob("*") if path.is_file()})

    at_manifest(monkeypatch, 20, taken)

    with pytest.raises(StoreError, match="nothing more is saved from here"):
        train(3)

    now = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert left.keys() <= now.keys()
    changing = ("pulse", "lease.lock", "journal.jsonl")  # until it is noticed that somebody took over
    assert [] == [path.name for path in left if left[path] != now[path] and path.name not in changing]
    told = [json.loads(line)["kind"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert not {"error", "end", "save failed"} & set(told)
    assert not (folder / "summary.json").exists()
    assert 20 == checkpoints(folder).newest().step


def test_a_writer_that_slept_through_a_whole_other_training_writes_no_manifest(train, tmp_path, monkeypatch):
    """The other one has come, trained on, ended in good order and given the folder back: its lease is gone."""
    folder = tmp_path / "run"

    def trained_on():
        (folder / "lease.json").unlink()
        other = Store(folder / "checkpoints")
        other.save({"state": {"n": 1}}, {"step": 60})
        other.save({"state": {"n": 1}}, {"step": 70})

    at_manifest(monkeypatch, 20, trained_on)

    with pytest.raises(StoreError, match="trained on by another kernel meanwhile"):
        train(3)

    assert 70 == checkpoints(folder).newest().step


def test_a_hanging_save_of_the_training_before_in_this_process_treads_on_nobody(train, tmp_path, monkeypatch):
    """The first is torn off while its disk hangs; the second trains on; then the disk comes back."""
    real, go, slept = Store.save, threading.Event(), []

    def held(self, pieces, about):
        if about["step"] == 40 and not slept:
            slept.append(threading.current_thread())
            go.wait(60)
        return real(self, pieces, about)

    monkeypatch.setattr(Store, "save", held)
    monkeypatch.setattr("autofix_nb.loop.keeper.PATIENCE", 0.01)

    def torn_off(outputs, targets):
        torn_off.calls += 1
        if slept and torn_off.calls > 60:
            raise KeyboardInterrupt
        return nn.functional.cross_entropy(outputs, targets)

    torn_off.calls, torn_off.__name__ = 0, "cross_entropy"
    with pytest.raises(KeyboardInterrupt):
        train(4, loss=torn_off)
    assert 20 == checkpoints(tmp_path / "run").newest().step

    monkeypatch.setattr("autofix_nb.loop.keeper.PATIENCE", 60.0)
    run = train(2, seed=9)
    before = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    go.set()
    slept[0].join(60)

    assert "finished" == run.status
    assert before == {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert 88 == checkpoints(tmp_path / "run").newest().step


# --- the mirror -------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Return a function that makes the place of the next trainings one with faults."""

    def use(*faults, at=("write",)):
        made = Faulty(Folder(tmp_path / "there", title="Drive"), *faults, at=at)
        monkeypatch.setattr(guards, "home_of", lambda _, name: Home(tmp_path / "here" / name, made))
        return made

    return use


def test_a_mirror_ends_with_its_run_when_everything_is_there(train, place):
    """Nothing of it is left: no thread, and a later flush is done."""
    place()
    run = train()

    threads = [thread for thread in threading.enumerate() if thread.name == "mirror to Drive"]
    for thread in threads:
        thread.join(60)  # it may be in its very last line

    assert not any(thread.is_alive() for thread in threads)
    assert run.mirror.mirror._closed
    assert run.flush(0.0)


def test_a_training_that_begins_anew_closes_the_mirror_of_the_one_before(train, place, monkeypatch, tmp_path):
    """That one hangs in an upload: when the place answers again it writes no manifest and deletes nothing there."""
    monkeypatch.setattr(mirroring, "AT_END_SECONDS", 0.0)
    monkeypatch.setattr(mirroring, "JOIN_SECONDS", 0.01)
    hanging = place("hang")
    first = train()
    assert hanging.entered.wait(60)

    place()
    monkeypatch.setattr(mirroring, "AT_END_SECONDS", 60.0)
    second = train(2, seed=9)
    there = Store(tmp_path / "there" / "run" / "checkpoints", writable=False)
    before = [one.file for one in there.checkpoints()]
    hanging.released.set()
    with first.mirror.mirror._change:
        assert first.mirror.mirror._change.wait_for(lambda: first.mirror.mirror.is_idle, 60)

    assert not first.flush(0.0)
    assert second.flush(60.0)
    assert before == [one.file for one in there.checkpoints()]
    assert 88 == there.newest().step


def test_a_mirror_goes_on_after_the_end_until_somebody_else_trains(train, place, monkeypatch, tmp_path):
    """As said there: `run.flush()` waits for it."""
    monkeypatch.setattr(mirroring, "AT_END_SECONDS", 0.0)
    hanging = place("hang")
    run = train()
    assert hanging.entered.wait(60)
    assert read_lease(tmp_path / "here" / "run") is None
    hanging.released.set()

    assert run.flush(60.0)
    assert 44 == Store(tmp_path / "there" / "run" / "checkpoints", writable=False).newest().step


def test_where_there_are_no_more_threads_the_copy_has_failed_and_is_tried_again(train, place, monkeypatch, tmp_path):
    """Neither the mirror's thread nor the lease's end the training; once there are some again, it gets there."""
    place()
    real, refused = threading.Thread.start, []

    def start(self):
        if len(refused) < 4 and not self.name.startswith("autofix_nb-writer"):
            refused.append(self.name)
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    run = train()

    assert "finished" == run.status
    assert "can't start new thread" in run.journal.entries("mirror failed")[0]["why"]
    assert {"autofix_nb lease", "mirror to Drive"} == set(refused)
    assert run.flush(60)
    assert 44 == Store(tmp_path / "there" / "run" / "checkpoints", writable=False).newest().step


# --- what cannot be copied --------------------------------------------------------------------------------------------


class Turning:
    """An object of the user's own that holds an open file for a while."""

    def __init__(self, path):
        self.path, self.file, self.calls = path, None, 0

    def state_dict(self):
        self.calls += 1
        if self.calls in (3, 4):
            self.file = self.file or self.path.open("w")
            return {"calls": self.calls, "file": self.file}
        return {"calls": self.calls}

    def load_state_dict(self, state):
        self.calls = state["calls"]


def test_a_kept_object_that_holds_a_file_costs_the_save_and_not_the_training(train, tmp_path):
    """It is named; the next save is tried, and goes well once it can be saved again."""
    mine = Turning(tmp_path / "log")
    run = train(2, keep={"mine": mine})
    mine.file.close()

    assert "finished" == run.status
    assert "`state['kept']['mine']['file']` is a TextIOWrapper" in run.journal.last("save failed")["why"]
    assert run.history.last("save_failed") >= 1
    assert 88 == checkpoints(tmp_path / "run").newest().step


def test_two_outages_are_two_entries(train, monkeypatch):
    """Memory is short twice, for one save each: said each time, and only once each."""
    real, calls = copying.Copies.make, []

    def make(self, state):
        calls.append(1)
        if len(calls) in (2, 3, 5):
            raise MemoryError
        return real(self, state)

    monkeypatch.setattr(copying.Copies, "make", make)
    monkeypatch.setattr("autofix_nb.loop.pace.RETRY_SECONDS", 0.0)
    run = train(4)

    assert "finished" == run.status
    assert ["MemoryError", "MemoryError"] == [entry["why"] for entry in run.journal.entries("save failed")]
    assert 3 == run.history.last("save_failed")


# --- what is lost -----------------------------------------------------------------------------------------------------


def spoil(folder, *names):
    for name in names:
        for path in (folder / "checkpoints").glob(f"{name}-*.pt"):
            path.write_bytes(path.read_bytes()[:-1])


def test_a_run_goes_on_without_its_first_and_best_weights_and_says_so(train, tmp_path):
    """Every checkpoint names the damaged files: the newest state counts, and the next best."""
    train(2)
    spoil(tmp_path / "run", "first", "best")

    run = train(3, seed=9)
    lost = {entry["piece"]: entry["means"] for entry in run.journal.entries("piece lost")}

    assert "finished" == run.status
    assert 88 == run.journal.last("resume")["step"]
    assert {"first", "best"} == set(lost)
    assert "nothing can be begun again" in lost["first"]
    assert "the best of the epochs from here on counts" in lost["best"]
    assert run.best_weights is not None
    assert {} == checkpoints(tmp_path / "run").resumable().lost


def test_a_lost_best_leaves_the_best_before_it(fit, tmp_path):
    """An older checkpoint may name older best weights that are whole."""
    train, val = digits_loaders()
    values = iter([0.5, 0.9, 0.1])
    metrics = {"quality": lambda outputs, targets: next(values)}
    model, optimizer = build()
    fit(model, train, val, epochs=2, optimizer=optimizer, metrics=metrics, save_every=20)
    spoil(tmp_path / "run", "best-00000088", "first")
    newest = checkpoints(tmp_path / "run").checkpoints()[0].pieces["best"].file
    spoil(tmp_path / "run", newest.removesuffix(".pt").rpartition("-")[0])

    model, optimizer = build(9)
    run = fit(model, train, val, epochs=3, optimizer=optimizer, metrics=metrics, save_every=20)

    means = {entry["piece"]: entry["means"] for entry in run.journal.entries("piece lost")}["best"]
    assert "of epoch 1 (0.5), counts now" in means
    assert 1 == checkpoints(tmp_path / "run").read("best")[1]["best"]["epoch"]


def test_lost_best_weights_are_never_replaced_by_the_last_in_silence(train, tmp_path):
    """Who loads or exports the best is told; the last are to be had."""
    run = train(2)
    last = run.last_weights
    spoil(tmp_path / "run", "best")

    for ask in (lambda: af.load(mlp(), tmp_path / "run", show="none"), lambda: run.best_weights):
        with pytest.raises(StoreError, match="best"):
            ask()

    model = af.load(mlp(), tmp_path / "run", "last", show="none")
    assert same_weights(last, model.state_dict())
    assert same_weights(last, af.open_run(tmp_path / "run").last_weights)


# --- the last good state ----------------------------------------------------------------------------------------------


def good_of(guard):
    return guard.snapshot.step, guard.snapshot.state()


def test_a_good_state_that_is_the_state_itself_is_written_once(fit, tmp_path):
    """At steps that are a multiple of 100 both are one; resumed, there is the very snapshot that there was."""
    train, _ = digits_loaders()
    model, optimizer = build()
    options = {"name": "run", "store": tmp_path, "show": "none", "seed": 3, "save_every": 100}
    with af.Guard(model, optimizer, **options) as guard:
        for _ in guard.epochs(3):
            for batch in guard.batches(train):
                guard.step(batch, lambda part, model=model: nn.functional.cross_entropy(model(part[0]), part[1]))
                if guard.step_count == 100:
                    guard.controls.stop = "enough"
        step, before = good_of(guard)
    newest = checkpoints(tmp_path / "run").newest()
    assert (100, 100) == (step, newest.step)
    assert "good" not in newest.pieces

    model, optimizer = build(9)
    with af.Guard(model, optimizer, **options) as guard:
        guard.open(epochs=3)
        again, state = good_of(guard)
        with torch.no_grad():
            for part in (*model.parameters(), *(one["exp_avg"] for one in optimizer.state.values())):
                part.add_(1.0)
        assert copying.same_bits((step, before), (again, state))
        guard.status = "new"


@pytest.mark.parametrize("swapped", [True, False])
def test_the_good_state_says_anew_whose_moments_it_holds(fit, tmp_path, swapped):
    """A fix puts another optimizer to work, or takes it away: the file of the good state stays as it was written."""
    model = nn.Linear(3, 2)
    users = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    options = {"name": "run", "store": tmp_path, "show": "none", "seed": 3}
    batch = torch.ones(4, 3)

    def step(optimizer):
        optimizer.zero_grad()
        model(batch).square().sum().backward()
        optimizer.step()

    from autofix_nb.checkpoints import Snapshot

    with af.Guard(model, users, **options) as guard:
        guard.open(epochs=3)
        if not swapped:
            guard.controls.optimizer = {"kind": "AdamW", "lr": 1e-3}
            guard.follow_controls()
        step(guard.optimizer)
        guard.snapshot = Snapshot(0, model, guard.optimizer)
        guard.step_count = 1
        guard.keeper.save(guard)
        guard.controls.optimizer = {"kind": "AdamW", "lr": 1e-3} if swapped else None
        guard.follow_controls()
        step(guard.optimizer)
        guard.step_count = 2
        guard.keeper.save(guard)
        guard.snapshot.restore()
        whole = [copying.copied(one.state_dict()) for one in (guard.stepper.users_optimizer, guard.optimizer)]
        guard.status = "new"
    assert 2 == checkpoints(tmp_path / "run").newest().step

    model = nn.Linear(3, 2)
    users = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with af.Guard(model, users, **options) as guard:
        guard.open(epochs=3)
        guard.keeper.save(guard)  # and once more from what was read
        guard.snapshot.restore()
        resumed = [copying.copied(one.state_dict()) for one in (guard.stepper.users_optimizer, guard.optimizer)]
        guard.status = "new"

    assert copying.same_bits(whole, resumed)


def test_what_was_accepted_is_in_the_first_state_too(fit, tmp_path):
    """A restart after a second resume begins with the rate that was accepted at the first."""
    train, _ = digits_loaders()

    def turn(epochs, rate, **options):
        torch.manual_seed(5)
        model = mlp()
        fit(model, train, epochs=epochs, optimizer=torch.optim.SGD(model.parameters(), lr=rate), **options)
        return checkpoints(tmp_path / "run").read("first")[1]["first"]["groups"][0]["lr"]

    assert 0.1 == turn(1, 0.1)
    assert 0.05 == turn(2, 0.05, accept={"lr"})
