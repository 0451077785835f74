"""`stop_after`: what it may be, and that the training ends before it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.errors import ConfigurationError
from autofix_nb.loop.time_limit import TimeLimit, seconds_of
from autofix_nb.loop.turn import Turn
from tests.cases import mlp, same_weights, small_loader


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (90, 90.0),
        (0.5, 0.5),
        ("11h", 39600.0),
        ("90m", 5400.0),
        ("1h30m", 5400.0),
        (" 1H 30 m ", 5400.0),
        ("1.5h", 5400.0),
        ("45s", 45.0),
        ("1d2h3m4s", 93784.0),
        (timedelta(hours=11), 39600.0),
    ],
)
def test_lengths_of_time(value, seconds):
    """Seconds, text as people write it, or a `timedelta`."""
    assert seconds == seconds_of(value)


@given(st.integers(0, 50), st.integers(0, 59), st.integers(1, 59))
def test_text_is_the_sum_of_its_parts(hours, minutes, seconds):
    """Any hours, minutes and seconds."""
    assert 3600 * hours + 60 * minutes + seconds == seconds_of(f"{hours}h{minutes}m{seconds}s")


@pytest.mark.parametrize(
    "value", ["", "h", "11", "11 hours", "30m1h", "-1h", "0h", 0, -5, True, float("nan"), float("inf"), [], b"1h"]
)
def test_what_is_none_is_refused_with_the_way_out(value):
    """Before anything is trained; a bare number in text may be hours or seconds, so it is asked for again."""
    with pytest.raises(ConfigurationError, match=r"`stop_after`.*'11h', '90m' or '1h30m'"):
        TimeLimit(value)


def test_no_limit_is_never_up():
    """None sets none."""
    assert not TimeLimit(None).is_up()


def walk(seconds, gap, save=0.0):
    """Return the time of the look at which a limit is up, with looks so far apart."""
    now = [100.0]
    limit = TimeLimit(seconds, clock=lambda: now[0])
    now[0] += 50.0
    limit.start()
    began = now[0]
    while not limit.is_up(save):
        now[0] += gap
    assert limit.was_up
    return now[0] - began


@given(st.floats(60, 1000), st.floats(0.5, 10), st.floats(0, 5))
def test_it_ends_before_the_time_with_room_for_one_more_stretch_and_a_save(seconds, gap, save):
    """Counted from the start; what is kept free is a small part."""
    ended = walk(seconds, gap, save)
    spare = gap + 2 * save

    assert ended + min(spare, 0.2 * seconds) <= seconds + gap
    assert ended >= 0.8 * seconds - gap


def test_one_long_validation_does_not_eat_the_whole_time():
    """A stretch of half the time keeps only its allowed share free."""
    now = [0.0]
    limit = TimeLimit(1000, clock=lambda: now[0])
    now[0] = 500.0

    assert not limit.is_up()
    now[0] = 799.0
    assert not limit.is_up()
    now[0] = 800.0
    assert limit.is_up()


def test_a_training_ends_in_good_order_and_the_same_cell_goes_on(fit, monkeypatch):
    """What comes out is what a run without a limit gives."""
    whole = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, name="whole")
    now = [0.0]

    def ticking():
        now[0] += 5.0
        return now[0]

    monkeypatch.setattr(Turn.__init__, "__kwdefaults__", {"stop_after": None, "clock": ticking})
    first = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, stop_after=60)
    steps = first.history.step("loss")
    assert "stopped" == first.status
    assert "stop_after=60" in first.headline()
    assert 0 < steps < 24

    while (run := fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, stop_after="1m")).status == "stopped":
        assert run.history.step("loss") > steps
        steps = run.history.step("loss")

    assert "finished" == run.status
    assert same_weights(whole.last_weights, run.last_weights)
