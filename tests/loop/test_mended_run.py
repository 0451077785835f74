"""What a guard does for a run that was mended, or lost what it had: best weights, the control's steps, group rates."""

from types import SimpleNamespace

import pytest
import torch
from torch.optim import SGD

from autofix_nb.history import History
from autofix_nb.loop.best import Best
from autofix_nb.loop.stepper import FARTHEST_APART, take_the_place_of
from autofix_nb.loop.treatable import LOST_POINTS, LOST_SHARE, Treatable
from tests.cases import digits_loaders, same_weights
from tests.loop.sides import Alarm, Booked, Norm


def with_goals(*goals, best=None, higher=True, standing=(), in_force=(), touches="model"):
    """Return what is asked of a guard whose epochs came to these goals; the best one kept its weights."""
    history = History()
    for epoch, goal in enumerate(goals, start=1):
        history.add_epoch({"epoch": epoch, "goal": goal, "higher_is_better": higher})
    kept = Best()
    if best is not None:
        kept.offer(goals[best], best + 1, higher, torch.nn.Linear(1, 1), standing)
    policy = SimpleNamespace(changes=[SimpleNamespace(touches=touches)], in_force=list(in_force))
    return SimpleNamespace(history=history, keeper=SimpleNamespace(best=kept), policy=policy)


@pytest.mark.parametrize(
    ("guard", "lost"),
    [
        pytest.param(with_goals(0.9, 0.89 - LOST_POINTS, best=0), True, id="far-behind"),
        pytest.param(with_goals(0.9, 0.91 - LOST_POINTS, best=0), False, id="a-little-behind"),
        pytest.param(with_goals(1.0, 1.01 + LOST_SHARE, best=0, higher=False), True, id="a-loss-far-above"),
        pytest.param(with_goals(1.0, 0.99 + LOST_SHARE, best=0, higher=False), False, id="a-loss-a-little-above"),
        pytest.param(with_goals(0.1, 0.9, best=1), False, id="the-best-is-the-newest"),
        pytest.param(with_goals(0.9, float("nan"), best=0), False, id="unknown"),
        pytest.param(with_goals(0.9, 0.1), False, id="no-weights-were-kept"),
        pytest.param(with_goals(), False, id="no-epoch-yet"),
        pytest.param(with_goals(0.9, 0.1, best=0, in_force=[0]), False, id="the-model-was-changed-since"),
        pytest.param(with_goals(0.9, 0.1, best=0, in_force=[0], touches="loop"), True, id="a-setting-was"),
        pytest.param(with_goals(0.9, 0.1, best=0, standing=[0], in_force=[0]), True, id="it-was-changed-before"),
    ],
)
def test_whether_a_run_has_lost_its_best(guard, lost):
    """By the goal of its epochs; weights of another model are none to go back to."""
    assert lost == Treatable.has_lost_its_best.fget(guard)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        pytest.param((0.1, 0.1), (0.003, 0.003), id="alike"),
        pytest.param((0.001, 0.1), (0.00003, 0.003), id="a-fine-tuned-part"),
        pytest.param((0.1, 0.001), (0.003, 0.00003), id="in-any-order"),
        pytest.param((0.003, 30.0), (0.003, 0.003), id="too-far-apart"),
        pytest.param((1.0, FARTHEST_APART), (0.003, 0.003 * FARTHEST_APART), id="just-not"),
        pytest.param((0.1, 0.0), (0.003, 0.003), id="a-group-that-does-not-learn"),
    ],
)
def test_the_fastest_group_gets_the_usual_rate(rates, expected):
    """And the others keep their ratio, unless that may be the fault itself."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": rate} for rate in rates]
    made = take_the_place_of(SGD(groups, lr=0.1), {"kind": "AdamW", "lr": 0.003})

    assert pytest.approx(expected) == tuple(group["lr"] for group in made.param_groups)


@pytest.fixture
def two_epochs(fit, monkeypatch):
    """Return how to train for 100 steps with a race at step 75, and what its candidates and policy shall be."""
    train, val = digits_loaders(batch_size=28)

    def train_it(booked, seen=lambda *_: None, **options):
        booked.put(monkeypatch)
        of = booked.of

        def candidates(run):
            found = of(run)
            seen(run, found)
            return found

        booked.of = candidates
        torch.manual_seed(5)
        model = Norm()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        monkeypatch.setattr("autofix_nb.policy.trials.ask_again", lambda *_: None)
        monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 15)
        return fit(model, train, val, epochs=2, optimizer=optimizer, detectors=[Alarm(steps=(75,))], **options)

    return train_it


def test_a_candidate_may_begin_at_the_best_weights(two_epochs, monkeypatch):
    """With moments of its own; with a rate of next to nothing that is where it ends."""
    at_rest, ended = {}, {}

    def seen(run, found):
        at_rest.update(run.keeper.best.weights)
        for one in found:
            one.best = True
            one.fixes[0][1].after["lr_scale"] = 0.0

    class Ending(Booked):
        def choose(self, race):
            ended.update(race.trained[0]._model)
            return super().choose(race)

    two_epochs(Ending(("settings",)), seen)
    learnt = [name for name in at_rest if "weight" in name or "bias" in name]

    assert learnt
    assert same_weights({name: at_rest[name] for name in learnt}, {name: ended[name] for name in learnt})


@pytest.mark.parametrize(("won", "kept"), [(0, False), (1, True)], ids=["as-the-user-made-it", "mended-before"])
def test_the_control_of_a_mended_run_can_be_gone_on_from(two_epochs, won, kept):
    """Its steps are steps of the run then, which ends so much earlier; a run that is not mended takes its own."""
    went = []

    class GoesOn(Booked):
        def choose(self, race):
            if not went:
                went.append((race.ahead is not None, self.guard.go_on(race), race.steps))
            return super().choose(race)

    booked = GoesOn(("settings",), steps=20)

    def seen(run, _):
        booked.guard = run
        run.policy.races.won = won

    run = two_epochs(booked, seen)

    assert [(kept, 20 * kept, 20)] == went
    assert 100 - 20 * kept == run.history.step("loss")
