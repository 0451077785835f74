"""Interrupted and resumed, read from the history."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.interrupted import Interrupted
from tests.runs import history


def test_says_where_it_went_on():
    """The newest time of all."""
    assert str(Interrupted().check(history(resumed=[10.0, 40.0]))) == (
        "R05 Resumed at step 1: went on with what was saved at step 40."
    )


def test_never_interrupted():
    """Is nothing to judge."""
    with pytest.raises(NotApplicable, match="`resumed`: nothing recorded"):
        Interrupted().check(history(loss=[1.0]))
