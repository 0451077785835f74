"""Differences between two sets of rows."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ks_2samp, wasserstein_distance

from autofix_nb.evidence.shifts import adjusted, shares_apart, shifts, told_apart

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("chances", [[0.01], [0.5, 0.001, 0.04, 0.04], np.linspace(1, 0.001, 30).tolist(), []])
def test_adjusted_as_scipy_does(chances):
    """Benjamini and Hochberg."""
    expected = false_discovery_control(chances).tolist() if chances else []

    assert expected == pytest.approx(adjusted(chances))


def test_the_shifted_feature_comes_first():
    """With what differs in it; constant ones are not compared."""
    first, second = RANDOM.normal(size=(400, 5)), RANDOM.normal(size=(200, 5))
    second[:, 3] = 2 * second[:, 3] + 1
    first[:, 0] = second[:, 0] = 7
    first[:40, 1] = np.nan

    found = shifts(first, second)

    assert {1, 2, 3, 4} == {shift.column for shift in found}
    assert 3 == found[0].column
    assert found[0].p < 1e-6
    assert found[0].distance > 0.5
    assert found[1].p > 0.01


@pytest.mark.parametrize(("strength", "told"), [(0.0, False), (0.95, True)])
def test_a_classifier_sees_a_changed_correlation(strength, told):
    """Which no feature shows on its own."""
    first, second = RANDOM.normal(size=(800, 6)), RANDOM.normal(size=(400, 6))
    second[:, 1] = strength * second[:, 0] + np.sqrt(1 - strength**2) * second[:, 1]

    area, chance = told_apart(first, second)

    assert told == (chance < 1e-3)
    assert told == (area > 0.6)
    assert min(shift.p for shift in shifts(first, second)) > 0.01


def test_the_classifier_cries_wolf_no_more_than_it_says():
    """On halves of the same noise: at 10 % no more than 8 of 25 times, which chance would exceed once in 2,000."""
    found = 0
    for seed in range(25):
        rows = np.random.default_rng(seed).normal(size=(90, 4))
        found += told_apart(rows[:60], rows[60:])[1] < 0.1

    assert found <= 8


def test_shares_of_classes():
    """Equal shares have no strength, opposite ones all of it; rare classes stand together."""
    same = np.repeat([0, 1, 2], [50, 30, 20])
    rare = np.concatenate([same, np.arange(100, 110)])

    assert (0.0, 1.0) == pytest.approx(shares_apart(same, same))
    assert shares_apart(np.zeros(50, dtype=int), np.ones(50, dtype=int))[0] > 0.9
    assert shares_apart(rare, rare)[1] == pytest.approx(1)
    assert (0.0, 1.0) == shares_apart(np.zeros(9, dtype=int), np.zeros(9, dtype=int))


@pytest.mark.parametrize("places", [1, 8], ids=["with-ties", "without"])
def test_distances_and_chances_as_scipy_has_them(places):
    """Though all features are asked at once."""
    random = np.random.default_rng(3)
    first, second = random.normal(size=(90, 3)).round(places), random.normal(0.3, size=(40, 3)).round(places)

    told = {shift.column: shift for shift in shifts(first, second)}
    scipys = [ks_2samp(first[:, column], second[:, column], method="asymp") for column in range(3)]
    apart = [wasserstein_distance(first[:, column], second[:, column]) / first[:, column].std() for column in range(3)]

    assert [one.statistic for one in scipys] == pytest.approx([told[column].statistic for column in range(3)])
    assert apart == pytest.approx([told[column].distance for column in range(3)])
    assert adjusted([one.pvalue for one in scipys]) == pytest.approx([told[column].p for column in range(3)])
