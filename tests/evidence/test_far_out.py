"""Values far out, feature by feature, but for those that are what a class is like."""

import numpy as np
import pytest

from autofix_nb.evidence.far_out import far_out
from tests.checks.subjects import scan, subject_of

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(300, 3)).astype(np.float32)


def found(features, labels=None):
    told = scan(features, labels)
    return list(far_out(subject_of(told), told, told.features, from_spreads=12, from_ratio=3))


def spoilt(value, rows):
    features = ROWS.copy()
    features[rows, 1] = value
    return features


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        pytest.param(1000.0, [7], id="above"),
        pytest.param(-1000.0, [7, 80], id="below"),
    ],
)
def test_values_beyond_a_gap_are_told_with_their_feature(value, rows):
    """Which rows, from which value on, and how far from the median."""
    (one,) = found(spoilt(value, rows))

    assert (1, "feature 1", rows) == (one.column, one.name, one.rows.tolist())
    assert value == pytest.approx(one.edge)
    assert (one.spreads > 500).all()


def test_nothing_is_far_out_of_what_has_no_gap():
    """The normal distribution is one piece."""
    assert [] == found(ROWS)


@pytest.mark.parametrize(("kind", "count"), [pytest.param(1, 0, id="a-class"), pytest.param(0, 1, id="others-too")])
def test_what_a_class_is_like_is_not_far_out(kind, count):
    """Ten rows of a class of their own may lie where they like."""
    rows = np.arange(10)
    labels = np.zeros(300, dtype=np.int64)
    labels[rows], labels[295:] = kind, 1

    assert count == len(found(spoilt(1000.0, rows), labels))


def test_a_feature_that_is_nearly_always_the_same_has_a_spread_too():
    """That of the values which differ."""
    features = ROWS.copy()
    features[:, 1] = 0
    features[:40, 1] = RANDOM.normal(size=40)
    features[50, 1] = 1e6

    assert [[50]] == [one.rows.tolist() for one in found(features)]
