"""The budget of time: what does not fit is not begun."""

import pytest

from autofix_nb.evidence import Clock
from autofix_nb.finding import NotApplicable


def test_what_fits_goes_on_and_what_does_not_is_said():
    """With the seconds needed and the seconds left."""
    times = iter([0.0, 50.0, 50.0])
    clock = Clock(60, now=lambda: next(times))

    clock.need(10, "the memory trial")
    with pytest.raises(NotApplicable, match=r"no time left: the memory trial takes about 11 s, 10 s of"):
        Clock(60, now=iter([0.0, 50.0, 50.0]).__next__).need(11, "the memory trial")


def test_what_is_left_is_never_negative():
    """However long a check took."""
    clock = Clock(60, now=iter([0.0, 100.0]).__next__)

    assert clock.left == 0.0
