"""The stop button, pressed once, twice, and at the worst moment."""

import os
import signal
import threading

import pytest
import torch

from autofix_nb.loop.interrupt import StopButton
from tests.cases import mlp, same_weights, small_loader


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_is_a_wish_and_the_second_acts_as_usual():
    """And the handler from before is put back."""
    before, said = signal.getsignal(signal.SIGINT), []
    with StopButton(lambda: said.append("first")):
        press()
        with pytest.raises(KeyboardInterrupt):
            press()

    assert ["first"] == said
    assert before is signal.getsignal(signal.SIGINT)


def test_the_second_waits_while_something_is_half_done():
    """It acts as soon as that is whole."""
    done = []
    with StopButton(lambda: None) as button:
        press()
        button.hold()
        press()
        done.append("whole")
        with pytest.raises(KeyboardInterrupt):
            button.let_go()

    assert ["whole"] == done


def test_while_the_run_is_saved_the_next_one_is_only_answered():
    """Whoever presses once more means it."""
    said = []
    with StopButton(lambda: said.append("first"), lambda: said.append("late")) as button:
        button.hold()
        button.close()
        press()
        with pytest.raises(KeyboardInterrupt):
            press()

    assert ["late"] == said


def test_outside_of_the_main_thread_nothing_is_installed():
    """Python allows handlers in the main thread alone."""
    before, seen = signal.getsignal(signal.SIGINT), []

    def elsewhere():
        with StopButton(lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert [before] == seen


@pytest.mark.parametrize("where", ["optimizer", "epoch", "save"])
def test_twice_at_the_worst_moment_loses_nothing(fit, monkeypatch, where):
    """In the middle of an update, of an epoch's row, of a save: the same cell goes on bit for bit."""

    def train(name, at=None, **options):
        model = mlp(4, 3, 8)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        real, calls = optimizer.step, []

        def step(*args):
            calls.append(1)
            if at == "optimizer" and len(calls) == 11:
                press()
                press()
            return real(*args)

        optimizer.step = step
        return fit(model, small_loader(), epochs=3, optimizer=optimizer, name=name, **options)

    whole = train("whole", save_every=4)
    pressed = []
    if where == "epoch":
        from autofix_nb.history import History

        real_row = History.add_epoch

        def add_epoch(self, row):
            real_row(self, row)
            if row["epoch"] == 2 and not pressed:
                pressed.append(1)
                press()
                press()

        monkeypatch.setattr(History, "add_epoch", add_epoch)
    if where == "save":
        from autofix_nb.loop.keeper import Keeper

        real_save = Keeper.save

        def save(self, guard, *args, **options):
            if guard.step_count == 12 and not pressed:
                pressed.append(1)
                press()
                press()
            return real_save(self, guard, *args, **options)

        monkeypatch.setattr(Keeper, "save", save)
    with pytest.raises(KeyboardInterrupt) as caught:
        train("run", at=where, save_every=4)

    assert "autofix_nb: saved everything up to step" in "\n".join(caught.value.__notes__)
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)

    run = train("run", save_every=4)

    assert same_weights(whole.last_weights, run.last_weights)
    assert [1, 2, 3] == [row["epoch"] for row in run.history.epochs]


def test_pressed_while_the_end_is_being_saved(fit, monkeypatch):
    """The run is over and is saved to the end; the cell returns its run."""
    from autofix_nb.loop.keeper import Keeper

    real = Keeper.save

    def save(self, guard, *args, **options):
        if guard.status == "finished":
            press()
        return real(self, guard, *args, **options)

    monkeypatch.setattr(Keeper, "save", save)

    run = fit(mlp(4, 3, 8), small_loader(), epochs=2, lr=0.01)

    assert "finished" == run.status
    assert run.last_weights
