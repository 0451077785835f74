"""What kills twice beside the training is left out the third time, and no batch is put into the dock for it."""

import importlib
import multiprocessing
import os
import signal
from types import SimpleNamespace

import pytest

import autofix_nb as af
from autofix_nb.finding import Severity
from autofix_nb.fixes.base import Change, Fix
from autofix_nb.journal import Journal
from autofix_nb.policy import Candidate
from tests.loop import sides
from tests.loop.sides import Alarm, Booked
from tests.loop.turns import trained
from tests.runs import finding

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

FORK = multiprocessing.get_context("fork")


def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Fix):
    """Kills the process when it is applied."""

    name, touches = "clip_gradients", "loop"

    def plan(self, finding, run):
        return None

    def apply(self, change, run):
        kill()


def race_in(monkeypatch):
    """Let a race be held at step 14, one of whose candidates kills."""
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 7)
    change = Change(fix="clip_gradients", touches="loop", says="the gradients are clipped")
    booked = Booked((), steps=5).put(monkeypatch)
    deadly = Candidate(fixes=[(Deadly(), change)])
    monkeypatch.setattr(booked, "of", lambda run: [sides.candidate(run, "settings"), deadly])
    return {"detectors": [Alarm(steps=(14,))]}


def kills(path):
    """Let a function kill."""

    def prepare(monkeypatch):
        monkeypatch.setattr(path, kill)
        return {}

    return prepare


def look(monkeypatch):
    monkeypatch.setattr(importlib.import_module("autofix_nb.preflight"), "preflight", kill)
    return {"preflight": True}


def range_test(monkeypatch):
    monkeypatch.setattr("autofix_nb.loop.before_first.SHARE", 1.0)
    monkeypatch.setattr("autofix_nb.loop.before_first.FEWEST_STEPS", 5)
    monkeypatch.setattr("autofix_nb.loop.finding_rates.range_test", kill)
    return {"optimizer": lambda model: None}


def before_race(monkeypatch):
    options = race_in(monkeypatch)
    monkeypatch.setattr("autofix_nb.policy.treating.LEAST_BEFORE", 0)
    monkeypatch.setattr("autofix_nb.policy.treating.SHARE_BEFORE", 100.0)
    monkeypatch.setattr("autofix_nb.policy.candidates.Offers.against_found", lambda offers, *_, **__: offers.against())
    found = [finding(code="D02", step=0, severity=Severity.WARNING, fixes=("scale_lr",))]
    return options | {"detectors": [], "preflight": SimpleNamespace(findings=found)}


def apart(monkeypatch, prepare, store):
    """Train in a process of its own that is killed; returns how it ended."""

    def child():
        with monkeypatch.context() as patch:
            trained(store, "run", 0, 0, **prepare(patch))
        os._exit(0)

    process = FORK.Process(target=child)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize(
    ("prepare", "phase", "what", "says"),
    [
        pytest.param(
            race_in, "race", "clip_gradients", "race of what could help (clip_gradients) at step 14", id="race"
        ),
        pytest.param(before_race, "race", "clip_gradients", "(clip_gradients) at step 0", id="race before any step"),
        pytest.param(look, "look", "", "the look before training at step 0", id="look before training"),
        pytest.param(range_test, "range_test", "", "range test of the learning rate at step 0", id="range test"),
    ],
)
def test_what_killed_twice_beside_the_training_is_left_out(tmp_path, monkeypatch, prepare, phase, what, says):
    """The third start says so, and gets through with every batch; what was found stays found."""
    for _ in range(2):
        assert -signal.SIGKILL == apart(monkeypatch, prepare, tmp_path)

    run = trained(tmp_path, "run", 0, 0, **prepare(monkeypatch))

    assert [(phase, what)] * 2 == [(one["phase"], one["what"]) for one in run.journal.entries("died")]
    assert "finished" == run.status
    assert 24 == len(run.history.values("loss"))
    assert not run.journal.entries("left out")
    assert 1 == len(run.journal.entries("left out beside"))
    said = [entry["text"] for entry in run.journal.entries("note") if "2 times" in entry["text"]]
    assert 1 == len(said)
    assert says in said[0]
    assert "left out" in said[0]
    if phase == "race":
        assert {"L05", "D02"} & {one.code for one in run.findings}
        assert "the best guess without it: scale_lr" in run.journal.entries("note")[-1]["text"]


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        pytest.param(kills("autofix_nb.loop.opening.FirstState.of"), "before its first step", id="opening"),
        pytest.param(kills("autofix_nb.loop.evaluate.total_loss"), "in the validation", id="validation"),
    ],
)
def test_what_cannot_be_left_out_is_named_with_a_way_out(tmp_path, monkeypatch, prepare, says):
    """No batch is left out for it; the third start tries it once more."""
    for _ in range(2):
        assert -signal.SIGKILL == apart(monkeypatch, prepare, tmp_path)

    run = trained(tmp_path, "run", 0, 0)

    assert "finished" == run.status
    assert 24 == len(run.history.values("loss"))
    said = [entry["text"] for entry in run.journal.entries("note") if "died 2 times" in entry["text"]]
    assert 1 == len(said)
    assert says in said[0]
    assert "Try" in said[0]
    assert said[0] in run.report().facts["problems"]


def test_two_deaths_in_races_of_different_steps_are_no_pair(tmp_path):
    """Kernels are killed for many reasons."""
    (tmp_path / "run").mkdir()
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    for step in (14, 21):
        journal.append("died", step=step, epoch=1, position=6, phase="race", what="scale_lr")

    run = trained(tmp_path, "run", 0, 0)

    assert not run.journal.entries("left out beside")
    assert "died" not in str(af.open_run(tmp_path / "run").report())
