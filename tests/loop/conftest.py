"""Trainings of the loop's tests are kept in a temporary folder and draw no pictures."""

import pytest

import autofix_nb as af


@pytest.fixture(autouse=True)
def _no_pictures(fast_reports):
    pass


@pytest.fixture
def fit(tmp_path):
    """Return `af.fit` with a temporary folder, a seed, nothing printed, and no look before training."""
    defaults = {"store": tmp_path, "name": "run", "seed": 3, "show": "none", "preflight": False}

    def call(model, train, val=None, **options):
        return af.fit(model, train, val, **(defaults | options))

    call.store = tmp_path
    return call
