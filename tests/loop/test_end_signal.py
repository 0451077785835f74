"""SIGTERM: the training ends after the step, is saved, and the signal does what it did before."""

import multiprocessing
import os
import signal
import threading

import pytest
from torch import nn

import autofix_nb as af
from autofix_nb.loop.end_signal import EndSignal
from tests.cases import mlp, same_weights, small_loader

FORK = multiprocessing.get_context("fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(autouse=True)
def _handler_as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def end():
    os.kill(os.getpid(), signal.SIGTERM)


def exit_of(target):
    process = FORK.Process(target=target)
    process.start()
    process.join()
    return process.exitcode


def loss_that(acts, at=7):
    calls = []

    def cross_entropy(outputs, targets):
        calls.append(1)
        if len(calls) == at:
            acts()
        return nn.functional.cross_entropy(outputs, targets)

    return cross_entropy


def test_a_handler_of_the_users_own_is_called_and_put_back():
    """At once, and once more for each further signal; the process lives."""
    heard, said = [], []

    def theirs(number, frame):
        heard.append(number)

    signal.signal(signal.SIGTERM, theirs)
    with EndSignal(lambda: said.append("end")) as one:
        end()
        end()
    one.pass_on()

    assert ["end"] == said
    assert [signal.SIGTERM, signal.SIGTERM] == heard
    assert theirs is signal.getsignal(signal.SIGTERM)


def test_one_that_is_ignored_stays_ignored():
    """Whoever ignores it wants the training to go on."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    said = []
    with EndSignal(lambda: said.append("end")):
        end()
        assert signal.SIG_IGN is signal.getsignal(signal.SIGTERM)

    assert not said


def test_outside_of_the_main_thread_nothing_is_installed():
    """Python allows handlers in the main thread alone."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def elsewhere():
        with EndSignal(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert [before] == seen


def test_a_process_that_was_forked_off_is_ended_by_it_as_ever():
    """Pools and workers are ended by this signal; they must not take it for the training's."""

    def parent():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with EndSignal(lambda: os._exit(3)):
            assert -signal.SIGTERM == exit_of(end)
        os._exit(0)

    assert 0 == exit_of(parent)


def test_the_second_one_ends_the_process_at_once():
    """As without a training; nobody has to wait for a step."""

    def twice():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with EndSignal(lambda: None):
            end()
            end()
        os._exit(0)

    assert -signal.SIGTERM == exit_of(twice)


def test_a_training_that_is_ended_saves_and_the_same_cell_goes_on(fit, tmp_path):
    """A real process: it dies of the signal, after its last step is on disk; what comes out is what would have."""
    whole = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, name="whole", loss=loss_that(lambda: None))

    def train():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, loss=loss_that(end, at=12))
        os._exit(0)

    assert -signal.SIGTERM == exit_of(train)
    stopped = af.open_run(tmp_path / "run")
    assert "stopped" == stopped.status
    assert "SIGTERM" in stopped.headline()
    assert not (tmp_path / "run" / "lease.json").exists()

    run = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, loss=loss_that(lambda: None))

    assert not run.journal.entries("died")
    assert same_weights(whole.last_weights, run.last_weights)


def test_a_handler_that_exits_is_an_end_like_any_other(fit):
    """`sys.exit` in the user's handler: everything is saved, and it comes out."""

    def leave(number, frame):
        raise SystemExit(5)

    signal.signal(signal.SIGTERM, leave)
    with pytest.raises(SystemExit) as caught:
        fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, loss=loss_that(end))

    assert 5 == caught.value.code
    assert "Run the same cell again" in "\n".join(caught.value.__notes__)
    assert leave is signal.getsignal(signal.SIGTERM)
