"""Colab's runtime is given back only when nothing is lost by it; a stand-in takes the place of `google.colab`."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from autofix_nb.checkpoints import Store
from autofix_nb.loop import release
from tests.cases import mlp, small_loader


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """Be in Colab, with Drive mounted above the test's folder; returns what was called."""
    called = []
    package, google = ModuleType("google.colab"), ModuleType("google")
    package.runtime, package.drive = ModuleType("google.colab.runtime"), ModuleType("google.colab.drive")
    package.runtime.unassign = lambda: called.append("unassign")
    package.drive.flush_and_unmount = lambda: called.append("flush")
    google.colab = package
    for name, module in {"google": google, "google.colab": package}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(release, "host", lambda: "colab")
    monkeypatch.setattr(release, "MOUNTED_AT", tmp_path / "MyDrive")
    return called


@pytest.fixture
def train(fit, capsys):
    def call(**options):
        defaults = {"epochs": 1, "lr": 0.01, "release_runtime": True, "show": "text"}
        run = fit(mlp(4, 3, 8), small_loader(), **(defaults | options))
        return run, capsys.readouterr().out

    return call


def test_it_is_given_back_after_a_verified_save_and_a_flush(train, colab):
    """In this order."""
    run, said = train()

    assert ["flush", "unassign"] == colab
    assert "the runtime is given back" in said
    assert "finished" == run.status


def test_elsewhere_it_does_nothing_and_says_so(train):
    """A notebook that runs on Colab today may run on a laptop tomorrow."""
    _, said = train()

    assert "`release_runtime` does nothing here" in said


def test_nobody_asked_for_it(train, colab):
    """Only on request."""
    train(release_runtime=False)

    assert [] == colab


def test_a_run_on_the_runtimes_own_disk_keeps_it(train, colab, monkeypatch):
    """Giving it back would delete the run."""
    monkeypatch.setattr(release, "MOUNTED_AT", release.MOUNTED_AT / "elsewhere" / "MyDrive")

    run, said = train()

    assert [] == colab
    assert "would be lost" in said
    assert "was not given back" in run.journal.last("note")["text"]


def test_checkpoints_that_cannot_be_read_back_keep_it(train, colab, monkeypatch):
    """What was written is not yet what is there."""
    monkeypatch.setattr(Store, "newest", lambda self: None, raising=False)

    _, said = train()

    assert [] == colab
    assert "no whole checkpoint" in said


def test_a_flush_that_fails_keeps_it(train, colab, monkeypatch):
    """The last upload is what the runtime is needed for."""

    def failing():
        raise ValueError("flush_and_unmount failed")

    monkeypatch.setattr(sys.modules["google.colab"].drive, "flush_and_unmount", failing)

    _, said = train()

    assert [] == colab
    assert "flushing failed (ValueError: flush_and_unmount failed)" in said


def test_whoever_stopped_it_is_still_there(train, colab, tmp_path, monkeypatch):
    """A stop button or a STOP file is somebody's; the time limit is nobody's."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)

    def stopping(outputs, targets):
        if torch.is_grad_enabled():
            (tmp_path / "run" / "STOP").touch()
        return nn.functional.cross_entropy(outputs, targets)

    run, said = train(loss=stopping)

    assert "stopped" == run.status
    assert [] == colab
    assert "somebody is there" in said


def test_the_time_limit_gives_it_back(train, colab):
    """`stop_after` with nobody there is what it is for."""
    run, _ = train(stop_after=1e-6, epochs=3)

    assert "stopped" == run.status
    assert ["flush", "unassign"] == colab


def test_an_error_keeps_it(train, colab):
    """Somebody has to look."""

    def failing(outputs, targets):
        if torch.is_grad_enabled():
            raise ZeroDivisionError
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(ZeroDivisionError):
        train(loss=failing)

    assert [] == colab
