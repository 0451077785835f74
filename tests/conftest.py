"""What every test may count on: one thread, the longest files first; and for those that ask, runs without a picture."""

import gc
import signal

import pytest
import torch

LONGEST = (
    "test_notebooks",
    "test_taken_over",
    "test_look",
    "test_resume",
    "test_heard",
    "test_planted",
    "test_loader",
    "test_prove_resume",
    "test_racing",
    "test_readme",
    "test_install",
    "test_benchmark_overhead",
)
"""Files whose tests take longest, begun first: in several processes the whole takes as long as what ends last."""


def pytest_configure(config):
    """A shell lets what it runs in the background ignore Ctrl-C: tests of the stop button listen all the same."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collectstart():
    """Nothing of what is made while tests are collected is garbage: nobody need look for it."""
    gc.disable()


def pytest_collection_modifyitems(items):
    """Begin with the longest files; the rest keeps its order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def pytest_collection_finish():
    """Pass over what is there for good: with it, each full collection takes 0.4 s.

    The package asks for one after an error of too little memory, and so do tests that ask what is still alive.
    """
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _one_thread():
    """Small tensors are slower on two threads, and the tests share two cores."""
    torch.set_num_threads(1)


@pytest.fixture
def fast_reports(monkeypatch):
    """Leave the picture out of `report.html`: drawing it takes longer than the trainings of these tests."""
    monkeypatch.setattr("autofix_nb.run.reporting.to_png", lambda *_: None)
