"""The writer: one job beside the loop, its result or error handed over once."""

import gc
import threading
import weakref

import pytest

from autofix_nb.checkpoints import Writer
from autofix_nb.errors import AutofixError


def test_a_result_is_handed_over_once():
    """With what the job was started with, and the time that it took."""
    moments = iter([10.0, 12.5])
    writer = Writer(lambda: next(moments))
    writer.start(lambda: "done", about={"step": 3})
    assert writer.wait(60)

    outcome = writer.taken()

    assert ("done", None, 2.5, {"step": 3}) == (outcome.result, outcome.error, outcome.seconds, outcome.about)
    assert writer.taken() is None


def test_the_loop_goes_on_while_a_job_is_under_way():
    """A second one is refused: it would hold a second copy in memory."""
    go = threading.Event()
    writer = Writer()
    writer.start(go.wait)

    assert writer.is_busy
    assert writer.taken() is None
    assert not writer.wait(0)
    with pytest.raises(AutofixError, match="second copy in memory"):
        writer.start(print)

    go.set()
    assert writer.wait(60)
    assert not writer.is_busy


def test_an_error_is_handed_over_and_not_raised():
    """And the next job runs as if nothing had been."""
    writer = Writer()
    writer.start(lambda: 1 / 0)
    assert writer.wait(60)

    assert isinstance(writer.taken().error, ZeroDivisionError)

    writer.start(lambda: 7)
    assert writer.wait(60)
    assert 7 == writer.taken().result


class State:
    """Stands for a copy of gigabytes."""


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_holds_what_was_written(fails):
    """Neither the thread, nor the outcome, nor the traceback of an error."""

    def job(state):
        if fails:
            raise OSError(28, "No space left on device")

    from functools import partial

    state = State()
    gone = weakref.ref(state)
    writer = Writer()
    writer.start(partial(job, state))
    del state
    assert writer.wait(60)
    for thread in threading.enumerate():
        if thread.name == "autofix_nb-writer":
            thread.join(60)
    gc.collect()

    assert gone() is None


def test_the_thread_does_not_hold_up_the_end_of_the_kernel():
    """A disk that hangs must not keep the process alive."""
    go, seen = threading.Event(), []
    writer = Writer()
    writer.start(lambda: (seen.append(threading.current_thread().daemon), go.wait()))
    go.set()
    assert writer.wait(60)

    assert [True] == seen


def test_where_there_are_no_more_threads_the_job_runs_at_once(monkeypatch):
    """Slower is better than not saved."""

    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    writer = Writer()
    writer.start(lambda: 7)

    assert 7 == writer.taken().result
