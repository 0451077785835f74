"""Halving finds exactly the rows that fail alone, and asks few questions."""

from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.loop.culprits import fill_up, find_culprits


@given(st.integers(1, 64).flatmap(lambda rows: st.tuples(st.just(rows), st.sets(st.integers(0, rows - 1)))))
def test_finds_exactly_the_rows_that_fail_alone(case):
    """Whatever their number and places; asking every row alone is the second implementation."""
    rows, bad = case
    asked = []

    def fails(part):
        asked.append(part)
        return any(row in bad for row in part)

    assert [row for row in range(rows) if fails([row])] == find_culprits(fails, rows)


def test_one_culprit_of_a_thousand_takes_few_questions():
    """About 2 log2(rows): each question is a forward and a backward pass."""
    asked = []
    find_culprits(lambda part: asked.append(1) or 700 in part, 1024)

    assert 21 == len(asked)


def test_rows_that_fail_only_together_are_nobodys_fault():
    """Halves pass where the whole fails: an answer would be a lie."""
    assert [] == find_culprits(lambda part: len(part) == 8, 8)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10), st.integers(1, 40))
def test_filled_up_batches_hold_the_same_rows(part, rows):
    """A full batch, and nothing in it that was not asked about."""
    filled = fill_up(part, rows)

    assert max(rows, len(part)) == len(filled)
    assert set(part) == set(filled)
