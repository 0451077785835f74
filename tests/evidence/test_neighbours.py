"""Distances to neighbours: compared with the plain way of computing them."""

import numpy as np
import pytest

from autofix_nb.evidence.neighbours import filled, fitting_rows, neighbour_distances, some_rows
from autofix_nb.evidence.tails import centres

OPTIONS = {"neighbours": 10, "references": 5000, "queries": 10_000, "fence": 3}


def test_mean_distance_to_the_nearest():
    """As all pairs of rows tell, on the robust scale."""
    values = np.random.default_rng(0).normal(size=(200, 4)) * [1, 10, 100, 1000]
    medians, spreads = centres(values)
    scaled = (values - medians) / spreads
    pairs = np.sqrt(((scaled[:, None] - scaled[None]) ** 2).sum(-1))

    expected = np.sort(pairs, 1)[:, 1:11].mean(1)

    np.testing.assert_allclose(expected, neighbour_distances(values, **OPTIONS).values, rtol=1e-6)


def test_bounded_rows():
    """So many rows are asked, and so many are looked among."""
    values = np.random.default_rng(0).normal(size=(3000, 4))
    options = OPTIONS | {"references": 200, "queries": 1000}

    found = neighbour_distances(values, **options)

    assert 1000 == len(found.rows) == len(np.unique(found.rows))
    assert found.values.min() > 0


def test_rows_far_away_are_beyond_the_fence_farthest_first():
    """And a clean set has none there."""
    values = np.random.default_rng(0).normal(size=(500, 6))
    before = neighbour_distances(values, **OPTIONS)
    values[7], values[9] = 30, -60

    after = neighbour_distances(values, **OPTIONS)

    assert [] == before.beyond.tolist()
    assert [9, 7] == after.beyond.tolist()
    assert after.expected < 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.ones((100, 3)), id="constant"),
        pytest.param(np.random.default_rng(0).integers(0, 2, size=(300, 3)).astype(float), id="a-few-places"),
    ],
)
def test_no_distances_where_rows_hardly_differ(values):
    """They say nothing."""
    assert neighbour_distances(values, **OPTIONS) is None


def test_missing_values_are_filled_with_the_median():
    """In a copy; a column of nothing becomes 0."""
    values = np.array([[1, np.nan], [np.nan, np.nan], [3, np.inf], [5, np.nan]], dtype=np.float32)
    before = values.copy()

    assert [[1, 0], [3, 0], [3, 0], [5, 0]] == filled(values).tolist()
    np.testing.assert_array_equal(before, values)


def test_some_rows_are_all_where_they_are_few():
    """Otherwise as many as wanted, each once, in order."""
    random = np.random.default_rng(0)

    assert [0, 1, 2] == some_rows(3, 5, random).tolist()
    assert 5 == len(set(some_rows(100, 5, random).tolist()))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [pytest.param(10, 5000, id="few"), pytest.param(1000, 1000, id="many"), pytest.param(10**6, 500, id="very-many")],
)
def test_the_more_columns_the_fewer_rows(columns, rows):
    """Never fewer than 500."""
    assert rows == fitting_rows(5000, columns)
