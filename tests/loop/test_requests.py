"""What a person asks for while it trains: answered between two steps, written down, and exact over a resume."""

import threading
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

import autofix_nb as af
from autofix_nb.loop.requests import Requests, Wish
from tests.cases import mlp, same_weights, small_loader


@pytest.fixture
def train(tmp_path):
    """Return a function that trains up to 24 steps; `asks` are called with the guard after the steps they stand for."""

    def call(name, asks=(), **options):
        model = mlp(4, 3, 8)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        asks = dict(asks)
        guard = af.Guard(model, optimizer, name=name, store=tmp_path, seed=3, show="none", **options)
        with guard:
            for _ in guard.epochs(3):
                for batch in guard.batches(small_loader()):
                    guard.step(batch, lambda data: cross_entropy(model(data[0]), data[1]))
                    if guard.step_count in asks:
                        asks.pop(guard.step_count)(guard)
        return guard

    return call


def lower(guard):
    guard.requests.lower_rate()


def undo(guard):
    guard.requests.undo_fix()


def stop(guard):
    guard.requests.stop()


def kinds(guard, *wanted):
    return [entry["kind"] for entry in guard.journal.entries() if entry["kind"] in wanted]


def test_nothing_is_asked_to_begin_with():
    """The loop asks after every step, so that must cost nothing."""
    assert Requests().is_empty


def test_a_wish_pressed_twice_in_one_step_was_meant_once():
    """And they are answered in their order."""
    requests = Requests()
    for ask in (requests.undo_fix, requests.save, requests.undo_fix):
        ask()

    assert [Wish.UNDO_FIX, Wish.SAVE] == requests.taken()
    assert requests.is_empty


def test_what_is_asked_in_another_thread_ends_the_wait():
    """A pause ends at once, not at the next tick."""
    requests = Requests()
    thread = threading.Thread(target=requests.go_on)
    thread.start()
    requests.wait(60.0)
    thread.join()

    assert requests.go_on_asked


def test_a_lower_rate_is_half_of_what_the_user_gave_from_the_next_step_on(train):
    """Twice is a quarter; undone, the one before is in force again."""
    guard = train("run", {4: lower, 8: lower, 12: undo})
    expected = [0.01] * 4 + [0.005] * 4 + [0.0025] * 4 + [0.005] * 12

    assert expected == pytest.approx(list(guard.history.values("lr")), rel=1e-6)


def test_a_lower_rate_is_that_of_a_plain_loop(train):
    """The same weights, bit for bit, as when the loop's own code halves the rate after that step."""

    def halve(guard):
        for group in guard.optimizer.param_groups:
            group["lr"] *= 0.5

    by_hand = train("hand", {10: lower})
    plain = train("plain", {10: halve})

    assert same_weights(plain.model.state_dict(), by_hand.model.state_dict())


def test_it_is_a_change_like_any_other_in_journal_and_report(train):
    """With its verdict, and the line that makes it permanent."""
    guard = train("run", {4: lower})
    text = str(guard.run.report())

    assert "scale_lr, by hand at step 4" in text
    assert 'group["lr"] *= 0.5' in text


@pytest.mark.parametrize(
    "asks",
    [{5: lower}, {5: lower, 9: undo}, {9: lower, 10: lower}, {3: lower, 16: undo}],
    ids=["lowered", "undone", "twice", "undone after the stop"],
)
def test_asked_for_before_and_after_a_stop_it_is_the_same_training(train, asks):
    """A run that was stopped at step 12 and gone on with ends in the same bits."""
    whole = train("whole", asks)
    train("parts", asks | {12: stop})
    again = train("parts", {step: ask for step, ask in asks.items() if step > 12})

    assert "finished" == again.run.status
    assert same_weights(whole.run.last_weights, again.run.last_weights)
    assert list(whole.history.values("lr")) == list(again.history.values("lr"))


def test_a_pause_changes_nothing_and_is_saved(train):
    """It lasts until somebody lets it go on."""
    whole = train("whole")
    said = []

    def pause(guard):
        guard.requests.pause()
        guard.panel.show_paused = lambda text: (said.append((guard.paused_at, text)), guard.requests.go_on())

    paused = train("paused", {10: pause})

    path = paused.keeper.folder / "PAUSE"
    assert [(10, f"Paused at step 10, saved. To go on, press Go on or remove the file {path}.")] == said
    assert not path.exists()
    assert same_weights(whole.run.last_weights, paused.run.last_weights)
    assert 10 in [entry["step"] for entry in paused.journal.entries("save")]
    assert ["paused", "went on"] == kinds(paused, "paused", "went on")
    assert paused.paused_at is None


def test_the_time_of_a_pause_is_none_of_the_runs(train, monkeypatch):
    """Neither of its steps, nor of its total: this run took seconds, and waited for an hour in between."""
    now = iter([100.0, 3700.0])

    def pause(guard):
        monkeypatch.setattr("autofix_nb.loop.by_hand.time", SimpleNamespace(monotonic=lambda: next(now)))
        guard.requests.pause()
        guard.panel.show_paused = lambda text: guard.requests.go_on()

    guard = train("run", {10: pause})

    assert 3600.0 == guard.journal.last("went on")["seconds"]
    assert -3600 <= guard.seconds < 0  # that hour did not go by outside of the pause


@pytest.mark.parametrize("how", ["button", "signal", "file", "time"])
def test_a_pause_hears_whatever_ends_a_training(train, monkeypatch, how):
    """A stop in the pause is one like any other, and the same cell goes on."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
    ends = {
        "button": lambda guard: guard.requests.stop(),
        "signal": lambda guard: guard._on_stop_button(),
        "file": lambda guard: (guard.keeper.folder / "STOP").touch(),
        "time": lambda guard: monkeypatch.setattr(guard.turn.limit, "is_up", lambda _: True),
    }

    def pause(guard):
        guard.requests.pause()
        guard.panel.show_paused = lambda text: ends[how](guard)

    options = {"stop_after": "1h"} if how == "time" else {}
    stopped = train("run", {10: pause}, **options)
    assert "stopped" == stopped.run.status
    assert 10 == stopped.step_count

    again = train("run")

    assert "finished" == again.run.status
    assert same_weights(train("whole").run.last_weights, again.run.last_weights)


def test_a_paused_run_gives_signs_of_life(train, monkeypatch):
    """Another kernel must not take it for dead, and what it copies elsewhere goes on."""
    signs = []

    def pause(guard):
        monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
        monkeypatch.setattr(guard.turn.lease, "renew_if_due", lambda: (signs.append(1), guard.requests.go_on()))
        guard.requests.pause()
        guard.panel.show_paused = lambda text: signs.clear()

    train("run", {10: pause})

    assert signs


def test_a_file_pauses_until_it_is_removed(train, monkeypatch):
    """From any file browser or terminal."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
    seen = []

    def pause(guard):
        path = guard.keeper.folder / "PAUSE"
        path.touch()
        guard.panel.show_paused = lambda text: (seen.append((guard.paused_at, text)), path.unlink())

    guard = train("run", {10: pause})

    assert [(10, f"Paused at step 10, saved. To go on, remove the file {guard.keeper.folder / 'PAUSE'}.")] == seen
    assert "finished" == guard.run.status


def test_a_pause_by_a_button_ends_when_its_file_is_removed(train, monkeypatch):
    """A page that was loaded anew cannot reach the busy kernel; the file browser can."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)

    def pause(guard):
        guard.requests.pause()
        guard.panel.show_paused = lambda text: (guard.keeper.folder / "PAUSE").unlink()

    assert "finished" == train("run", {10: pause}).run.status


def test_go_on_ends_a_pause_by_a_file(train, monkeypatch):
    """Whoever is there decides; the file is taken away."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)

    def pause(guard):
        (guard.keeper.folder / "PAUSE").touch()
        guard.panel.show_paused = lambda text: guard.requests.go_on()

    guard = train("run", {10: pause})

    assert "finished" == guard.run.status
    assert not (guard.keeper.folder / "PAUSE").exists()


def test_a_file_asks_for_a_save_and_is_gone_when_it_was_read_back(train, monkeypatch):
    """So a script can wait for it."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
    there = []

    def ask(guard):
        (guard.keeper.folder / "SAVE").touch()

    def look(guard):
        guard.keeper.writer.wait(60.0)

    def seen(guard):
        there.append((guard.keeper.folder / "SAVE").exists())

    guard = train("run", {10: ask, 11: look, 12: seen})

    assert [False] == there
    assert 10 in [entry["step"] for entry in guard.journal.entries("save")]


def test_a_save_changes_nothing(train):
    """Asked for at any step, between two halves of an optimizer's step too."""
    options = {"accumulate": 2}
    whole = train("whole", **options)
    saved = train("saved", {3: lambda guard: guard.requests.save()}, **options)

    assert same_weights(whole.run.last_weights, saved.run.last_weights)
    assert 3 in [entry["step"] for entry in saved.journal.entries("save")]
