"""Drawing takes under a hundredth of the time, and is never done in a rush."""

from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.widgets.throttle import LEAST_SECONDS, SHARE_OF_TIME, Throttle
from tests.widgets.scenes import Clock


@given(st.lists(st.floats(0.0001, 1.0), min_size=1, max_size=30))
def test_the_share_and_the_pause_are_kept(costs):
    """Whatever each drawing costs: when the next one is due, all so far took at most their share since the first."""
    clock = Clock()
    throttle = Throttle(clock)
    for cost in costs:
        assert throttle.is_due
        ended = clock.now + cost
        throttle.run(lambda cost=cost: setattr(clock, "now", clock.now + cost))
        assert not throttle.is_due
        clock.now = ended + max(LEAST_SECONDS, cost / SHARE_OF_TIME) + 1e-6

    assert throttle.share <= SHARE_OF_TIME
    assert abs(throttle.spent - sum(costs)) < 1e-6


def test_at_most_four_a_second():
    """However cheap they are."""
    clock, drawn = Clock(), []
    throttle = Throttle(clock)
    for _ in range(1000):
        clock.now += 0.01
        if throttle.is_due:
            throttle.run(lambda: drawn.append(clock.now))

    assert 38 <= len(drawn) <= 41


def test_a_drawing_that_fails_counts_too():
    """Else it would be tried again at once."""
    clock = Clock()
    throttle = Throttle(clock)

    def fail():
        clock.now += 1.0
        raise ValueError

    try:
        throttle.run(fail)
    except ValueError:
        clock.now += 1.0

    assert not throttle.is_due
