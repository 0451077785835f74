"""Values far out: gaps in the tail are judged by the heaviness of that tail."""

import numpy as np
import pytest
from scipy.stats import f

from autofix_nb.evidence.tails import centres, widest_gap

TAILS = {
    "gauss": lambda random: random.normal(size=1000),
    "student-3": lambda random: random.standard_t(3, size=1000),
    "lognormal": lambda random: random.lognormal(size=1000),
    "pareto": lambda random: random.pareto(2, size=1000),
    "exponential": lambda random: random.exponential(size=1000),
}


def gap_of(values, from_ratio=3.0):
    """Return the widest gap above the median."""
    medians, spreads = centres(values[:, None])
    return widest_gap(values - medians[0], spreads[0], from_spreads=12, from_ratio=from_ratio)


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("seed", range(5))
def test_an_honest_tail_has_no_unlikely_gap(name, seed):
    """However heavy it is."""
    gap = gap_of(TAILS[name](np.random.default_rng(seed)))

    assert gap is None or gap.p > 0.01


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("count", [1, 3, 20])
def test_values_beyond_any_tail_are_counted(name, count):
    """A thousand times the spread, in as many rows as were planted."""
    values = TAILS[name](np.random.default_rng(0))
    values[:count] = values.mean() + 1000 * values.std()

    gap = gap_of(values)

    assert count == gap.count
    assert gap.p < 0.02


def test_more_than_a_twentieth_is_a_part_of_the_data():
    """A second mode is none of these."""
    values = np.random.default_rng(0).normal(size=1000)
    values[:80] += 100

    assert gap_of(values) is None


def test_the_chance_is_that_of_an_f_distribution():
    """One spacing against the mean of m others: F with 2 and 2m degrees of freedom."""
    values = np.exp(np.arange(40)[::-1] / 10.0)
    values[0] *= 100
    gap = widest_gap(values, 0.1, from_spreads=1, from_ratio=2)
    side = np.sort(values)[::-1]
    length = min(39, max(1, int(0.05 * 40)) + 20)
    logs = np.log(side[: length + 1])
    spacings = np.arange(1, length + 1) * -np.diff(logs)

    expected = f.sf(spacings[0] / spacings[1:].mean(), 2, 2 * (length - 1))

    assert gap.p == pytest.approx(expected, rel=1e-6)


def test_spread_of_sparse_features():
    """The middle half of a feature that is mostly zero tells nothing; the middle nine tenths may."""
    values = np.zeros((100, 3))
    values[:20, 0] = 5
    values[:, 1] = np.arange(100)
    values[0, 2] = 1

    medians, spreads = centres(values)

    assert [0, 49.5, 0] == medians.tolist()
    assert spreads[0] > 1
    assert spreads[1] == pytest.approx(37, rel=0.02)
    assert 0 == spreads[2]


@pytest.mark.parametrize("values", [np.zeros(50), -np.ones(50), np.ones(5), np.zeros(0)])
def test_nothing_to_judge(values):
    """No tail, no gap."""
    assert widest_gap(values, 1.0, from_spreads=0, from_ratio=1) is None


@pytest.mark.parametrize("count", [36, 45, 50, 51, 54])
def test_a_rare_flag_is_as_far_out_as_a_flag_can_be(count):
    """Where 4 to 6 % are set, the spread is that of a flag, or none at all: never next to nothing."""
    flag = np.zeros(901)
    flag[:count] = 1

    spread = centres(flag[:, None])[1][0]

    assert spread == 0 or spread > 0.3
