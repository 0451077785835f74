"""What every test may count on: one thread; and, for those that ask, runs that draw no picture at their end."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Small tensors are slower on two threads, and the tests share two cores."""
    torch.set_num_threads(1)


@pytest.fixture
def fast_reports(monkeypatch):
    """Leave the picture out of `report.html`: drawing it takes longer than the trainings of these tests."""
    monkeypatch.setattr("autofix_nb.run.reporting.to_png", lambda *_: None)
