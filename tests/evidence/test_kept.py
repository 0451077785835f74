"""Kept rows: all while they are few, then each with the same chance."""

import numpy as np
import pytest

from autofix_nb.evidence.kept import Kept


def kept_of(total, most, block=7, seed=0):
    kept = Kept(most, seed)
    order = np.random.default_rng(3).permutation(total)
    for start in range(0, total, block):
        places = order[start : start + block]
        kept.add(places, places[:, None] * 2.0)
    return kept.rows()


@pytest.mark.parametrize(("total", "most"), [(5, 10), (10, 10), (11, 10), (500, 10)])
def test_at_most_so_many_rows_each_once_with_its_own_numbers(total, most):
    """Ascending places, and the rows that belong to them."""
    places, rows = kept_of(total, most)

    assert min(total, most) == len(set(places.tolist()))
    assert sorted(places.tolist()) == places.tolist()
    assert (places * 2.0).tolist() == rows[:, 0].tolist()


def test_first_and_last_rows_have_the_same_chance():
    """Over 200 seeds each hundredth is kept about as often: 20 of 200 rows, 4,000 draws."""
    counts = np.zeros(200)
    for seed in range(200):
        counts[kept_of(200, 20, seed=seed)[0]] += 1

    quarters = counts.reshape(4, 50).sum(axis=1)

    assert 4000 == counts.sum()
    assert 850 < quarters.min()
    assert 1150 > quarters.max()


def test_nothing_added_is_nothing_kept():
    """No rows, no arrays."""
    assert 0 == len(Kept(5).rows()[0])
