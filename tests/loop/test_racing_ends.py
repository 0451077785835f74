"""A race that is won ends the run where it was planned; what is not torch's own is not taken for it."""

import signal

import pytest
import torch

from autofix_nb.fixes import FIXES
from autofix_nb.loop.interrupt import StopButton
from autofix_nb.objective.tasks import takes_class_ids
from tests.loop.sides import Booked
from tests.loop.test_racing import trained


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_winner_ends_the_run_as_many_steps_earlier(fit, monkeypatch, accumulate):
    """Batches and steps are told apart: no epoch comes on top."""
    Booked(("settings",), steps=10, winner=0).put(monkeypatch)
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
