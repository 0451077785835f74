"""A race leaves nothing behind where nobody wins; where somebody does, the run goes on from there."""

import random
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import autofix_nb as af
from autofix_nb.fixes import FIXES
from autofix_nb.loop import side_batches
from autofix_nb.policy import treating
from autofix_nb.policy.races import Races
from tests.cases import Lstm, digits, digits_loaders
from tests.loop.sides import Alarm, Booked, Norm, left_behind, told

CALM = {}
"""What runs without a race left behind, by what is special of them: the same for all races beside them."""


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def momentum(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def trained(fit, model=Norm, make=adam, *, batch_size=28, epochs=2, alarms=(50,), rows=None, train=None, **options):
    """Return a run of 50 steps an epoch on the digits, and its optimizer."""
    loader, val = digits_loaders(batch_size=batch_size)
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    model = model()
    optimizer = make(model)
    options = {"detectors": [Alarm(steps=tuple(alarms))]} | options
    return fit(model, loader if train is None else train, val, epochs=epochs, optimizer=optimizer, **options), optimizer


@contextmanager
def counted_steps():
    """Count the steps of all optimizers."""
    count = {"steps": 0}
    hook = register_optimizer_step_pre_hook(lambda *_: count.update(steps=count["steps"] + 1))
    try:
        yield count
    finally:
        hook.remove()


@pytest.mark.parametrize(
    ("kinds", "options"),
    [
        pytest.param(("settings", "warm-up", "clipped", "weights"), {}, id="settings"),
        pytest.param(("optimizer", "reshuffle", "loss"), {}, id="optimizer-order-loss"),
        pytest.param(("norm", "drawn", "scaled", "activations"), {}, id="surgery"),
        pytest.param(("raising", "blow-up", "norm+optimizer", "drawn+raising"), {}, id="failing-and-together"),
        pytest.param(("optimizer", "norm"), {"make": momentum, "scheduler": "one-cycle"}, id="momentum-and-one-cycle"),
        pytest.param(("optimizer", "settings", "drawn"), {"model": Lstm}, id="lstm"),
        pytest.param(("optimizer", "norm", "reshuffle"), {"accumulate": 2, "alarms": (25, 50)}, id="accumulated"),
        pytest.param(("settings", "drawn", "norm+optimizer!"), {"alarms": (10, 25)}, id="early-and-last-resort"),
    ],
)
@pytest.mark.parametrize("fresh", [False, True], ids=["present-weights", "first-weights"])
def test_a_race_that_nobody_wins_leaves_nothing_behind(fit, monkeypatch, kinds, options, fresh):
    """Weights, moments, random streams, later batches and all that is recorded are those of a run without it."""
    options = dict(options)
    if options.pop("scheduler", None):
        options["scheduler"] = lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=100)
    accumulate = options.get("accumulate", 1)
    key = kinds if options else ()
    if key not in CALM:
        CALM[key] = left_behind(*trained(fit, name="calm", **options | {"alarms": ()}))
    booked = Booked(kinds, fresh=fresh, steps=60 // accumulate).put(monkeypatch)

    run, optimizer = trained(fit, **options)

    assert CALM[key] == left_behind(run, optimizer)
    assert ["race"] * len(booked.scores) == [entry["kind"] for entry in run.journal.entries("race")]
    assert booked.scores
    assert [] == run.fixes


def test_candidates_that_cannot_train_have_failed_and_say_why(fit, monkeypatch):
    """One that raises, and one whose numbers go bad."""
    booked = Booked(("raising", "blow-up", "settings")).put(monkeypatch)
    trained(fit)
    control, raising, blown_up, sound = booked.scores[0]

    assert "RuntimeError: cannot be done" == raising.failed
    assert blown_up.failed.startswith("the numbers went bad after")
    assert ("", "") == (control.failed, sound.failed)


def test_a_race_beside_an_optimizer_that_took_over_leaves_that_one_as_it_was(fit, monkeypatch):
    """The scheduler moves it in proportion to the rate it took over at, also after other optimizers were tried."""
    cycle = {"scheduler": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.98)}
    swapped = {"epochs": 3, "scheduler": lambda o: (cycle["scheduler"](o), "step")}
    outcomes = []
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 15)
    for name, alarms in (("once", (45,)), ("twice", (45, 90))):
        with monkeypatch.context() as patch:
            booked = Booked(("optimizer",), winner=0).put(patch)
            choose = booked.choose

            def first_only(race, booked=booked, choose=choose):
                booked.winner = None if booked.scores else 0
                booked.kinds = ("another",)
                return choose(race)

            booked.choose = first_only
            run, optimizer = trained(fit, name=name, alarms=alarms, **swapped)
            outcomes.append(left_behind(run, optimizer))

    assert outcomes[0] == outcomes[1]
    assert [45, 90] == [entry["step"] for entry in run.journal.entries("race")]


@pytest.mark.parametrize("fresh", [False, True], ids=["goes-on", "begins-again"])
@pytest.mark.parametrize("alarm", [20, 75])
def test_a_one_cycle_schedule_ends_with_the_run(fit, monkeypatch, fresh, alarm):
    """It goes on where the run's steps are, or begins again with the run, and never runs out before the end."""
    booked = Booked(("settings",), fresh=fresh, winner=0).put(monkeypatch)
    schedule = {}

    def cycle(optimizer):
        schedule["made"] = lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=100)
        return schedule["made"]

    alarms = (alarm,)
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 5)
    run, _ = trained(fit, alarms=alarms, scheduler=cycle)

    assert "finished" == run.status
    assert 1 == len(booked.scores)
    assert 100 == schedule["made"].last_epoch
    assert 100 + (alarm - booked.steps if fresh else 0) == run.history.step("loss")


@pytest.mark.parametrize(("alarm", "extra"), [(50, 1), (75, 2)])
def test_a_run_that_begins_again_gets_its_planned_steps(fit, monkeypatch, alarm, extra):
    """No more and no fewer; the steps on the side are the first of them."""
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 25)
    Booked(("settings",), fresh=True, winner=0).put(monkeypatch)
    run, _ = trained(fit, epochs=3, alarms=(alarm,))

    assert alarm - 20 + 150 == run.history.step("loss")
    assert run.history.facts["lineage_from"] == alarm - 20
    assert 3 + extra == len(run.history.epochs)
    assert "val/loss" in run.history.epochs[-1]


@pytest.mark.parametrize(
    ("kinds", "winner", "most", "raced"),
    [
        pytest.param(("settings", "clipped", "optimizer!", "another!"), None, 80, 3, id="kept-back-for-one"),
        pytest.param(("settings", "clipped", "optimizer!", "another!"), 0, 100, 2, id="not-wanted-any-more"),
        pytest.param(("settings", "clipped", "weights"), None, 80, 3, id="no-last-resort"),
        pytest.param(("settings", "clipped", "weights"), None, 60, 2, id="no-steps-for-the-third"),
        pytest.param(("settings", "clipped", "weights"), 0, 60, 3, id="the-winners-steps-are-the-runs"),
        pytest.param(("settings", "clipped", "optimizer!"), None, 60, 2, id="too-few-to-keep-back"),
    ],
)
def test_steps_are_kept_back_for_a_last_resort(fit, monkeypatch, kinds, winner, most, raced):
    """Where there are enough of them, and as long as nobody else won; of 20 steps each, the control's among them."""
    booked = Booked(kinds, winner=winner).put(monkeypatch)
    monkeypatch.setattr(Races, "steps_each", lambda *_, **__: (20, most))
    run, _ = trained(fit, epochs=3, alarms=(25,))
    (entry,) = run.journal.entries("race")

    assert raced == len(booked.scores[-1]) - 1 == len(entry["candidates"])
    assert entry["taken"] <= most + (0 if winner is None else 20)


@pytest.mark.parametrize(
    ("scheduler", "counts"),
    [
        pytest.param(None, True, id="no-schedule"),
        pytest.param(lambda made: (lr_scheduler.ExponentialLR(made, 0.99), "step"), False, id="schedule"),
    ],
)
def test_a_winners_steps_are_the_runs_own(fit, monkeypatch, scheduler, counts):
    """It ends so much earlier, if no schedule is cut off by it; in all it takes the control's steps more, or both."""
    Booked(("settings",), winner=0).put(monkeypatch)
    with counted_steps() as count:
        run, _ = trained(fit, epochs=3, alarms=(25,), scheduler=scheduler, fixes=set(FIXES) - {"train_longer"})

    assert 150 - 20 * counts == run.history.step("loss")
    assert 150 + 20 * (1 if counts else 2) == count["steps"]
    assert "finished" == run.status
    assert "val/loss" in run.history.epochs[-1]


@pytest.mark.parametrize(
    ("kinds", "winner", "fresh"),
    [
        pytest.param(("settings", "clipped", "optimizer!", "norm+optimizer!"), None, False, id="nobody"),
        pytest.param(("settings", "clipped", "optimizer!"), 1, False, id="second"),
        pytest.param(("settings", "clipped", "optimizer!"), 2, False, id="last-resort"),
        pytest.param(("settings", "clipped", "optimizer!"), 2, True, id="last-resort-from-the-first"),
    ],
)
def test_whatever_wins_the_run_takes_half_as_many_steps_more_at_most(fit, monkeypatch, kinds, winner, fresh):
    """Races one after another, at the first moment that they may."""
    own = Races.steps_each
    Booked(kinds, winner=winner, fresh=fresh).put(monkeypatch)
    monkeypatch.setattr(Races, "steps_each", own)
    wants = lambda policy, finding, run: not policy.trials and policy.races.may_race(finding, run.history)  # noqa: E731
    monkeypatch.setattr(treating, "wants_race", wants)
    monkeypatch.setattr("autofix_nb.policy.policy.wants_race", wants)
    monkeypatch.setattr(Races, "may_race", lambda races, _, history: races.left(history) >= 40)
    monkeypatch.setattr("autofix_nb.policy.policy.QUIET_STEPS", 0)
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 5)
    with counted_steps() as count:
        run, _ = trained(fit, epochs=4, alarms=(10, *range(25, 200, 10)))

    assert run.journal.entries("race")
    assert count["steps"] <= 300


def test_the_first_looks_come_early(fit):
    """After 10 and 25 steps, and then after every 50th; and with each epoch."""
    asked = []

    class Asked(Alarm):
        def check(self, history):
            asked.append(int(history.step("loss")))

    trained(fit, epochs=3, batch_size=20, detectors=[Asked()])

    assert [10, 25, 50, 70, 100, 140, 150, 200, 210] == sorted(set(asked))


def test_streams_that_are_their_own_iterator_are_left_alone(fit):
    """Reading them on the side would take batches from the training."""

    class Own(IterableDataset):
        def __iter__(self):
            self.at = 0
            return self

        def __next__(self):
            self.at += 1
            if self.at > 280:
                raise StopIteration
            return digits()[0][self.at], digits()[1][self.at]

    run, _ = trained(fit, train=DataLoader(Own(), batch_size=14), epochs=3, name="own")

    assert [20, 20, 20] == [row["steps"] for row in run.history.epochs]
    assert not side_batches._can_be_read_beside(DataLoader(Own(), batch_size=14))


def test_a_stream_that_begins_anew_is_raced_on(fit, monkeypatch):
    """And goes on as if it had not been."""

    class Anew(IterableDataset):
        def __iter__(self):
            yield from zip(*(part[:700] for part in digits()), strict=True)

    outcomes = []
    booked = Booked(("settings", "optimizer")).put(monkeypatch)
    for name, alarms in (("calm", ()), ("raced", (50,))):
        run, optimizer = trained(fit, train=DataLoader(Anew(), batch_size=28), epochs=3, name=name, alarms=alarms)
        outcomes.append(left_behind(run, optimizer))

    assert outcomes[0] == outcomes[1]
    assert 1 == len(booked.scores)


class TwoPlayers:
    """A step that trains a discriminator by itself, as a GAN's does."""

    def __init__(self, every=1):
        torch.manual_seed(1)
        self.__name__ = "two_players"
        self.other = nn.Linear(10, 1)
        self.optimizer = torch.optim.SGD(self.other.parameters(), lr=0.01)
        self.calls = self.steps = 0
        self.every = every

    def __call__(self, model, batch):
        self.calls += 1
        made = model(batch[0])
        if self.calls % self.every == 0:
            self.optimizer.zero_grad()
            self.other(made.detach()).square().mean().backward()
            self.optimizer.step()
            self.steps += 1
        return nn.functional.cross_entropy(made, batch[1]) + self.other(made).mean()


@pytest.mark.parametrize("every", [1, 5])
def test_a_step_that_trains_by_itself_is_never_called_on_the_side(fit, monkeypatch, every):
    """Not by a race, and not by the search for a rate before its first step."""
    Booked(("settings",)).put(monkeypatch)
    loader, _ = digits_loaders(batch_size=28)
    step = TwoPlayers(every)
    torch.manual_seed(5)
    model = Norm()

    run = fit(model, loader, epochs=2, step=step, detectors=[Alarm()], optimizer=adam(model))

    assert [] == run.journal.entries("race")
    assert (100, 100 // every) == (step.calls, step.steps)


def test_a_step_of_the_users_is_asked_before_a_rate_is_searched_for(fit):
    """What would have stepped inside of it was kept from that; one that trains nothing by itself gets its rate."""
    loader, _ = digits_loaders(batch_size=28)
    found = {}
    for name, step in (
        ("gan", TwoPlayers()),
        ("plain", lambda model, b: nn.functional.cross_entropy(model(b[0]), b[1])),
    ):
        torch.manual_seed(5)
        stopping = {"called": 0}

        def counted(model, batch, step=step, stopping=stopping):
            stopping["called"] += torch.is_grad_enabled()
            if stopping["called"] > 100:
                raise KeyboardInterrupt
            return step(model, batch)

        with pytest.raises(KeyboardInterrupt):
            fit(Norm(), loader, epochs=40, step=counted, name=name)
        found[name] = af.open_run(fit.store / name).journal.entries("range test")
        if name == "gan":
            assert step.steps == step.calls - 2  # seen through once, and asked once

    assert (0, 1) == (len(found["gan"]), len(found["plain"]))


def test_the_same_seed_writes_the_same_journal(fit, monkeypatch):
    """A sick run with a race, a restart and a trial that was undone, twice over."""
    journals = []
    for name in ("one", "two"):
        with monkeypatch.context() as patch:
            Booked(("drawn+optimizer",), fresh=True, winner=0).put(patch)
            verdicts = iter([True])
            patch.setattr("autofix_nb.policy.trials.is_worse", lambda *_, left=verdicts: next(left, False))
            run, _ = trained(fit, name=name, alarms=(50, 150), epochs=4)
            journals.append(told(run))

    kinds = [entry["kind"] for entry in journals[0]]
    assert {"race", "change", "outcome"} <= set(kinds)
    assert "undone" in {entry.get("verdict") for entry in journals[0]}
    assert journals[0] == journals[1]


def test_a_pure_tensor_data_set_is_judged_on_its_own_rows_where_there_is_no_validation(fit, monkeypatch):
    """Without validation data the coming training batches judge; nothing is left behind either."""
    inputs, targets = digits()
    loader = DataLoader(TensorDataset(inputs[:1400], targets[:1400]), batch_size=28, shuffle=True)
    booked = Booked(("settings",)).put(monkeypatch)
    outcomes = []
    for name, alarms in (("calm", ()), ("raced", (50,))):
        torch.manual_seed(5), np.random.seed(5), random.seed(5)
        model = Norm()
        optimizer = adam(model)
        run = fit(model, loader, epochs=2, optimizer=optimizer, detectors=[Alarm(steps=alarms)], name=name)
        outcomes.append(left_behind(run, optimizer))

    assert outcomes[0] == outcomes[1]
    assert all(score.rows for score in booked.scores[0])
