"""How long it will still take: by the newest epochs, and not by what was done on the side."""

import pytest

from autofix_nb.widgets.pace import Pace
from tests.widgets.scenes import Clock


def go(pace, clock, since, until, *, seconds, epochs=10, steps=1000, times=200):
    """Go from one share of the run to another."""
    for number in range(times + 1):
        share = since + (until - since) * number / times
        pace.note(share, round(share * steps), epochs=epochs)
        clock.now += seconds / times if number < times else 0


def test_an_even_pace_goes_on():
    """A tenth in 60 s leaves 540."""
    clock = Clock()
    pace = Pace(clock)
    go(pace, clock, 0.0, 0.1, seconds=60)

    assert 540 == pytest.approx(pace.seconds_left, rel=0.05)
    assert 1000 / 600 == pytest.approx(pace.steps_a_second, rel=0.05)


def test_it_follows_a_change_of_pace():
    """What was two epochs ago counts no more."""
    clock = Clock()
    pace = Pace(clock)
    go(pace, clock, 0.0, 0.5, seconds=1000)
    go(pace, clock, 0.5, 0.8, seconds=60)

    assert 40 == pytest.approx(pace.seconds_left, rel=0.3)


def test_time_on_the_side_is_left_out():
    """A race in between does not make the run look slow."""
    clock = Clock()
    pace = Pace(clock)
    go(pace, clock, 0.0, 0.1, seconds=60)
    pace.aside()
    clock.now += 500
    pace.aside()
    clock.now += 500
    go(pace, clock, 0.1, 0.2, seconds=60)

    assert 480 == pytest.approx(pace.seconds_left, rel=0.1)


def test_nothing_is_told_too_early():
    """Nor where nothing moves."""
    clock = Clock()
    pace = Pace(clock)
    assert pace.seconds_left is None
    pace.note(0.0, 0, epochs=10)
    clock.now += 1
    pace.note(0.01, 10, epochs=10)
    assert pace.seconds_left is None
    assert pace.steps_a_second is None

    still = Pace(clock)
    still.note(0.5, 10, epochs=2)
    clock.now += 10
    still.note(0.5, 10, epochs=2)

    assert still.seconds_left is None


def test_memory_is_bounded():
    """However long the run."""
    clock = Clock()
    pace = Pace(clock)
    go(pace, clock, 0.0, 1.0, seconds=1000, epochs=1, times=20_000)

    assert len(pace._points) < 100
