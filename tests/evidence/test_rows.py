"""Rows of samples laid out flat: one by one or at once, of one width."""

import numpy as np
import pytest

from autofix_nb.evidence.rows import Rows


def parts(row):
    return [np.array([row, row + 0.5]), np.asarray(row)]


def test_one_by_one_or_at_once():
    """The same rows, names and statistics."""
    sample = [("x1", np.zeros(2)), ("age", np.zeros(()))]
    single, block = Rows(sample), Rows(sample)
    for row in range(3000):
        single.add(row, parts(row))
    block.add_block(np.arange(3000), [np.stack([parts(row)[place] for row in range(3000)]) for place in (0, 1)])

    (places, rows), (same_places, same_rows) = single.finish(), block.finish()

    assert ("x1[0]", "x1[1]", "age") == single.names
    assert np.array_equal(places, same_places)
    assert np.array_equal(rows, same_rows)
    np.testing.assert_allclose(single.profile.m2, block.profile.m2)


def test_another_width_is_refused():
    """And nothing of it is kept."""
    rows = Rows([("", np.zeros(3))])

    assert [True, False] == [rows.add(0, [np.ones(3)]), rows.add(1, [np.ones(4)])]
    assert not rows.add_block(np.arange(2), [np.ones((2, 2))])
    assert [0] == rows.finish()[0].tolist()


@pytest.mark.parametrize(("columns", "name"), [(("a", "b"), "a"), (("a",), "feature 0"), ((), "feature 0")])
def test_names_of_columns_count_where_they_fit(columns, name):
    """One for each number."""
    assert name == Rows([("", np.zeros(2))], columns).names[0]
