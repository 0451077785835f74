"""Predictions on unseen rows, and what they say of the labels."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from autofix_nb.evidence.folds import doubts, out_of_fold


@pytest.fixture(scope="module")
def blobs():
    """Three classes that hardly overlap: features (300, 4), labels (300,)."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 300)
    return random.normal(size=(300, 4)) + 6 * np.eye(3, 4)[labels], labels


def test_planted_errors_come_out(blobs):
    """The rows of which the label was changed, and how many they are."""
    features, labels = blobs
    wrong = np.arange(0, 300, 20)
    given = labels.copy()
    given[wrong] = (given[wrong] + 1) % 3

    found = doubts(features, given)

    assert len(set(wrong.tolist()) & set(found.suspected.tolist())) >= len(wrong) - 2
    assert len(found.suspected) <= len(wrong) + 3
    assert found.skill > 0.8
    assert (given != labels)[found.suspected[0]]


def test_clean_labels_are_not_suspected(blobs):
    """Nor contradicted where the models are surest."""
    found = doubts(*blobs)

    assert 0 == found.sure_errors[0]
    assert 99 == pytest.approx(found.sure_errors[1], abs=2)
    assert len(found.suspected) <= 2


def test_classes_are_told_by_their_own_numbers():
    """Which need not count from 0."""
    features, labels = load_wine(return_X_y=True)

    found = doubts(features, labels * 10 + 5)

    assert [5, 15, 25] == found.classes.tolist()
    assert found.accuracy > 0.95
    assert found.majority == pytest.approx(71 / 178)


def test_noise_is_not_predicted():
    """A row never speaks for itself."""
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    probabilities = out_of_fold(random.normal(size=(200, 5)), labels, folds=5, seed=0)

    right = (probabilities.argmax(1) == labels).mean()

    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert 0.35 < right < 0.65


@pytest.mark.parametrize("features", [np.ones((60, 3)), np.zeros((60, 300))])
def test_features_that_never_vary(features):
    """They tell the shares of the classes, no more."""
    found = doubts(features, np.arange(60) % 2)

    assert found.skill <= 0.1
