"""A race that is won ends the run where it was planned; what is not torch's own is not taken for it."""

import signal

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import DataLoader

from autofix_nb.fixes import FIXES
from autofix_nb.loop.interrupt import StopButton
from autofix_nb.objective.tasks import takes_class_ids
from autofix_nb.policy import treating
from autofix_nb.policy.races import BUDGET, Races
from tests.loop import turns
from tests.loop.sides import Alarm, Booked
from tests.loop.test_racing import trained

BY_STEPS = lambda made: (lr_scheduler.ExponentialLR(made, 0.99), "step")  # noqa: E731
RISES = lambda made: (lr_scheduler.LambdaLR(made, lambda step: 1.0 + 0.1 * step), "step")  # noqa: E731
BY_EPOCHS = lambda made: (lr_scheduler.ExponentialLR(made, 0.9), "epoch")  # noqa: E731


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_winner_ends_the_run_as_many_steps_earlier(fit, monkeypatch, accumulate):
    """Batches and steps are told apart: no epoch comes on top."""
    Booked(("settings",), steps=10, winner=0).put(monkeypatch)
    monkeypatch.setattr("autofix_nb.policy.trials.ask_again", lambda *_: None)  # a race of its own, with its own steps
    run, _ = trained(fit, alarms=(10,), accumulate=accumulate, epochs=4, fixes=set(FIXES) - {"train_longer"})

    planned = run.history.facts["planned_steps"]
    assert planned - 10 == run.journal.last("end")["step"]
    assert 4 >= len(run.history.epochs)


def test_a_loss_of_the_users_own_is_not_known_by_its_name():
    """It may ignore labels, or shift them."""

    def cross_entropy(outputs, targets):
        return torch.nn.functional.cross_entropy(outputs, targets, ignore_index=255)

    assert not takes_class_ids(cross_entropy)
    assert takes_class_ids(torch.nn.functional.cross_entropy)
    assert takes_class_ids(torch.nn.CrossEntropyLoss())


def test_a_signal_that_is_ignored_stays_so():
    """A script that the shell put into the background does not listen to its stop button."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopButton(lambda: None):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("scheduler", "accumulate", "expected"),
    [
        pytest.param(None, 1, [8, 2, 8, 4], id="no-schedule"),
        pytest.param(BY_STEPS, 1, [8, 2, 8, 6], id="by-steps"),
        pytest.param(BY_STEPS, 2, [4, 4, 2, 2], id="by-steps-accumulated"),
        pytest.param(BY_EPOCHS, 1, [8, 2, 8], id="by-epochs-which-are-over"),
    ],
)
def test_steps_that_an_old_order_would_have_had_come_later(tmp_path, monkeypatch, scheduler, accumulate, expected):
    """The epoch at hand ends where samples are shuffled from the next one on; the run takes its planned steps."""
    Booked(("reshuffle",), winner=0, steps=2).put(monkeypatch)
    monkeypatch.setattr("autofix_nb.policy.policy.wants_race", lambda policy, *_: not policy.races.won)
    options = {"detectors": [Alarm(steps=(10,))], "fixes": set(FIXES) - {"train_longer"}, "accumulate": accumulate}
    train = DataLoader(turns.Augmented(), batch_size=6)

    run = turns.trained(tmp_path, "run", 0, 0, train=train, scheduler=scheduler, **options)

    assert expected == [row["steps"] for row in run.history.epochs]


@pytest.mark.parametrize("scheduler", [None, BY_STEPS], ids=["no-schedule", "schedule"])
@given(alarms=st.lists(st.integers(20, 155), min_size=1, max_size=3, unique=True))
@example(alarms=[90])
@settings(max_examples=3, deadline=None)
def test_a_run_that_begins_again_never_takes_more_than_half_on_top(tmp_path_factory, scheduler, alarms):
    """What the budget does not cover is missing at the end; where a schedule would be cut off, there is no restart."""
    planned, count = 160, []
    with pytest.MonkeyPatch.context() as patch:
        own, wants = Races.steps_each, treating.wants_race
        Booked(("settings", "clipped"), fresh=True, winner=0).put(patch)
        patch.setattr(Races, "steps_each", own)
        patch.setattr("autofix_nb.policy.policy.wants_race", wants)
        patch.setattr("autofix_nb.loop.steps.EVERY", 1)
        hook = register_optimizer_step_pre_hook(lambda *_: count.append(1))
        options = {
            "detectors": [Alarm(steps=tuple(alarms))],
            "fixes": set(FIXES) - {"train_longer"},
            "epochs": 20,
            "val": None,
        }
        try:
            store = tmp_path_factory.mktemp("runs")
            run = turns.trained(store, "run", 0, 0, scheduler=scheduler, **options)
        finally:
            hook.remove()

    assert len(count) <= (1 + BUDGET) * planned
    assert "finished" == run.status
    if scheduler is not None:
        assert planned == run.history.step("loss") - run.history.facts.get("lineage_from", 0)


def test_a_schedule_that_rose_for_nothing_is_cut_off_by_the_budget(tmp_path, monkeypatch):
    """What it spoilt begins again without steps enough for all of it; the run ends with the budget."""
    planned, count, own = 160, [], Races.steps_each
    Booked(("settings",), fresh=True, winner=0).put(monkeypatch)
    monkeypatch.setattr(Races, "steps_each", own)
    monkeypatch.setattr("autofix_nb.policy.treating.has_learnt", lambda history: False)
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 1)
    hook = register_optimizer_step_pre_hook(lambda *_: count.append(1))
    fixes = set(FIXES) - {"train_longer"}
    try:
        options = {"detectors": [Alarm(steps=(120,))], "fixes": fixes, "epochs": 20, "val": None}
        run = turns.trained(tmp_path, "run", 0, 0, scheduler=RISES, **options)
    finally:
        hook.remove()

    assert len(count) <= (1 + BUDGET) * planned
    assert 120 < run.history.facts["ends_at"] < 120 + planned
