"""When a run is saved, what of it, and what happens when the disk refuses or hangs."""

import json
import multiprocessing
import os
import resource
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

import autofix_nb as af
from autofix_nb.checkpoints import Store
from autofix_nb.errors import ConfigurationError, ResumeError
from autofix_nb.loop.keeper import Keeper
from tests.cases import digits_loaders, mlp, same_weights


def build(seed=5):
    torch.manual_seed(seed)
    model = mlp()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


class Steps:
    """A guard in mid-training of a tiny model, whose steps and clock are turned by hand."""

    def __init__(self, folder, save_every="auto"):
        self.now = 0.0
        model = nn.Linear(2, 2)
        self.guard = af.Guard(
            model, torch.optim.SGD(model.parameters(), lr=0.1), store=folder, name="run", show="none", resume=False
        )
        self.keeper = Keeper(self.guard.keeper.folder, resume="auto", save_every=save_every, clock=lambda: self.now)
        self.guard.keeper, self.guard.status = self.keeper, "running"

    def go(self, steps, seconds):
        self.guard.step_count += steps
        self.now += seconds
        self.keeper.save_if_due(self.guard)

    def saved(self):
        self.keeper.settle(self.guard)
        return [entry["step"] for entry in self.keeper.journal.entries("save")]


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path)


def test_never_more_often_than_every_50_steps(steps):
    """However long they took, up to ten minutes."""
    steps.go(49, 100.0)
    assert [] == steps.saved()
    steps.go(1, 0.0)
    assert [50] == steps.saved()
    steps.go(49, 100.0)
    assert [50] == steps.saved()


def test_at_least_every_ten_minutes(steps):
    """Also of steps that take minutes each."""
    steps.go(3, 599.0)
    assert [] == steps.saved()
    assert not steps.keeper.is_overdue
    steps.now += 1.0
    assert steps.keeper.is_overdue
    steps.go(1, 0.0)
    assert [4] == steps.saved()
    assert not steps.keeper.is_overdue


def test_it_knows_how_long_ago_it_saved(steps):
    """Nothing before the first save; what is being written does not count yet."""
    assert steps.keeper.saved_seconds_ago is None
    steps.go(50, 100.0)
    steps.saved()
    steps.now += 7.0

    assert 7.0 == steps.keeper.saved_seconds_ago


def test_saving_takes_a_hundredth_of_the_time_at_most(steps, monkeypatch):
    """Copying and what the thread takes count together: after 2 s of both, the next comes 200 s after the last."""
    real = Store.save

    def slow(self, pieces, about):
        steps.now += 2.0
        return real(self, pieces, about)

    monkeypatch.setattr(Store, "save", slow)
    steps.go(50, 10.0)
    assert [50] == steps.saved()
    steps.go(50, 197.9)
    assert [50] == steps.saved()
    steps.go(50, 0.2)
    assert [50, 150] == steps.saved()


def hanging(monkeypatch):
    """Let writing hang until the returned event is set."""
    go, real = threading.Event(), Store.save

    def held(self, pieces, about):
        go.wait()
        return real(self, pieces, about)

    monkeypatch.setattr(Store, "save", held)
    return go


def test_a_save_that_nobody_asked_for_is_put_off_while_another_is_under_way(steps, monkeypatch):
    """One copy in memory is enough. The loop does not wait."""
    go = hanging(monkeypatch)
    steps.go(50, 10.0)
    steps.go(50, 500.0)
    steps.go(50, 500.0)
    assert steps.keeper.writer.is_busy
    go.set()

    assert [50] == steps.saved()
    steps.go(50, 500.0)
    assert [50, 200] == steps.saved()


def test_one_that_was_asked_for_waits_for_the_other(tmp_path, monkeypatch):
    """And both are written, each with the state of its own step."""
    steps = Steps(tmp_path, save_every=10)
    go = hanging(monkeypatch)
    steps.go(10, 1.0)
    real = steps.keeper.writer.wait
    monkeypatch.setattr(steps.keeper.writer, "wait", lambda seconds: go.set() or real(seconds))
    steps.go(10, 1.0)

    assert [10, 20] == steps.saved()
    assert [20, 10] == [one.step for one in steps.keeper.store.checkpoints()]


def test_a_disk_that_hangs_stops_nothing_and_is_said(tmp_path, monkeypatch):
    """The wait has an end; it is waited once and not at every save, and what comes back is taken note of."""
    steps = Steps(tmp_path, save_every=10)
    go = hanging(monkeypatch)
    steps.keeper.patience = 0.01
    steps.go(10, 1.0)
    waits = []
    real = steps.keeper.writer.wait
    monkeypatch.setattr(steps.keeper.writer, "wait", lambda seconds: waits.append(seconds) or real(seconds))
    for _ in range(5):
        steps.go(10, 1.0)

    assert 1 == len(waits)
    assert "still being written after" in steps.keeper.journal.last("save failed")["why"]
    assert 1 == steps.guard.history.last("save_failed")
    assert not steps.keeper.save(steps.guard)

    go.set()
    steps.keeper.patience = 60.0
    assert steps.keeper.save(steps.guard)
    assert [10, 60] == steps.saved()


def test_the_stop_for_the_copy_is_in_the_journal(steps):
    """Apart from the time that the thread took."""
    steps.go(50, 10.0)
    steps.saved()
    entry = steps.keeper.journal.last("save")

    assert {"stall_seconds", "seconds", "after"} <= entry.keys()


def test_what_is_written_is_the_state_of_the_moment_of_the_copy(steps, monkeypatch):
    """The weights go on while they are written."""
    go = hanging(monkeypatch)
    weight = steps.guard.model.weight
    before = weight.detach().clone()
    steps.go(50, 10.0)
    with torch.no_grad():
        weight.add_(1.0)
    go.set()
    steps.saved()

    store = steps.keeper.store
    assert torch.equal(before, store.load(store.whole(), "state")["model"]["weight"])


def test_pieces_that_did_not_change_are_written_once(fit, tmp_path):
    """First weights and best weights: one file each for as long as they stand."""
    train, val = digits_loaders()
    model, optimizer = build()
    values = iter([0.9, 0.5])
    metrics = {"quality": lambda outputs, targets: next(values)}
    fit(model, train, val, epochs=2, optimizer=optimizer, metrics=metrics, save_every=20)
    manifests = Store(tmp_path / "run" / "checkpoints", writable=False).checkpoints()

    assert 1 == len({one.pieces["first"] for one in manifests})
    assert 1 == len({one.pieces["best"] for one in manifests if "best" in one.pieces})
    assert 0.9 == manifests[0].about["goal"]


def test_a_piece_that_somebody_deleted_is_written_again(fit, monkeypatch, tmp_path):
    """From memory, with the next save: the newest checkpoint is whole."""
    train, _ = digits_loaders()
    model, optimizer = build()
    folder = tmp_path / "run" / "checkpoints"
    deleted = []

    def delete():
        for path in folder.glob("first-*.pt"):
            path.unlink()
            deleted.append(path)

    before_saving(monkeypatch, 60, delete)
    run = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)

    assert deleted
    assert 0 == len(run.journal.entries("save failed"))
    assert "first" in Store(folder, writable=False).whole().pieces


# --- faults -----------------------------------------------------------------------------------------------------------


def before_saving(monkeypatch, step, action):
    """Do something just before the state of a later step than `step` is written."""
    real = Store.save

    def save(self, pieces, about):
        if about["step"] > step:
            action()
        return real(self, pieces, about)

    monkeypatch.setattr(Store, "save", save)


@pytest.mark.parametrize(
    "error",
    [
        OSError(107, "Transport endpoint is not connected"),
        OSError(5, "Input/output error"),
        OSError(28, "No space left on device"),
        RuntimeError("unexpected pos 64 vs 0"),
    ],
)
@pytest.mark.parametrize("place", ["write_piece", "write_synced"])
def test_a_disk_that_refuses_costs_the_saves_and_not_the_training(fit, monkeypatch, tmp_path, error, place):
    """After step 40 nothing can be written: the run ends in good order, says so, and resumes from step 40."""
    train, _ = digits_loaders()
    model, optimizer = build()

    def refuse(*_):
        raise error

    before_saving(monkeypatch, 40, lambda: monkeypatch.setattr(f"autofix_nb.checkpoints.store.{place}", refuse))
    run = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)

    assert "finished" == run.status
    assert str(error) in run.journal.last("save failed")["why"]
    assert run.history.last("save_failed") >= 2
    assert "R03" in {finding.code for finding in run.findings}
    assert 40 == Store(tmp_path / "run" / "checkpoints", writable=False).whole().step
    monkeypatch.undo()

    model, optimizer = build(9)
    again = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)

    assert "finished" == again.status
    assert 40 == again.journal.last("resume")["step"]
    assert 88 == again.history.step("loss")


def test_a_folder_that_disappears_costs_the_saves_and_not_the_training(fit, monkeypatch, tmp_path):
    """A mount that is gone, or a folder that somebody renamed in the file browser."""
    train, _ = digits_loaders()
    model, optimizer = build()
    folder, away = tmp_path / "run" / "checkpoints", tmp_path / "away"
    before_saving(monkeypatch, 40, lambda: folder.exists() and folder.rename(away))

    run = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)

    assert "finished" == run.status
    assert "No such file or directory" in run.journal.last("save failed")["why"]
    assert 40 == Store(away, writable=False).whole().step


def test_a_folder_that_becomes_read_only_costs_the_saves_and_not_the_training(fit, monkeypatch, tmp_path):
    """As a file system does that found errors; stood in for, as nothing is read-only for the superuser."""
    train, _ = digits_loaders()
    model, optimizer = build()
    real = Path.open

    def read_only(self, mode="r", *rest, **options):
        if "w" in mode and self.parent.name == "checkpoints":
            raise OSError(30, "Read-only file system", str(self))
        return real(self, mode, *rest, **options)

    before_saving(monkeypatch, 40, lambda: monkeypatch.setattr(Path, "open", read_only))
    run = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)

    assert "finished" == run.status
    assert "Read-only file system" in run.journal.last("save failed")["why"]
    assert 40 == Store(tmp_path / "run" / "checkpoints", writable=False).whole().step


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_real_limit_on_the_size_of_files(tmp_path, fit, monkeypatch):
    """`RLIMIT_FSIZE`: the system itself refuses to write more than 6,000 bytes to a file after step 40."""
    train, _ = digits_loaders()

    def limited():
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        before_saving(monkeypatch, 40, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, most)))
        model, optimizer = build()
        run = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)
        said = run.status, run.history.last("save_failed") >= 2, len(run.journal.entries("save failed"))
        os._exit(0 if said == ("finished", True, 1) else 1)

    ended = multiprocessing.get_context("fork").Process(target=limited)
    ended.start()
    ended.join()

    assert 0 == ended.exitcode
    assert 40 == Store(tmp_path / "run" / "checkpoints", writable=False).whole().step
    entries = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()[:5]]
    assert "start" in {entry["kind"] for entry in entries}
    assert resource.RLIM_INFINITY == resource.getrlimit(resource.RLIMIT_FSIZE)[0]

    model, optimizer = build(9)
    again = fit(model, train, epochs=2, optimizer=optimizer, save_every=20)

    assert 40 == again.journal.last("resume")["step"]
    assert 88 == again.history.step("loss")


# --- exact state ------------------------------------------------------------------------------------------------------


def test_the_last_good_weights_are_those_of_before_after_a_resume(fit, tmp_path):
    """What a rollback goes back to is in the checkpoint, bit for bit, with the moments."""
    train, _ = digits_loaders()
    model, optimizer = build()
    fit(model, train, epochs=3, optimizer=optimizer, save_every=110)
    store = Store(tmp_path / "run" / "checkpoints", writable=False)
    good = store.load(next(one for one in store.checkpoints() if one.step == 110), "good")
    assert 100 == good["step"]

    model, optimizer = build(9)
    with af.Guard(model, optimizer, store=tmp_path, name="other", show="none", seed=3) as guard:
        guard.open()
        from autofix_nb.checkpoints import Snapshot

        Snapshot.from_state(good, model, optimizer).restore()
        assert same_weights(good["weights"], model.state_dict())
        moments = optimizer.state_dict()["state"]
        assert all(torch.equal(good["optimizer"][at]["exp_avg"], moments[at]["exp_avg"]) for at in moments)


class LearntLoss(nn.Module):
    """A loss with a weight of its own that the optimizer holds and the model does not."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, outputs, targets):
        return nn.functional.cross_entropy(outputs * self.scale, targets) + 0.01 * self.scale**2


def test_weights_of_the_losss_own_are_resumed_too(fit):
    """They are in no state dict of the model's."""

    def trained(name, *epochs):
        for count in epochs:
            torch.manual_seed(5)
            model, loss = mlp(), LearntLoss()
            optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=1e-2)
            run = fit(model, digits_loaders()[0], epochs=count, optimizer=optimizer, loss=loss, name=name)
        return run, loss

    whole, whole_loss = trained("whole", 3)
    run, loss = trained("parts", 1, 2, 3)

    assert torch.equal(whole_loss.scale, loss.scale)
    assert same_weights(whole.last_weights, run.last_weights)


class Average:
    """An exponential moving average of weights, as users write it."""

    def __init__(self, model):
        self.values = {name: part.clone() for name, part in model.state_dict().items()}

    def follow(self, model):
        for name, part in model.state_dict().items():
            self.values[name].mul_(0.9).add_(part, alpha=0.1)

    def state_dict(self):
        return dict(self.values)

    def load_state_dict(self, state):
        assert state.keys() == self.values.keys()
        self.values = dict(state)


def averaged(fit, name, *epochs, keep=True):
    for count in epochs:
        model, optimizer = build()
        average = Average(model)

        def loss(outputs, targets, average=average, model=model):
            average.follow(model)
            return nn.functional.cross_entropy(outputs, targets)

        loss.__name__ = "cross_entropy"
        run = fit(
            model, digits_loaders()[0], epochs=count, optimizer=optimizer, loss=loss, name=name, preflight=False,
            keep={"average": average} if keep else None,
        )  # fmt: skip
    return run, average


def test_an_object_of_the_users_own_goes_on_where_it_was(fit):
    """`keep`: what it comes to is what it would have come to."""
    _, whole = averaged(fit, "whole", 2)
    _, average = averaged(fit, "parts", 1, 2)

    assert same_weights(whole.values, average.values)


def test_names_that_are_missing_or_new_on_resume_are_said_and_nothing_is_lost(fit):
    """The saved state of a name that is not given stays in the checkpoints, for the day it is."""
    run, _ = averaged(fit, "run", 1)
    run, _ = averaged(fit, "run", 2, keep=False)
    assert "holds 'average', which `keep` does not name" in run.journal.last("note")["text"]

    run, _ = averaged(fit, "run", 3)
    assert 1 == len(run.journal.entries("note"))

    run, _ = averaged(fit, "other", 1, keep=False)
    run, _ = averaged(fit, "other", 2)
    assert "`keep` names 'average', which the checkpoint does not hold" in run.journal.last("note")["text"]


class Bare:
    """Has `state_dict` only."""

    def state_dict(self):
        return {}


class Unportable(Average):
    """Its state holds a function."""

    def __init__(self):
        self.values = {"f": len}


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        pytest.param([1], "`keep` must be a dict .* got list", id="list"),
        pytest.param({"a": Bare()}, r"'a' is a Bare without `load_state_dict\(\)`", id="method"),
        pytest.param({"": Bare()}, "the name '' is none", id="empty"),
        pytest.param({3: Bare()}, "the name 3 is none", id="number"),
        pytest.param({"a": Unportable()}, r"`keep\['a'\].state_dict\(\)\['f'\]` is a builtin", id="pickle"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_training(fit, keep, text):
    """A clear error, not a pickle."""
    model, optimizer = build()
    with pytest.raises(ConfigurationError, match=text):
        fit(model, digits_loaders()[0], epochs=1, optimizer=optimizer, keep=keep)


def test_an_object_that_does_not_take_its_state_is_an_error_with_the_way_out(fit):
    """Of another kind than the one that was saved."""
    averaged(fit, "run", 1)
    model, optimizer = build()
    with pytest.raises(ResumeError, match=r"(?s)'average' \(Average\) does not take what was saved.*resume=False"):
        fit(
            model,
            digits_loaders()[0],
            epochs=2,
            optimizer=optimizer,
            preflight=False,
            keep={"average": Average(nn.Linear(1, 1))},
        )


def test_what_is_given_after_the_start_gets_its_state_at_once(fit, tmp_path):
    """A loop of the user's own may make its objects late."""
    _, average = averaged(fit, "run", 1)
    model, optimizer = build(9)
    with af.Guard(model, optimizer, store=tmp_path, name="run", show="none", seed=3) as guard:
        guard.open("cross_entropy", 2)
        late = Average(model)
        guard.keep("average", late)

    assert same_weights(average.values, late.values)


def test_a_save_that_failed_does_not_cost_the_last_one(steps, monkeypatch):
    """The disk had a bad moment in mid-training and takes all again at the end."""
    real, calls = Store.save, []

    def once(self, pieces, about):
        calls.append(about["step"])
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        return real(self, pieces, about)

    monkeypatch.setattr(Store, "save", once)
    steps.go(50, 10.0)
    steps.guard.step_count += 3

    assert steps.keeper.save(steps.guard)
    assert [53] == steps.saved()
    assert 1 == len(steps.keeper.journal.entries("save failed"))
