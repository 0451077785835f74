"""Equal samples: found by their digests, and compared with what chance gives."""

import hashlib

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

from autofix_nb.evidence.copies import chance_pairs, commonplace, groups, same_places, shared, torn_labels
from tests.checks.subjects import scan


def digested(values, side="train", **fields):
    """Return a scan whose samples are equal where `values` are."""
    digests = [hashlib.blake2b(str(value).encode(), digest_size=16).digest() for value in values]
    digests = np.frombuffer(b"".join(digests), dtype="V16")
    features = fields.pop("features", np.zeros((len(values), 1)))
    return scan(features, side=side, **{"digests": digests, "kind": "other"} | fields)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param("abc", [], id="all-different"),
        pytest.param("abca", [[0, 3]], id="a-pair"),
        pytest.param("abcbcb", [[1, 3, 5], [2, 4]], id="three-and-two"),
        pytest.param("a", [], id="one"),
        pytest.param("", [], id="none"),
    ],
)
def test_groups_hold_the_places_of_equal_samples(values, expected):
    """The earliest first."""
    assert expected == [group.tolist() for group in groups(digested(values))]


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [
        pytest.param("abc", "def", [], id="none"),
        pytest.param("abc", "dbf", [[1, 1]], id="one"),
        pytest.param("abab", "ba", [[1, 0], [0, 1]], id="the-first-of-several"),
        pytest.param("ab", "aaa", [[0, 0], [0, 1], [0, 2]], id="each-of-val"),
        pytest.param("ab", "", [], id="empty-val"),
        pytest.param("", "ab", [], id="empty-train"),
    ],
)
def test_shared_names_each_validation_sample_once(train, val, expected):
    """With the first training sample that equals it."""
    assert expected == shared(digested(train), digested(val, side="val")).tolist()


def test_a_slow_comparison_finds_the_same():
    """Pair by pair."""
    random = np.random.default_rng(0)
    train, val = random.integers(0, 400, 300), random.integers(0, 400, 200)
    slow = [[train.tolist().index(value), place] for place, value in enumerate(val) if value in train]

    assert slow == shared(digested(train), digested(val, side="val")).tolist()


def test_chance_pairs_are_those_of_independent_columns():
    """Ten yes-or-no columns and 1,000 rows: about 500 pairs agree."""
    rows = np.random.default_rng(0).integers(0, 2, (1000, 10))
    slow = sum(int((rows[left] == rows[left + 1 :]).all(1).sum()) for left in range(999))

    assert slow == pytest.approx(chance_pairs(scan(rows)), rel=0.1)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(np.random.default_rng(0).normal(size=(500, 4)), 0.0, id="measurements"),
        pytest.param(np.random.default_rng(0).integers(0, 2, (100, 3)), np.inf, id="eight-different-rows"),
    ],
)
def test_chance_is_nothing_or_everything(rows, expected):
    """Measurements never agree; eight possible rows must."""
    assert expected == chance_pairs(scan(rows))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param("aaabbcccd", True, id="most-repeat-some-often"),
        pytest.param("abcabcabc", False, id="copied-as-a-whole"),
        pytest.param("aabcdefgh", False, id="few-repeat"),
    ],
)
def test_without_columns_the_repeats_themselves_tell(values, expected):
    """Short texts repeat, some more often than others."""
    texts = digested(values, kind="tokens")

    assert expected == commonplace(texts, groups(texts), 1, 0.1)


DATA = TensorDataset(torch.zeros(20, 1))


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [
        pytest.param(DATA, DATA, 20, id="the-same-data-set"),
        pytest.param(Subset(DATA, range(15)), Subset(DATA, range(15, 20)), 0, id="a-split"),
        pytest.param(Subset(DATA, range(15)), Subset(DATA, range(12, 20)), 3, id="overlapping-parts"),
        pytest.param(Subset(Subset(DATA, range(10, 20)), [0, 1]), Subset(DATA, [11, 12]), 1, id="parts-of-parts"),
        pytest.param(DATA, TensorDataset(torch.zeros(20, 1)), 0, id="another-data-set"),
        pytest.param(DATA, ConcatDataset([DATA]), 0, id="not-told"),
    ],
)
def test_samples_at_the_same_place_of_one_data_set(train, val, expected):
    """Past any number of subsets."""
    sides = [scan(np.zeros((len(data), 1)), side=side) for data, side in ((train, "train"), (val, "val"))]

    assert expected == len(same_places(DataLoader(train), DataLoader(val), *sides))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([0, 1, 1, 0], [[1, 3]], id="one-group-differs"),
        pytest.param([0, 1, 0, 1], [], id="all-agree"),
        pytest.param([0, 1, 0, -100], [], id="ignored-ones-do-not-differ"),
        pytest.param(None, [], id="no-labels"),
    ],
)
def test_equal_samples_with_different_labels_are_torn(labels, expected):
    """Of the groups of equal samples, those whose classes differ."""
    told = digested("abcb", labels=None if labels is None else np.array(labels))
    torn, _ = torn_labels(told, groups(told))

    assert expected == [group.tolist() for group in torn]


def test_samples_without_a_finite_value_are_no_copies():
    """They are missing; those with one finite value are compared as they are."""
    features = np.array([[np.nan, np.nan], [1, np.nan], [np.nan, np.nan], [1, np.nan], [np.nan, np.inf]])
    sides = [
        digested("abab" + "a", features=features, non_finite=dict.fromkeys(range(5), "NaN"), side=side)
        for side in ("train", "val")
    ]

    assert [[1, 3]] == [group.tolist() for group in groups(sides[0])]
    assert [[1, 1], [1, 3]] == shared(*sides).tolist()
