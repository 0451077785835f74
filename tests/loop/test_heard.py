"""Whoever asks for the end while something is done beside the training is heard at once, and loses nothing by it.

What is under way is broken off between two of its steps. The run that goes on begins it anew, and ends with the very
bits of a run that nobody stopped.
"""

import itertools
import os
import signal
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.loop.aside import Hearing
from autofix_nb.loop.pulse import Phase
from autofix_nb.policy import candidates, treating
from tests.loop.sides import Alarm, Booked
from tests.loop.turns import Augmented, Net, Plain, differing, left, rows, trained, unlike_before
from tests.runs import finding


@dataclass
class Side:
    """Counts the steps of one kind beside the training, and has somebody act at one of them."""

    phase: Phase
    acts: object = lambda: os.kill(os.getpid(), signal.SIGINT)
    at: int = -1
    seen: int = 0
    said: list = field(default_factory=list)

    def put(self, monkeypatch):
        """Stand before each of them."""
        heed = Hearing.heed

        def counted(guard, done=None):
            if guard.side is not None and guard.side.phase is self.phase:
                self.seen += 1
                self.said.append((guard.side.what, done, guard.side.of))
                if self.seen == self.at:
                    self.acts()
            heed(guard, done)

        monkeypatch.setattr(Hearing, "heed", counted)
        return self

    def begin(self, at=-1):
        """Count anew."""
        self.at, self.seen = at, 0
        self.said.clear()


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Let detectors and snapshots have their turns in a short run, too."""
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 7)
    monkeypatch.setattr("autofix_nb.loop.looks.SNAPSHOT_STEPS", 7)


def run_of(store, name, turn=0, train=trained, **options):
    """Return the run of one turn; loaders and schedulers are made anew in each."""
    unlike_before(turn)
    made = {key: value() if key in ("train", "val") else value for key, value in options.items()}
    return train(store, name, turn, 0, **made)


ENDS = [pytest.param(place, marks=pytest.mark.slow) for place in ("first", "last")]
PLACES = ["middle", *ENDS]
"""Steps beside the training at which it is stopped. First and last are another matter only for what begins or ends."""


def check(store, side, place, *, status="stopped", turns=1, train=trained, **options):
    """Stop a run at one of its steps beside the training; return the whole one, the stopped one and that which went on.

    `turns` runs are stopped there, one after the other.
    """
    whole = left(run_of(store, "whole", train=train, **options))
    steps = side.seen
    assert steps > 1, "nothing was done beside the training"
    for turn in range(turns):
        side.begin({"first": 1, "middle": steps // 2, "last": steps}[place])
        stopped = run_of(store, "parts", turn, train=train, **options)
        assert side.seen == side.at, "it was broken off at once"
        assert status == stopped.status
        side.begin()
    again = left(run_of(store, "parts", turns, train=train, **options))

    assert not differing(whole, again)
    return whole, stopped, again


RACED = {
    "settings": (("blow-up", "settings"), False, 1),
    "structure": (("norm+activations", "optimizer"), False, 0),
    "begun again": (("norm+drawn",), True, 0),
    "optimizer": (("optimizer",), False, 0),
    "no winner": (("clipped", "another"), False, None),
}
KINDS = {"mid-epoch": 14, "epoch's end": 16, "last epoch's end": 40}
"""Steps at which the alarm is given, in runs of eight steps an epoch and five epochs."""


def raced(monkeypatch, kind, alarm):
    """Let a race of this kind be held at this step; returns the options of the run."""
    kinds, fresh, winner = RACED[kind]
    Booked(kinds, fresh=fresh, winner=winner, steps=5).put(monkeypatch)
    monkeypatch.setattr("autofix_nb.policy.trials.is_worse", lambda *_: False)
    return {
        "detectors": [Alarm(steps=(alarm,))],
        "fixes": set(FIXES) - {"train_longer"},
        "epochs": 5,
        "model": Net if kind in ("settings", "no winner") else Plain,
        "optimizer": lambda model: torch.optim.Adam(model.parameters(), lr=0.01),
    }


SOONER = {
    ("settings", "mid-epoch", "first"),
    ("structure", "mid-epoch", "middle"),
    ("begun again", "mid-epoch", "last"),
    ("no winner", "mid-epoch", "middle"),
    ("settings", "epoch's end", "last"),
    ("begun again", "last epoch's end", "middle"),
}
"""Of all combinations, those that are no slow test."""


@pytest.mark.parametrize(
    ("kind", "when", "place"),
    [
        pytest.param(*one, marks=() if one in SOONER else pytest.mark.slow)
        for one in itertools.product(RACED, KINDS, ("first", "middle", "last"))
    ],
)
def test_a_race_that_is_broken_off_is_held_anew(tmp_path, monkeypatch, kind, when, place):
    """Whatever wins it, wherever in the run it is, and at whichever step it is broken off."""
    side = Side(Phase.RACE).put(monkeypatch)
    whole, stopped, _ = check(tmp_path, side, place, **raced(monkeypatch, kind, KINDS[when]))

    assert 1 == len([entry for entry in whole["journal"] if entry["kind"] == "race"])
    assert not stopped.journal.entries("race")
    assert "L05" not in {one.code for one in stopped.findings}, "a question without an answer was not asked"
    assert KINDS[when] == stopped.journal.last("broken off")["step"]


def test_a_race_may_be_broken_off_again_and_again(tmp_path, monkeypatch):
    """Each turn begins it anew."""
    side = Side(Phase.RACE).put(monkeypatch)

    check(tmp_path, side, "middle", turns=3, **raced(monkeypatch, "settings", 14))


def test_what_the_same_look_has_answered_before_stays_answered(tmp_path, monkeypatch):
    """A change that was made before the race began is not made twice, nor is its trial forgotten."""

    @dataclass(frozen=True, kw_only=True)
    class Another(Alarm):
        code: ClassVar = "G02"
        title: ClassVar = "Exploding gradients"
        fixes: ClassVar = ("clip_gradients",)

    options = raced(monkeypatch, "settings", 14)
    wants = lambda policy, finding, run: finding.code == "L05"  # noqa: E731
    monkeypatch.setattr("autofix_nb.policy.policy.wants_race", wants)
    monkeypatch.setattr("autofix_nb.policy.policy.RACED", frozenset({"L05"}))
    side = Side(Phase.RACE).put(monkeypatch)
    options["detectors"] = [Another(steps=(14,)), Alarm(steps=(14,))]

    _, stopped, again = check(tmp_path, side, "middle", **options)

    assert ["clip_gradients"] == [change.fix for change in stopped.fixes]
    found = [entry["code"] for entry in again["journal"] if entry["kind"] == "finding"]
    assert ["G02", "L05"] == [code for code in found if code in ("G02", "L05")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["structure", pytest.param("settings", marks=pytest.mark.slow), "no winner"])
def test_races_before_the_first_step(tmp_path, monkeypatch, kind, place):
    """One after the other while one is won and has something new to offer: those that are over are not held again."""
    monkeypatch.setattr(treating, "LEAST_BEFORE", 0)
    side = Side(Phase.RACE).put(monkeypatch)
    options = raced(monkeypatch, kind, 1000)
    monkeypatch.setattr(candidates.Offers, "against_found", candidates.Offers.against)
    if kind == "structure":
        monkeypatch.setitem(RACED, kind, (("optimizer",), False, 0))
        options = raced(monkeypatch, kind, 1000)
        monkeypatch.setattr(candidates.Offers, "against_found", lambda offers, *_, **__: offers.against())
    options["preflight"] = SimpleNamespace(
        findings=[finding(code="D02", step=0, severity=Severity.WARNING, fixes=("scale_lr",))]
    )

    whole, stopped, again = check(tmp_path, side, place, **options)

    assert 0 == stopped.journal.last("end")["step"]
    races = {"structure": 3, "settings": 2, "no winner": 1}[kind]  # settings that stand are not offered again
    assert races == len([one for one in whole["journal"] if one["kind"] == "race"])
    assert 1 == len([one for one in again["journal"] if one.get("code") == "D02" and one["kind"] == "finding"])


@pytest.mark.parametrize("place", PLACES)
def test_a_range_test_before_the_first_step(tmp_path, monkeypatch, place):
    """`lr=None`: the rate is looked for anew, and found."""
    monkeypatch.setattr("autofix_nb.loop.before_first.SHARE", 1.0)
    monkeypatch.setattr("autofix_nb.loop.before_first.FEWEST_STEPS", 5)
    side = Side(Phase.RANGE_TEST).put(monkeypatch)

    whole, stopped, _ = check(tmp_path, side, place, optimizer=lambda model: None)

    assert 1 == len([entry for entry in whole["journal"] if entry["kind"] == "range test"])
    assert not stopped.journal.entries("range test")
    assert 0 == stopped.journal.last("end")["step"]


@pytest.mark.parametrize("place", PLACES)
def test_the_look_before_the_training(tmp_path, monkeypatch, place):
    """Between two of its questions; the run that goes on asks them all again, and writes down once what it finds."""
    side = Side(Phase.LOOK).put(monkeypatch)

    whole, stopped, again = check(tmp_path, side, place, preflight=True, epochs=1)

    assert [] == stopped.findings
    assert len(again["journal"]) == len(whole["journal"]) > 1


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_validation(tmp_path, monkeypatch, place):
    """Its epoch stays open; buffers that its forward passes move are as before it."""
    side = Side(Phase.VALIDATION).put(monkeypatch)
    options = {
        "val": lambda: DataLoader(TensorDataset(*rows(20)), batch_size=4),
        "scheduler": lambda made: lr_scheduler.ReduceLROnPlateau(made, patience=0, factor=0.5),
    }

    _, stopped, _ = check(tmp_path, side, place, **options)

    assert {"first": 0, "middle": 1, "last": 2}[place] == len(stopped.history.epochs)
    assert "the stop button was pressed" in stopped.headline()


@pytest.mark.parametrize("place", PLACES)
def test_the_verdict_on_a_change(tmp_path, monkeypatch, place):
    """The rows that judge it are gone over anew."""
    monkeypatch.setattr("autofix_nb.policy.trials.HORIZON_STEPS", 6)
    side = Side(Phase.VERDICT).put(monkeypatch)

    whole, _, _ = check(tmp_path, side, place, **raced(monkeypatch, "settings", 14))

    assert {"kept"} == {entry["verdict"] for entry in whole["journal"] if entry["kind"] == "outcome"}


class Overflowing(nn.Module):
    """Its first passes are not finite, until something is changed."""

    def __init__(self):
        super().__init__()
        self.body = Plain()
        with torch.no_grad():
            self.body.third.weight.fill_(3e38)

    def forward(self, inputs):
        return self.body(inputs)


@pytest.mark.parametrize("place", PLACES)
def test_a_race_in_the_midst_of_mending_a_batch(tmp_path, monkeypatch, place):
    """The batch begins again with the run that goes on."""
    side = Side(Phase.RACE).put(monkeypatch)
    options = raced(monkeypatch, "settings", 1000) | {"model": Overflowing}
    Booked(("settings", "drawn"), fresh=True, winner=1, steps=5).put(monkeypatch)
    monkeypatch.setattr("autofix_nb.loop.going_back.wants_race", lambda policy, finding, run: not policy.races.won)

    whole, stopped, _ = check(tmp_path, side, place, **options)

    assert "race" in {entry["kind"] for entry in whole["journal"]}
    assert 0 == stopped.journal.last("end")["step"]


def own_loop(store, name, turn, at, *, model=Net, epochs=5, **options):
    """Train as `trained` does, in a loop of the user's own."""
    model = model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = DataLoader(Augmented(), batch_size=6, shuffle=True)
    inputs, targets = rows(20)
    options.pop("optimizer", None)
    with af.Guard(model, optimizer, name=name, store=store, seed=3, show="none", **options) as guard:
        for _ in guard.epochs(epochs):
            for batch in guard.batches(loader):
                guard.step(batch, lambda part: nn.functional.cross_entropy(model(part[0]), part[1]))
            model.eval()
            with torch.no_grad():
                guard.validate(float(nn.functional.cross_entropy(model(inputs), targets)))
            model.train()
    return guard.run


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("kind", "when"), [("settings", "mid-epoch"), ("optimizer", "epoch's end")])
def test_a_loop_of_the_users_own(tmp_path, monkeypatch, kind, when, place):
    """What turns a batch into a loss is known at the first batch only: there the look is asked again."""
    side = Side(Phase.RACE).put(monkeypatch)

    check(tmp_path, side, place, train=own_loop, **raced(monkeypatch, kind, KINDS[when]) | {"model": Plain})


@pytest.mark.parametrize("phase", [Phase.RACE, Phase.VALIDATION])
@pytest.mark.parametrize("place", PLACES)
def test_the_second_press_acts_at_once_and_loses_nothing(tmp_path, monkeypatch, phase, place):
    """In the midst of a step beside the training: what that has changed is put back."""
    side = Side(phase).put(monkeypatch)
    options = raced(monkeypatch, "structure", 14)
    whole = left(run_of(tmp_path, "whole", **options))
    side.begin({"first": 1, "middle": side.seen // 2, "last": side.seen}[place])
    side.acts = lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]

    with pytest.raises(KeyboardInterrupt):
        run_of(tmp_path, "parts", **options)
    side.begin()

    assert not differing(whole, left(run_of(tmp_path, "parts", 1, **options)))


@pytest.mark.parametrize(
    ("way", "phase"), [("SIGTERM", Phase.RACE), ("STOP", Phase.VALIDATION), ("stop_after", Phase.RACE)]
)
def test_every_way_to_ask_is_heard(tmp_path, monkeypatch, way, phase):
    """A signal of the system, a file in the run's folder, and the time."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("autofix_nb.loop.end_signal.EndSignal.pass_on", lambda _: None)
    up = []
    monkeypatch.setattr("autofix_nb.loop.time_limit.TimeLimit.is_up", lambda *_: bool(up))
    acts = {
        "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "STOP": lambda: (tmp_path / "parts" / "STOP").touch(),
        "stop_after": lambda: up.append(1),
    }
    side = Side(phase, acts=acts[way]).put(monkeypatch)
    options = raced(monkeypatch, "settings", 14) | ({"stop_after": "1h"} if way == "stop_after" else {})
    begin = side.begin
    monkeypatch.setattr(side, "begin", lambda *given: (up.clear(), begin(*given)))

    _, stopped, _ = check(tmp_path, side, "middle", **options)

    assert way in stopped.headline()


def test_what_is_under_way_is_told(tmp_path, monkeypatch):
    """Which candidate of how many, and how far it is; nothing once it is over."""
    side = Side(Phase.RACE).put(monkeypatch)
    run = run_of(tmp_path, "run", **raced(monkeypatch, "settings", 14))
    told = [what for what, _ in itertools.groupby(side.said, lambda one: one[0])]

    assert "preparing to try what could help" == told[0]
    assert "going on as it is, to compare" in told
    assert "trying 2 of 2: scale_lr, and regularise" in told
    assert [*range(5)] == [done for what, done, of in side.said if "compare" in what and of == 5 and done is not None]
    assert "finished" == run.status


def test_an_early_stop_is_not_taken_away_by_a_stop_button(tmp_path, monkeypatch):
    """Pressed in a race of the same look: the race is held by the run that goes on, and then it ends early."""

    @dataclass(frozen=True, kw_only=True)
    class Ends(Alarm):
        code: ClassVar = "L04"
        title: ClassVar = "Plateau"
        fixes: ClassVar = ("early_stop",)

    options = raced(monkeypatch, "settings", 14)
    wants = lambda policy, finding, run: finding.code == "L05"  # noqa: E731
    monkeypatch.setattr("autofix_nb.policy.policy.wants_race", wants)
    monkeypatch.setattr("autofix_nb.policy.policy.RACED", frozenset({"L05"}))
    options["detectors"] = [Ends(steps=(14,)), Alarm(steps=(14,))]
    side = Side(Phase.RACE).put(monkeypatch)

    whole, _, _ = check(tmp_path, side, "middle", **options)

    assert "finished" == whole["status"]
    assert 1 == len(whole["epochs"])
