"""The votes of the nearest rows: a row has none for itself, and surest is who lies among his own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.evidence.votes import NEIGHBOURS, contradicted_classes, neighbours_doubts


def blobs(count=200, classes=2, apart=8.0, seed=0):
    """Return features and labels of classes far apart."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return random.normal(size=(count, 3)) + apart * np.eye(classes, 3)[labels], labels


@given(st.integers(0, 199), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_row_has_no_vote_for_itself(row, in_one_place):
    """Its own label may be what it likes: its neighbours say the same of it."""
    features, labels = blobs()
    if in_one_place:
        features = 8.0 * np.eye(2, 3)[labels]
    wrong = labels.copy()
    wrong[row] = 1 - wrong[row]

    found = neighbours_doubts(features, wrong)

    assert labels[row] == found.predicted[row]
    assert 0.0 == found.confidence[row]
    assert [row] == found.suspected[:1].tolist()


def test_of_rows_with_as_many_votes_the_nearer_ones_are_the_surest():
    """Two tight heaps, and some of each that lie about them."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    spread = np.where(np.arange(400) < 200, 0.01, 1.0)
    features = random.normal(size=(400, 2)) * spread[:, None] + 50 * labels[:, None]

    found = neighbours_doubts(features, labels)

    assert (0, pytest.approx(132, abs=2)) == found.sure_errors
    assert np.flatnonzero(found.surest).max() < 200


@pytest.mark.parametrize(
    ("wrong_in", "expected"),
    [
        pytest.param((), (0, 0), id="nowhere"),
        pytest.param((0, 1), (2, 2), id="in-both"),
        pytest.param((0,), (1, 2), id="in-one"),
    ],
)
def test_classes_that_are_contradicted(wrong_in, expected):
    """Each by its own part."""
    features, labels = blobs(800)
    wrong = np.isin(labels, wrong_in) & (np.random.default_rng(1).random(800) < 0.2)

    found = neighbours_doubts(features, np.where(wrong, 1 - labels, labels))

    assert expected == contradicted_classes(found)


def test_there_are_as_many_votes_as_said():
    """In shares of all of them."""
    found = neighbours_doubts(*blobs())

    assert (found.confidence * NEIGHBOURS == np.round(found.confidence * NEIGHBOURS)).all()
