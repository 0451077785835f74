"""Resumed from any step of any epoch, a run ends with the very bits of the run that nothing interrupted."""

import itertools
import os
import signal
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import autofix_nb as af
from autofix_nb.detectors import Detector
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from tests.loop import turns
from tests.loop.sides import Alarm, Booked
from tests.loop.turns import (
    Augmented,
    Average,
    InGroups,
    Plain,
    Stream,
    Turned,
    differing,
    in_turns,
    left,
    rows,
    trained,
)


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Let detectors, snapshots and close looks have their turns in a short run, too."""
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 7)
    monkeypatch.setattr("autofix_nb.loop.looks.SNAPSHOT_STEPS", 7)


CUTS = {"accumul": (11, 5, 8), "bad": (45, 38)}
"""Calls of the loss in each turn: more where a step takes several, or else none would ever be done."""


def both(store, cuts, **options):
    """Return what a whole run left, and one that was cut into turns; the loader is made anew in each."""

    def turn(name):
        return lambda number, at: trained(store, name, number, at, **{
            key: value(number) if key in ("train", "keep_train") else value for key, value in options.items()
        })  # fmt: skip

    whole = left(in_turns(turn("whole"), iter(())))
    parts = left(in_turns(turn("parts"), cuts))
    return whole, parts


def ema(model, optimizer):
    return {"ema": Average(model, optimizer)}


def noisy(net, batch, loss):
    """A step that draws from all three streams itself."""
    import random

    import numpy as np

    inputs, targets = batch
    return loss(net(inputs + 0.1 * np.random.randn() + 0.1 * random.random()), targets)


def penalised(net, batch, loss):
    """A step of two parts, which are looked at after its tenth call."""
    inputs, targets = batch
    weights = sum(part.abs().sum() for part in net.parameters())
    return {"task": loss(net(inputs), targets), "size": 0.01 * weights}


WORKERS = [0, 2, 1]

KINDS = {
    "one-cycle, workers": {
        "train": lambda number: DataLoader(Augmented(), batch_size=6, shuffle=True, num_workers=WORKERS[number % 3]),
        "optimizer": lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        "scheduler": lambda made: (lr_scheduler.OneCycleLR(made, 0.1, total_steps=24), "step"),
    },
    "weighted sampler, cosine by epochs": {
        "train": lambda number: DataLoader(
            Augmented(), batch_size=6, sampler=WeightedRandomSampler([1.0 + at % 3 for at in range(48)], 40)
        ),
        "scheduler": lambda made: (lr_scheduler.CosineAnnealingLR(made, 3), "epoch"),
    },
    "custom sampler, accumulation, average, plateau": {
        "train": lambda number: DataLoader(Augmented(), batch_size=6, sampler=Turned()),
        "optimizer": lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True),
        "scheduler": lambda made: lr_scheduler.ReduceLROnPlateau(made, patience=0, factor=0.5),
        "accumulate": 3,
        "keep": ema,
    },
    "batch sampler": {
        "train": lambda number: DataLoader(Augmented(), batch_sampler=InGroups()),
        "scheduler": lambda made: (lr_scheduler.ExponentialLR(made, 0.97), "step"),
    },
    "stream": {"train": lambda number: DataLoader(Stream(), batch_size=6)},
    "list of batches": {"train": lambda number: list(zip(*(part.split(6) for part in rows()), strict=True))},
    "bad samples": {
        "train": lambda number: DataLoader(Augmented(raising=(7, 30), nan=(11, 40)), batch_size=6, shuffle=True),
    },
    "own step that draws": {"step": noisy, "gently": True},
    "parts of a loss, of which one is a penalty": {"step": penalised, "gently": True},
    "chained schedulers": {
        "scheduler": lambda made: (
            lr_scheduler.SequentialLR(
                made, [lr_scheduler.LinearLR(made, 0.1, total_iters=4), lr_scheduler.StepLR(made, 5, 0.7)], [4]
            ),
            "step",
        ),
        "optimizer": lambda model: torch.optim.RMSprop(model.parameters(), lr=0.01, momentum=0.5),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_in_turns_ends_as_the_whole_one(tmp_path, fast_reports, kind):
    """Each turn ends in mid-step, where it happens to be, with an exception or the stop button."""
    cuts = next((cuts for word, cuts in CUTS.items() if word in kind), (3, 8, 6))
    whole, parts = both(tmp_path, itertools.cycle(cuts), **KINDS[kind])

    assert not differing(whole, parts)


RACED = {
    "settings, not the first": (("blow-up", "settings"), False, 1),
    "optimizer": (("optimizer",), False, 0),
    "structure": (("norm+activations",), False, 0),
    "begun again": (("norm+drawn",), True, 0),
    "no winner": (("clipped", "another"), False, None),
    "held": (("held",), False, 0),
}


@pytest.mark.parametrize("kind", RACED)
@pytest.mark.parametrize("must_gain", [False, True])
def test_a_race_in_a_run_in_turns_ends_as_in_the_whole_one(tmp_path, fast_reports, monkeypatch, kind, must_gain):
    """The race, the trial of what it chose, a restart behind it, the steps that it took over: all as in one turn."""
    kinds, fresh, winner = RACED[kind]
    Booked(kinds, fresh=fresh, winner=winner, steps=5).put(monkeypatch)
    watch = Policy.watch
    monkeypatch.setattr(Policy, "watch", lambda *given, **more: watch(*given, **(more | {"must_gain": must_gain})))
    monkeypatch.setattr("autofix_nb.policy.trials.HORIZON_STEPS", 12)
    options = {
        "detectors": [Alarm(steps=(14,))],
        "fixes": set(FIXES) - {"train_longer"},
        "epochs": 5,
        "gently": True,
    }
    if "structure" in kind or "begun" in kind:
        options["model"] = Plain
    else:
        options["keep"] = ema
    if not fresh and kind != "optimizer":
        options["scheduler"] = lambda made: (lr_scheduler.ExponentialLR(made, 0.98), "step")
    whole, parts = both(tmp_path, itertools.cycle((5, 5, 40)), **options)

    assert any(entry["kind"] == "race" for entry in whole["journal"])
    assert not differing(whole, parts)


@dataclass(frozen=True, kw_only=True)
class StopsEarly(Detector):
    """Ends the training after its second epoch."""

    code: ClassVar = "L04"
    title: ClassVar = "Plateau"
    when: ClassVar = "epoch"
    reads: ClassVar = ("loss",)
    fixes: ClassVar = ("early_stop",)

    def check(self, history):
        return self.found(history, "told to", severity=Severity.NOTE) if len(history.epochs) == 2 else None


def test_an_early_stop_outlives_the_process_that_decided_it(tmp_path, fast_reports, monkeypatch):
    """A kill between the decision and the end: the run that goes on ends there, too, and trains no further epoch."""
    stopping = [StopsEarly()]
    whole = left(in_turns(lambda number, at: trained(tmp_path, "whole", number, at, detectors=stopping), iter(())))

    def killed(guard):
        raise turns.Cut

    with monkeypatch.context() as patch:
        patch.setattr("autofix_nb.loop.guard.finish", killed)
        patch.setattr("autofix_nb.loop.guard.save_after", lambda *_: None)
        turns.unlike_before(0)
        with pytest.raises(turns.Cut):
            trained(tmp_path, "parts", 0, 0, detectors=stopping, save_every=4)
    turns.unlike_before(1)
    parts = left(trained(tmp_path, "parts", 1, 0, detectors=stopping, save_every=4))

    assert 2 == len(whole["epochs"])
    assert not differing(whole, parts)

    more = trained(tmp_path, "parts", 2, 0, detectors=stopping, epochs=5)

    assert 5 == len(more.history.epochs), "who asks for more epochs gets them"


def test_samples_of_a_batch_that_failed_as_a_whole_are_judged_after_a_resume(tmp_path, fast_reports):
    """They wait for a batch that passes; the process may end before one comes."""
    train = [DataLoader(Augmented(nan=tuple(range(3))), batch_size=3) for _ in range(9)]
    options = {"train": lambda number: train[0]}
    whole, parts = both(tmp_path, itertools.cycle((24, 31)), **options)

    assert [0, 1, 2] == whole["quarantine"]
    assert not differing(whole, parts)


def test_what_a_recorder_remembers_of_targets_goes_on(tmp_path, fast_reports):
    """`chance` is of all targets since the start, by whatever chunks they were handed over."""
    whole, parts = both(tmp_path, itertools.repeat(3), **KINDS["list of batches"])

    assert len(whole["series"]["chance"][0]) > 8
    assert whole["series"]["chance"] == parts["series"]["chance"]


def test_a_rate_that_was_searched_is_that_of_every_turn(tmp_path, fast_reports, monkeypatch):
    """`lr=None`: the range test is made once, and what it found outlives the process that made it."""
    monkeypatch.setattr("autofix_nb.loop.before_first.SHARE", 1.0)
    monkeypatch.setattr("autofix_nb.loop.before_first.FEWEST_STEPS", 5)
    options = {"optimizer": lambda model: None, "gently": True, "detectors": []}
    whole, parts = both(tmp_path, itertools.chain((30,), itertools.repeat(5)), **options)

    assert 1 == len([entry for entry in whole["journal"] if entry["kind"] == "range test"])
    assert not differing(whole, parts)


class Seldom(torch.nn.Module):
    """One output: is it the rare class? The stop button is pressed in one of its training passes."""

    def __init__(self, at):
        super().__init__()
        self.body = torch.nn.Linear(turns.FEATURES, 1)
        torch.nn.init.zeros_(self.body.weight)
        torch.nn.init.constant_(self.body.bias, -3.0)  # it ranks its rows long before it says "yes" to one
        self.at, self.passes = at, 0

    def forward(self, inputs):
        if self.training and torch.is_grad_enabled():
            self.passes += 1
            if self.passes == self.at:
                os.kill(os.getpid(), signal.SIGINT)
        return self.body(inputs)[:, 0]


def seldom(count):
    """Return inputs and whether they are of the rare class, a sixth of them."""
    inputs, _ = rows(count)
    return inputs, (inputs[:, 0] > 1.0).float()


def test_a_threshold_that_was_tuned_is_that_of_every_turn(tmp_path, fast_reports):
    """Chosen at the end of an epoch, it is in force after a resume, and chosen alike in the epochs to come."""
    loss = torch.nn.functional.binary_cross_entropy_with_logits

    def turn(name):
        def train(number, at):
            model = Seldom(at)
            loader = DataLoader(TensorDataset(*seldom(48)), batch_size=6, shuffle=True)
            val = DataLoader(TensorDataset(*seldom(400)), batch_size=100)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            options = {"epochs": 5, "seed": 3, "show": "none", "preflight": False, "store": tmp_path}
            return af.fit(model, loader, val, loss=loss, optimizer=optimizer, name=name, **options)

        return train

    whole = left(in_turns(turn("whole"), iter(())))
    parts = left(in_turns(turn("parts"), itertools.repeat(13)))

    assert [entry["after"] for entry in whole["journal"] if entry.get("fix") == "tune_threshold"]
    assert not differing(whole, parts)


def test_an_end_that_was_moved_is_that_of_every_turn(tmp_path, fast_reports, monkeypatch):
    """A winner's steps count for the run: `ends_at` comes earlier, in whichever turn it is reached."""
    Booked(("settings",), winner=0, steps=5).put(monkeypatch)
    monkeypatch.setattr("autofix_nb.policy.trials.is_worse", lambda *_: False)
    options = {"detectors": [Alarm(steps=(7,))], "fixes": set(FIXES) - {"train_longer"}, "gently": True}
    whole, parts = both(tmp_path, itertools.cycle((3, 40)), **options)

    assert 19 == whole["facts"]["ends_at"] == parts["facts"]["ends_at"]
    assert [8, 8, 3] == [row["steps"] for row in parts["epochs"]]
    assert not differing(whole, parts)


@dataclass(frozen=True, kw_only=True)
class Dead(Alarm):
    """Says that the run is surely dead."""

    def check(self, history):
        said = super().check(history)
        return said and replace(said, severity=Severity.CRITICAL)


@pytest.mark.parametrize(
    ("raced", "cuts"),
    [
        pytest.param(True, (21,), id="won-a-race"),
        pytest.param(False, (15, 1, 4), id="dared-and-later-again"),
    ],
)
def test_an_order_that_is_over_stays_so(tmp_path, fast_reports, monkeypatch, raced, cuts):
    """Samples are shuffled from the next epoch on, so this one ends at once: also in a run that goes on from there."""
    Booked(("reshuffle!",), winner=0, steps=3).put(monkeypatch)
    monkeypatch.setattr("autofix_nb.policy.policy.wants_race", lambda policy, *_: raced and not policy.races.won)
    monkeypatch.setattr("autofix_nb.policy.trials.has_gained", lambda *_: True)
    monkeypatch.setattr("autofix_nb.policy.trials.is_worse", lambda *_: False)
    monkeypatch.setattr("autofix_nb.policy.daring.has_learnt", lambda history: False)
    monkeypatch.setattr("autofix_nb.policy.trials.ask_again", lambda *_: None)
    in_line = lambda number: DataLoader(Augmented(), batch_size=6)  # noqa: E731
    options = {"detectors": [Dead(steps=(14,))], "fixes": set(FIXES) - {"train_longer"}, "save_every": 2}
    whole, parts = both(tmp_path, iter(cuts), train=in_line, **options)

    assert (8, 6) == tuple(row["steps"] for row in whole["epochs"])[:2]
    assert 24 - 3 * raced == sum(row["steps"] for row in whole["epochs"])
    assert 14 in [entry["step"] for entry in Journal(tmp_path / "parts" / "journal.jsonl").entries("resume")]
    assert not differing(whole, parts)
