"""Neighbours agree where labels belong to their rows, and not where they are those of others."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from autofix_nb.evidence.kin import PARTS, in_parts, kin_of


def sides(order=lambda labels: labels, noise=0.0):
    """Return wines, every third to validate on, whose training labels are put in another order."""
    rows, labels = load_wine(return_X_y=True)
    val = np.arange(len(rows)) % 3 == 0
    random = np.random.default_rng(2)
    train = labels[~val].copy()
    train[random.random(len(train)) < noise] = 1
    return (rows[~val], order(train)), (rows[val], labels[val])


def test_they_agree_within_and_across_sides():
    """Nearly always, as these classes are far apart."""
    found = kin_of(*sides())

    assert min(found.train, found.val, found.across) > 0.7
    assert found.errors > 8


def test_wrong_labels_leave_some_agreement():
    """A third of them, drawn at random."""
    assert kin_of(*sides(noise=0.33)).train > 0.2


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda labels: np.random.default_rng(1).permutation(labels), id="shuffled"),
        pytest.param(lambda labels: np.roll(np.random.default_rng(3).permutation(labels), 1), id="shifted"),
    ],
)
def test_labels_of_other_rows_agree_by_chance(order):
    """They tell the validation rows nothing, which agree with each other all the same."""
    found = kin_of(*sides(order))

    assert max(abs(found.train), found.across) < 0.1
    assert found.val > 0.7


def test_numbers_are_cut_into_parts_of_equal_size():
    """By the training targets; a validation target beyond them is in the outermost."""
    train, val = in_parts(np.arange(100.0), np.array([-5.0, 60.0, 1e9]))

    assert [25] * PARTS == np.bincount(train).tolist()
    assert [0, 2, 3] == val.tolist()
