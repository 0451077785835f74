"""Whether a run learns, on histories short enough to check by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.detectors.learning import gain_of, is_above_chance, is_learning, loss_falls
from tests.runs import history

FALLING = [1.0] * 10 + [0.9] * 30
FLAT = [1.0, 1.1] * 20
UP_AND_DOWN = [0.3, -0.3] * 5
"""Gains that are 0 but for the draw of the batch."""


@pytest.mark.parametrize(
    ("gains", "level", "expected"),
    [
        pytest.param([0.0] * 10, 2.3, False, id="nothing-known"),
        pytest.param(UP_AND_DOWN, 2.3, False, id="nothing-but-noise"),
        pytest.param([-0.5] * 10, 2.3, False, id="worse-than-nothing"),
        pytest.param([0.5, 0.6] * 5, 2.3, True, id="much-known"),
        pytest.param([0.03, 0.04] * 5, 1.0, True, id="over-2-percent"),
        pytest.param([0.01, 0.012] * 5, 1.0, None, id="a-sign-of-life"),
        pytest.param([0.001, 0.0012] * 5, 1.0, False, id="too-little"),
        pytest.param([0.5, 0.6] * 5, -40.0, None, id="small-beside-a-negative-level"),
        pytest.param([9.0, 9.5] * 5, -40.0, True, id="negative-loss-learns"),
        pytest.param([-5.0] * 30 + [0.5, 0.6] * 5, 2.3, True, id="only-the-newest-count"),
    ],
)
def test_the_gain_decides(gains, level, expected):
    """Outputs that are no better for the right targets than for the wrong ones know nothing of them."""
    assert expected is is_learning(history(gain=gains, mispaired=[level] * len(gains), loss=FLAT))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        pytest.param(FALLING, True, id="falls"),
        pytest.param(FLAT, False, id="flat"),
        pytest.param([1.0] * 10 + [2.0] * 30, False, id="rises"),
        pytest.param([1.0] * 40, False, id="constant"),
        pytest.param([-1.0] * 10 + [-3.0] * 30, True, id="negative-loss-falls"),
        pytest.param([1.0] * 10 + [0.995] * 30, False, id="falls-by-half-a-percent"),
        pytest.param([0.0, 2.0] * 5 + [0.0, 1.9] * 15, False, id="less-than-its-noise"),
        pytest.param([1.0, 0.5, 0.1], None, id="too-short"),
    ],
)
def test_without_a_gain_the_loss_decides(losses, expected):
    """The newest third against the first ten, beside the noise of both."""
    assert expected is is_learning(history(loss=losses))
    assert expected is loss_falls(history(loss=losses))


@pytest.mark.parametrize(
    ("chance", "losses", "expected"),
    [
        pytest.param(1.0, [90.0] * 10 + [9.0] * 30, None, id="far-above-and-falling"),
        pytest.param(1.0, [1.5] * 10 + [1.0] * 30, False, id="came-down-to-chance"),
        pytest.param(1.0, [90.0] * 40, False, id="far-above-and-flat"),
        pytest.param(math.nan, [90.0] * 10 + [9.0] * 30, False, id="chance-unknown"),
    ],
)
def test_a_loss_on_its_way_to_chance_is_not_judged(chance, losses, expected):
    """Raw units: first the outputs must come to the size of the targets, and only then can they know them."""
    run = history(gain=UP_AND_DOWN, mispaired=[9.0] * 10, loss=losses, chance=[chance])

    assert expected is is_learning(run)


def test_only_the_present_chapter_counts():
    """What was learnt before a restart is gone."""
    run = history(gain=[0.5, 0.6] * 5 + UP_AND_DOWN, mispaired=[2.3] * 20, loss=FALLING + FLAT)
    run.since = 39

    assert gain_of(run) is None
    assert False is loss_falls(run)


@pytest.mark.parametrize("count", range(5))
def test_few_gains_are_none(count):
    """Five are the fewest; NaN is none."""
    run = history(gain=[0.5] * count + [math.nan] * 9, mispaired=[1.0] * (count + 9))

    assert gain_of(run) is None


def test_nothing_recorded_is_not_judged():
    """An empty history gives no answer."""
    assert (None, None, None) == (is_learning(history()), gain_of(history()), loss_falls(history()))
    assert not is_above_chance(history())


def test_outputs_drawn_at_random_are_seldom_taken_for_learning():
    """Three standard errors of ten: at most a few in a hundred."""
    draw = np.random.default_rng(0)
    said = [
        is_learning(history(gain=draw.normal(0, 0.2, 10).tolist(), mispaired=[2.3] * 10, loss=FLAT)) for _ in range(300)
    ]

    assert 9 >= said.count(True)


@given(st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=40, max_size=60), st.integers(-9, 9))
def test_the_unit_of_the_loss_plays_no_part(values, power):
    """The same run in other units (powers of two, so rounding plays no part) gets the same answer."""
    here = history(loss=values, gain=values[:10], mispaired=values[10:20])
    there = history(**{name: [value * 2.0**power for value in here.values(name)] for name in here.names()})

    assert is_learning(here) is is_learning(there)
    assert loss_falls(here) is loss_falls(there)
